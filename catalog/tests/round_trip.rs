//! Every record comes back as it was, from every database.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Ground, block_on, on_each};
use jiff::Timestamp;
use larder_catalog::*;
use larder_io_core::{
    AssetKey, ContentHash, Form, InputContext, Location, PartitionKey, Receipt, RunId, Version, WriteId,
};
use proptest::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

fn text() -> impl Strategy<Value = String> {
    // All that is special to SQL, JSON, paths, the partitions' texts or C strings.
    prop_oneof![
        "[a-c'\"%_=,/|\\\\\0\n ]{0,6}",
        "\\PC{0,6}",
        "[0-9a-f]{64}",
        Just("\u{10ffff}\u{0}é".to_owned())
    ]
}

fn name() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("{text}x"))
}

fn asset() -> impl Strategy<Value = AssetKey> {
    prop::collection::vec(name().prop_map(|text| text.replace('/', "|")), 1..3)
        .prop_map(|parts| AssetKey::new(parts).unwrap())
}

fn key() -> impl Strategy<Value = PartitionKey> {
    prop::collection::btree_map(name(), name(), 1..3).prop_map(|pairs| PartitionKey::new(pairs).unwrap())
}

fn at() -> impl Strategy<Value = Timestamp> {
    let (min, max) = (Timestamp::MIN.as_microsecond(), Timestamp::MAX.as_microsecond());
    prop_oneof![min..=max, Just(min), Just(max), Just(-1)].prop_map(|micros| {
        Timestamp::new(
            micros.div_euclid(1_000_000),
            (micros.rem_euclid(1_000_000) * 1000) as i32,
        )
        .unwrap()
    })
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>()
            .prop_filter("JSON has no other", |number| number.is_finite())
            .prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            prop::collection::btree_map(text(), inner, 0..3)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(text(), text(), 0..3)
}

fn metadata() -> impl Strategy<Value = BTreeMap<String, serde_json::Value>> {
    prop::collection::btree_map(text(), json(), 0..3)
}

fn duration() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

fn receipt() -> impl Strategy<Value = Receipt> {
    (
        text(),
        text(),
        any::<[u8; 4]>(),
        prop::option::of(any::<u64>()),
        duration(),
    )
        .prop_map(|(version, uri, bytes, rows, duration)| {
            let location: Location = "a/b.parquet".parse().unwrap();
            let about = InputContext::new("a/b".parse().unwrap(), None, location.clone());
            let mut receipt = Receipt::foreign(&about, location, Form::Table, "parquet");
            receipt.version = Version::from_text(version);
            receipt.write = WriteId::random();
            receipt.uri = uri;
            receipt.rows = rows;
            receipt.content_hash = Some(ContentHash::of(&bytes));
            receipt.stored_at = Timestamp::new(1_700_000_000, 123_456_789).unwrap();
            receipt.duration = duration;
            receipt
        })
}

fn inputs() -> impl Strategy<Value = Vec<InputVersions>> {
    let pairs = prop::collection::vec((prop::option::of(key()), text()), 0..4);
    prop::collection::vec(
        (asset(), pairs).prop_map(|(asset, pairs)| InputVersions::new(asset, pairs)),
        0..3,
    )
}

fn entry() -> impl Strategy<Value = Entry> {
    let names = (
        text(),
        text(),
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(text()),
    );
    let more = (
        prop::option::of(text()),
        prop::option::of(text()),
        inputs(),
        prop::option::of(receipt()),
        any::<bool>(),
    );
    let rest = (
        metadata(),
        texts(),
        duration(),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
    );
    (asset(), prop::option::of(key()), at(), names, more, rest).prop_map(|(asset, partition, at, names, more, rest)| {
        let mut entry = Entry::new(asset, partition, RunId::random(), at, names.0, names.1);
        (entry.version, entry.fingerprint, entry.code_version) = (names.2, names.3, names.4);
        (entry.config, entry.uri, entry.inputs, entry.receipt) = (more.0, more.1, more.2, more.3);
        if let (true, Some(receipt)) = (more.4, &entry.receipt) {
            entry.version = Some(receipt.version.as_str().to_owned());
            entry.uri = Some(receipt.uri.clone());
        }
        (entry.metadata, entry.tags, entry.inline) = (rest.0, rest.1, rest.3);
        entry.durations = Durations {
            compute: rest.2,
            load: Duration::MAX,
            store: Duration::ZERO,
        };
        entry
    })
}

fn run_id() -> impl Strategy<Value = RunId> {
    text().prop_map(|text| RunId::from_text(format!("{}{text}", RunId::random())))
}

on_each!(memory: entries, everything_else);

fn cases() -> ProptestConfig {
    ProptestConfig::with_cases(96)
}

fn entries(ground: &Ground) {
    proptest!(cases(), |(entries in prop::collection::vec(entry(), 1..4))| {
        let catalog = ground.place().open();
        entries.iter().for_each(|entry| catalog.record(entry.clone()));
        block_on(async {
            for entry in &entries {
                let last = entries.iter().rfind(|it| (&it.asset, &it.partition) == (&entry.asset, &entry.partition)).unwrap();
                let found = catalog.latest_of(&entry.asset, entry.partition.as_ref()).await.unwrap();
                prop_assert_eq!(found.as_ref(), Some(last));
                prop_assert!(catalog.latest(&entry.asset).await.unwrap().contains(last));
                let state = catalog.states(&entry.asset).await.unwrap().into_iter()
                    .find(|state| state.partition().unwrap() == entry.partition).unwrap();
                prop_assert_eq!(state.data_version(), Some(Cow::Borrowed(&*last.data_version)));
                prop_assert_eq!(state.fingerprint(), last.fingerprint.as_deref().map(Cow::Borrowed));
                prop_assert_eq!(state.code_version(), last.code_version.as_deref().map(Cow::Borrowed));
                prop_assert_eq!((state.at(), state.failed(), state.is_live()), (last.at, false, true));
                let history = catalog.history(&entry.asset, Some(entry.partition.as_ref()), 10).await.unwrap();
                prop_assert!(history.contains(&Happening::Materialized(Box::new(entry.clone()))));
                let of_run: Vec<Entry> = entries.iter().filter(|it| it.run == entry.run)
                    .map(|it| Entry { inline: None, ..it.clone() }).collect();
                prop_assert_eq!(&catalog.run_entries(&entry.run, 9).await.unwrap(), &of_run);
                prop_assert_eq!(&catalog.run_entries(&entry.run, 1).await.unwrap(), &of_run[..1]);
            }
            prop_assert_eq!(catalog.run_entries(&RunId::random(), 9).await.unwrap(), vec![]);
            Ok(())
        })?;
    });
}

fn everything_else(ground: &Ground) {
    proptest!(cases(), |(
        asset in asset(), others in prop::collection::vec(asset(), 0..2), partition in prop::option::of(key()),
        partitions in prop::collection::vec(key(), 0..3), (run, other) in (run_id(), run_id()),
        at in at(), (tags, metadata) in (texts(), metadata()), text in text(), maybe in prop::option::of(text()),
        (nanos, counts) in (0..=i64::MAX as u64, [0..=i64::MAX as u64, 0..=5, 0..=1]), flags in any::<[bool; 3]>(),
    )| {
        let assets: Vec<AssetKey> = std::iter::once(asset.clone()).chain(others).collect();
        let some_run = flags[2].then(|| run.clone());
        let started = RunStarted { run: run.clone(), at, selection: text.clone(), profile: maybe.clone(), tags: tags.clone() };
        let step = StepStarted { run: run.clone(), assets: assets.clone(), partitions: partitions.clone(), at };
        let observed = Observation {
            asset: asset.clone(), partition: partition.clone(), run: some_run.clone(), at,
            data_version: maybe.clone(), metadata: metadata.clone(),
        };
        let checked = Check {
            asset: asset.clone(), partition: partition.clone(), run: some_run.clone(), at, name: text.clone(),
            passed: flags[0], blocking: flags[1], warning: flags[2], message: maybe.clone(), metadata,
        };
        let failed = Failure {
            run: run.clone(), assets: assets.clone(), partitions: partitions.clone(), at,
            kind: failure_kind(larder_io_core::ErrorKind::NotFound), message: text.clone(),
        };
        let deleted = Deletion { asset: asset.clone(), partition: partition.clone(), run: some_run, at };
        let end = RunEnd {
            at, duration: Duration::from_nanos(nanos),
            counts: RunCounts { materialized: counts[0], failed: counts[1], skipped: counts[2] },
        };
        let catalog = ground.place().open();
        catalog.record(started.clone());
        catalog.record(RunStarted { run: other.clone(), ..started.clone() });
        catalog.record(step.clone());
        catalog.record(observed.clone());
        catalog.record(checked.clone());
        catalog.record(failed.clone());
        catalog.record(RunFinished { run: run.clone(), at: end.at, counts: end.counts, duration: end.duration });
        let (states, history, detail, runs, unfinished) = block_on(async {
            let states = catalog.states(&asset).await.unwrap();
            catalog.record(deleted.clone());
            let history = catalog.history(&asset, None, 100).await.unwrap();
            let run = catalog.run(&run).await.unwrap().unwrap();
            (states, history, run, catalog.runs(9).await.unwrap(), catalog.unfinished().await.unwrap())
        });
        let summary = RunSummary { run: run.clone(), started: at, selection: text, profile: maybe.clone(), tags, finished: Some(end) };
        prop_assert_eq!(&detail, &RunDetail {
            summary: summary.clone(), steps: vec![step], materialized: vec![], failures: vec![failed.clone()],
        });
        let cut = RunSummary { run: other, finished: None, ..summary.clone() };
        prop_assert_eq!(runs, vec![cut.clone(), summary]);
        prop_assert_eq!(unfinished, vec![cut]);

        prop_assert_eq!(history.first(), Some(&Happening::Deleted(deleted)));
        prop_assert!(history.contains(&Happening::Observed(observed)));
        let of_run = block_on(catalog.run_checks(&run, 9)).unwrap();
        prop_assert_eq!(of_run, if flags[2] { vec![checked.clone()] } else { vec![] });
        prop_assert!(history.contains(&Happening::Checked(checked)));
        let times = assets.iter().filter(|it| **it == asset).count();
        for key in if partitions.is_empty() { vec![None] } else { partitions.iter().cloned().map(Some).collect() } {
            let fault = Happening::Failed(FailedPartition {
                asset: asset.clone(), partition: key.clone(), run: run.clone(), at, kind: failed.kind.clone(), message: failed.message.clone(),
            });
            let listed = partitions.iter().filter(|it| Some(*it) == key.as_ref()).count().max(1);
            prop_assert_eq!(history.iter().filter(|it| **it == fault).count(), times * listed);
            let state = states.iter().find(|state| state.partition().unwrap() == key).unwrap();
            prop_assert!(state.failed() && !state.is_live() && state.data_version().is_none());
        }
        let seen = states.iter().find(|state| state.partition().unwrap() == partition).unwrap();
        prop_assert_eq!(seen.observed(), maybe.as_deref().map(Cow::Borrowed));
    });
}
