//! What is so after what happened, against a model; and reading one's own writes.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Ground, block_on, on_each};
use jiff::Timestamp;
use larder_catalog::*;
use larder_io_core::{AssetKey, ErrorKind, PartitionKey, RunId};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn day(number: u16) -> Option<PartitionKey> {
    (number > 0).then(|| PartitionKey::single("day", format!("{number:03}")).unwrap())
}

fn asset(name: &str) -> AssetKey {
    name.parse().unwrap()
}

fn entry(partition: Option<PartitionKey>, version: &str) -> Entry {
    Entry::new(
        asset("a/b"),
        partition,
        RunId::from_text("r"),
        Timestamp::UNIX_EPOCH,
        "files",
        version,
    )
}

#[derive(Clone, Debug)]
enum Step {
    Materialize,
    Fail,
    Delete,
    Observe,
    Reopen,
}

#[derive(Default, PartialEq, Debug)]
struct Known {
    version: Option<String>,
    observed: Option<String>,
    failed: bool,
}

on_each!(
    sqlite: states_follow_what_happened, a_block_that_was_emptied_takes_what_comes_next, reads_its_own_writes_and_those_of_its_clones,
    assets_are_told_apart, a_run_lists_what_it_published, dynamic_keys_keep_their_order_and_refuse_what_is_no_key,
    inline_values_are_forgotten_version_by_version,
);

fn states_follow_what_happened(ground: &Ground) {
    proptest!(ProptestConfig::with_cases(24), |(
        steps in prop::collection::vec((0_u16..200, prop_oneof![
            12 => Just(Step::Materialize), 3 => Just(Step::Fail), 4 => Just(Step::Delete), 2 => Just(Step::Observe), 1 => Just(Step::Reopen),
        ]), 0..500),
    )| {
        let place = ground.place();
        let mut catalog = place.open();
        let mut model: BTreeMap<Option<PartitionKey>, Known> = BTreeMap::new();
        let (run, at) = (RunId::from_text("r"), Timestamp::UNIX_EPOCH);
        for (index, (number, step)) in steps.into_iter().enumerate() {
            // Long enough for several blocks.
            let (partition, version) = (day(number), format!("v{index}{}", "-".repeat(index % 300)));
            match step {
                Step::Materialize => {
                    catalog.record(entry(partition.clone(), &version));
                    model.insert(partition, Known { version: Some(version), ..Known::default() });
                }
                Step::Fail => {
                    let partitions = partition.clone().into_iter().collect();
                    let (kind, message) = ("Timeout".to_owned(), String::new());
                    catalog.record(Failure { run: run.clone(), assets: vec![asset("a/b")], partitions, at, kind, message });
                    model.entry(partition).or_default().failed = true;
                }
                Step::Delete => {
                    catalog.record(Deletion { asset: asset("a/b"), partition: partition.clone(), run: None, at });
                    model.remove(&partition);
                }
                Step::Observe => {
                    let metadata = BTreeMap::new();
                    let (data_version, key) = (Some(version.clone()), partition.clone());
                    catalog.record(Observation { asset: asset("a/b"), partition: key, run: None, at, data_version, metadata });
                    model.entry(partition).or_default().observed = Some(version);
                }
                Step::Reopen => {
                    drop(catalog);
                    catalog = place.open();
                }
            }
        }
        block_on(async {
            let states = catalog.states(&asset("a/b")).await.unwrap();
            prop_assert!(states.is_sorted_by(|a, b| a.partition_text() < b.partition_text()));
            let found: BTreeMap<Option<PartitionKey>, Known> = states.iter().map(|state| {
                let (version, observed) = (state.data_version().map(Into::into), state.observed().map(Into::into));
                (state.partition().unwrap(), Known { version, observed, failed: state.failed() })
            }).collect();
            prop_assert_eq!(&found, &model);
            let live: BTreeMap<_, _> = model.iter().filter_map(|(key, known)| Some((key.clone(), known.version.clone()?))).collect();
            let latest = catalog.latest(&asset("a/b")).await.unwrap();
            let latest: BTreeMap<_, _> = latest.into_iter().map(|entry| (entry.partition, entry.data_version)).collect();
            prop_assert_eq!(&latest, &live);
            for number in 0..200 {
                let found = catalog.latest_of(&asset("a/b"), day(number).as_ref()).await.unwrap();
                prop_assert_eq!(found.map(|entry| entry.data_version), live.get(&day(number)).cloned());
            }
            let all = catalog.all_states().await.unwrap();
            prop_assert_eq!(all.iter().map(|(_, states)| states.len()).sum::<usize>(), model.len());
            Ok(())
        })?;
    });
}

fn reads_its_own_writes_and_those_of_its_clones(ground: &Ground) {
    let catalog = ground.place().open();
    let clone = catalog.clone();
    block_on(async {
        for number in 0..200 {
            clone.record(entry(None, &format!("v{number}")));
            let found = catalog.latest_of(&asset("a/b"), None).await.unwrap().unwrap();
            assert_eq!(found.data_version, format!("v{number}"));
        }
        let history = catalog.history(&asset("a/b"), Some(None), 3).await.unwrap();
        let versions: Vec<String> = history
            .into_iter()
            .map(|it| match it {
                Happening::Materialized(entry) => entry.data_version,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(versions, ["v199", "v198", "v197"]);
        assert!(
            catalog
                .history(&asset("a/b"), Some(day(1).as_ref()), 3)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(catalog.history(&asset("other"), None, 3).await.unwrap().is_empty());
    });
}

fn assets_are_told_apart(ground: &Ground) {
    let catalog = ground.place().open();
    catalog.record(entry(day(1), "v1"));
    catalog.record(Entry {
        asset: asset("a/c"),
        ..entry(day(1), "v2")
    });
    catalog.record(Deletion {
        asset: asset("a/c"),
        partition: day(1),
        run: None,
        at: Timestamp::UNIX_EPOCH,
    });
    block_on(async {
        assert_eq!(catalog.latest(&asset("a/b")).await.unwrap().len(), 1);
        assert!(catalog.latest(&asset("a/c")).await.unwrap().is_empty());
        assert_eq!(catalog.all_states().await.unwrap().len(), 1);
    });
}

fn a_run_lists_what_it_published(ground: &Ground) {
    let catalog = ground.place().open();
    let run = RunId::from_text("r");
    catalog.record(entry(day(1), "v1"));
    block_on(async {
        // It was named, its beginning was not recorded.
        assert!(catalog.run(&run).await.unwrap().is_none());
        assert!(catalog.runs(9).await.unwrap().is_empty() && catalog.unfinished().await.unwrap().is_empty());
        let (at, selection) = (Timestamp::UNIX_EPOCH, "all".to_owned());
        catalog.record(RunStarted {
            run: run.clone(),
            at,
            selection,
            profile: None,
            tags: BTreeMap::new(),
        });
        catalog.record(entry(None, "v2"));
        let detail = catalog.run(&run).await.unwrap().unwrap();
        assert_eq!(detail.materialized, [(asset("a/b"), day(1)), (asset("a/b"), None)]);
    });
}

fn dynamic_keys_keep_their_order_and_refuse_what_is_no_key(ground: &Ground) {
    let place = ground.place();
    let catalog = place.open();
    block_on(async {
        catalog
            .add_dynamic_keys("customer", ["zeta", "alpha", "zeta"])
            .await
            .unwrap();
        catalog.add_dynamic_keys("customer", ["mid", "alpha"]).await.unwrap();
        catalog.add_dynamic_keys("other", ["alpha"]).await.unwrap();
        catalog
            .remove_dynamic_keys("customer", ["zeta", "never"])
            .await
            .unwrap();
        for bad in ["a\0b", "", "a\nb"] {
            let error = catalog.add_dynamic_keys("customer", ["fine", bad]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{bad:?}");
        }
        assert!(catalog.add_dynamic_keys("", ["x"]).await.is_err());
        drop(catalog);
        let catalog = place.open();
        catalog.add_dynamic_keys("customer", ["zeta"]).await.unwrap();
        assert_eq!(
            catalog.dynamic_keys("customer").await.unwrap(),
            ["alpha", "mid", "zeta"]
        );
        assert!(catalog.dynamic_keys("nobody").await.unwrap().is_empty());
    });
}

/// All in one batch: what is known of the database's blocks must hold for the later changes, too.
fn a_block_that_was_emptied_takes_what_comes_next(ground: &Ground) {
    let catalog = ground.place().open();
    let version = "-".repeat(3_000);
    block_on(async {
        // Three to a block, and blocks of their own.
        (1..=12).for_each(|number| catalog.record(entry(day(number), &version)));
        catalog.flush().await.unwrap();
        let at = Timestamp::UNIX_EPOCH;
        for number in 1..=12 {
            let (asset, partition) = (asset("a/b"), day(number));
            catalog.record(Deletion {
                asset,
                partition,
                run: None,
                at,
            });
        }
        (1..=12)
            .rev()
            .for_each(|number| catalog.record(entry(day(number), "new")));
        let states = catalog.states(&asset("a/b")).await.unwrap();
        let found: Vec<_> = states.iter().map(|state| state.partition().unwrap()).collect();
        assert_eq!(found, (1..=12).map(day).collect::<Vec<_>>());
        assert!(states.iter().all(|state| state.data_version().unwrap() == "new"));
        assert_eq!(catalog.latest(&asset("a/b")).await.unwrap().len(), 12);
    });
}

fn inline_values_are_forgotten_version_by_version(ground: &Ground) {
    let catalog = ground.place().open();
    let run = RunId::from_text("r");
    let made = |name: &str, partition: Option<PartitionKey>, version: &str, copy: &str| {
        let mut entry = Entry::new(
            asset(name),
            partition,
            run.clone(),
            Timestamp::UNIX_EPOCH,
            "disk",
            version,
        );
        entry.version = Some(version.to_owned());
        entry.inline = Some(copy.as_bytes().to_vec());
        entry.metadata.insert("odd".to_owned(), "a\0b".into());
        entry
    };
    let odd = "it's \"odd\" \\ \u{1f}\0é";
    let names = ["a", "back\\slash"];
    for version in ["1", "2", odd] {
        for name in names {
            catalog.record(made(name, None, version, "here"));
            catalog.record(made(name, day(1), version, "here"));
        }
    }
    let kept = async |name: &str, partition: Option<&PartitionKey>| {
        let happened = catalog.history(&asset(name), Some(partition), 10).await.unwrap();
        let of = happened.into_iter().map(|happening| match happening {
            Happening::Materialized(entry) => (entry.version.unwrap(), entry.inline.is_some()),
            other => panic!("{other:?}"),
        });
        of.collect::<Vec<_>>()
    };
    let own = |version: &str, inline| (version.to_owned(), inline);
    block_on(async {
        for name in names {
            // What waits to be written is forgotten too; what begins otherwise is not.
            catalog.record(made(name, None, "4", "here"));
            catalog.record(made(name, None, "4", "there"));
            catalog
                .forget_inline(&asset(name), None, b"here", ["2", odd])
                .await
                .unwrap();
            assert_eq!(
                kept(name, None).await,
                [
                    own("4", true),
                    own("4", false),
                    own(odd, true),
                    own("2", true),
                    own("1", false)
                ]
            );
            let all = [own(odd, true), own("2", true), own("1", true)];
            assert_eq!(kept(name, day(1).as_ref()).await, all);
        }
        catalog.forget_inline(&asset("nobody"), None, b"", ["1"]).await.unwrap();
    });
}
