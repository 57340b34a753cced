//! What is so after what happened, against a model; and reading one's own writes.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use larder_catalog::*;
use larder_io_core::{AssetKey, ErrorKind, PartitionKey, RunId};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn states_follow_what_happened(
        steps in prop::collection::vec((0_u16..200, prop_oneof![
            12 => Just(Step::Materialize), 3 => Just(Step::Fail), 4 => Just(Step::Delete), 2 => Just(Step::Observe), 1 => Just(Step::Reopen),
        ]), 0..500),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("larder.db");
        let mut catalog = Catalog::open(&path).unwrap();
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
                    catalog = Catalog::open(&path).unwrap();
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
    }
}

#[test]
fn reads_its_own_writes_and_those_of_its_clones() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&directory.path().join("larder.db")).unwrap();
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

#[test]
fn assets_are_told_apart() {
    let catalog = Catalog::in_memory().unwrap();
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

#[test]
fn a_run_lists_what_it_published() {
    let catalog = Catalog::in_memory().unwrap();
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

#[test]
fn dynamic_keys_keep_their_order_and_refuse_what_is_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("larder.db");
    let catalog = Catalog::open(&path).unwrap();
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
        let catalog = Catalog::open(&path).unwrap();
        catalog.add_dynamic_keys("customer", ["zeta"]).await.unwrap();
        assert_eq!(
            catalog.dynamic_keys("customer").await.unwrap(),
            ["alpha", "mid", "zeta"]
        );
        assert!(catalog.dynamic_keys("nobody").await.unwrap().is_empty());
    });
}
