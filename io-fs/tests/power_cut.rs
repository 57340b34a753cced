//! Power cuts: every disk call of commits, deletes, restores and clean-ups is recorded, and every state that a power
//! cut may leave is opened again (law 4).

use bytes::Bytes;
use larder_io_core::{GcOptions, Version};
use larder_io_fs::{Durability, DurableFs};
use larder_testkit::crash::{Choice, Op, SimDisk, crash_states};
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const ROOT: &str = "/disk/deep/root";
const HISTORY: usize = 3;

/// What is stored at the two locations: `None` for nothing.
type Contents = [Option<&'static str>; 2];

fn locations() -> [Path; 2] {
    [Path::from("reports/a.json"), Path::from("b.json")]
}

/// After so many disk calls, this was acknowledged.
struct Acknowledged {
    calls: usize,
    contents: Contents,
    /// Versions of both locations that can be asked for, published or kept.
    versions: BTreeSet<String>,
}

async fn versions(store: &DurableFs) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for path in &locations() {
        all.extend(
            store
                .kept_versions(path)
                .await
                .expect("lists")
                .iter()
                .map(ToString::to_string),
        );
        all.extend(store.head(path).await.ok().and_then(|meta| meta.version));
    }
    all
}

fn open(disk: &SimDisk) -> DurableFs {
    DurableFs::on_disk(Arc::new(disk.clone()), PathBuf::from(ROOT), Durability::Fsync, HISTORY)
}

async fn put(store: &DurableFs, path: &Path, value: &'static str) -> Version {
    let attributes = Attributes::from_iter([(Attribute::Metadata("value".into()), value)]);
    let result = store
        .put_opts(
            path,
            value.into(),
            PutOptions {
                attributes,
                ..PutOptions::default()
            },
        )
        .await
        .expect("puts");
    Version::from_text(result.version.expect("has a version"))
}

async fn upload(store: &DurableFs, path: &Path, parts: [&'static str; 2]) {
    let mut upload = store.put_multipart(path).await.expect("starts");
    for part in parts {
        upload.put_part(part.into()).await.expect("writes");
    }
    upload.complete().await.expect("completes");
}

/// Commits, an upload, an abandoned upload, a restore, deletes, a copy and a clean-up.
async fn scenario(disk: &SimDisk) -> Vec<Acknowledged> {
    let store = open(disk);
    let [a, b] = locations();
    let mut acknowledged = vec![Acknowledged {
        calls: 0,
        contents: [None, None],
        versions: BTreeSet::new(),
    }];
    let mut now: Contents = [None, None];
    macro_rules! step {
        ($index:expr, $value:expr, $work:expr) => {{
            let result = $work.await;
            now[$index] = $value;
            let versions = versions(&store).await;
            acknowledged.push(Acknowledged {
                calls: disk.log_len(),
                contents: now,
                versions,
            });
            result
        }};
    }
    let first = step!(0, Some("first"), put(&store, &a, "first"));
    step!(0, Some("second"), put(&store, &a, "second"));
    step!(0, Some("third-part"), upload(&store, &a, ["third", "-part"]));
    let mut abandoned = store.put_multipart(&a).await.expect("starts");
    abandoned.put_part("abandoned".into()).await.expect("writes");
    std::mem::forget(abandoned);
    step!(0, Some("first"), async {
        store.restore_version(&a, &first).await.expect("restores")
    });
    step!(1, Some("first"), async { store.copy(&a, &b).await.expect("copies") });
    step!(0, None, async { store.delete(&a).await.expect("deletes") });
    step!(0, Some("fourth"), put(&store, &a, "fourth"));
    step!(1, None, async { store.delete(&b).await.expect("deletes") });
    // Nothing is old enough by its name yet, everything by now; a dropped reference is not.
    let mut all = GcOptions::default();
    all.older_than = Duration::ZERO;
    step!(1, None, async { store.collect_garbage(&all).await.expect("cleans up") });
    acknowledged
}

const EVERY_VALUE: [&str; 4] = ["first", "second", "third-part", "fourth"];

/// What is wrong with a crashed disk, if anything.
async fn problem(disk: &SimDisk, allowed: &[&Acknowledged]) -> Option<String> {
    let store = open(disk);
    let mut found: [Option<Bytes>; 2] = [None, None];
    for (index, path) in locations().iter().enumerate() {
        match store.get(path).await {
            Ok(got) => {
                let value = got
                    .attributes
                    .get(&Attribute::Metadata("value".into()))
                    .map(|value| value.as_ref().to_owned());
                let bytes = got.bytes().await.expect("reads");
                if value.is_some_and(|value| value.as_bytes() != bytes) {
                    return Some(format!("{path} holds {bytes:?} with the attributes of another value"));
                }
                found[index] = Some(bytes);
            }
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Some(format!("{path} cannot be read: {error}")),
        }
    }
    let matches =
        |contents: &Contents| (0..2).all(|index| found[index].as_deref() == contents[index].map(str::as_bytes));
    if !allowed.iter().any(|acknowledged| matches(&acknowledged.contents)) {
        let allowed: Vec<&Contents> = allowed.iter().map(|acknowledged| &acknowledged.contents).collect();
        return Some(format!(
            "{found:?} is stored, one of {allowed:?} was acknowledged or under way"
        ));
    }
    // What was there before and after the call under way is there in between.
    let there = versions(&store).await;
    let lost = |version: &&String| {
        allowed
            .iter()
            .all(|acknowledged| acknowledged.versions.contains(*version))
            && !there.contains(*version)
    };
    if let Some(version) = allowed[0].versions.iter().find(lost) {
        return Some(format!("history lost the version {version}"));
    }
    let listed: usize = futures_util::StreamExt::count(store.list(None)).await;
    if listed != found.iter().flatten().count() {
        return Some(format!("{listed} values are listed"));
    }
    for path in &locations() {
        for version in store.kept_versions(path).await.expect("lists") {
            let options = object_store::GetOptions {
                version: Some(version.to_string()),
                ..Default::default()
            };
            let kept = store
                .get_opts(path, options)
                .await
                .expect("opens")
                .bytes()
                .await
                .expect("reads");
            if !EVERY_VALUE.iter().any(|value| value.as_bytes() == kept) {
                return Some(format!("history of {path} shows {kept:?}, which was never published"));
            }
        }
    }
    // Life goes on.
    let mut all = GcOptions::default();
    all.older_than = Duration::ZERO;
    store.collect_garbage(&all).await.expect("cleans up");
    let [a, _] = locations();
    put(&store, &a, "second").await;
    let again = store.get(&a).await.expect("gets").bytes().await.expect("reads");
    let leftovers: Vec<PathBuf> = disk
        .files()
        .into_iter()
        .filter(|file| file.starts_with(format!("{ROOT}/.larder/tmp")))
        .collect();
    (again != "second" || !leftovers.is_empty()).then(|| format!("after the crash: {again:?}, left over {leftovers:?}"))
}

struct Outcome {
    states: usize,
    problems: Vec<(Choice, String)>,
}

/// Opens every crash state of the scenario, or as many as it takes to find a problem.
async fn replay(disk: SimDisk, stop_early: bool) -> Outcome {
    let acknowledged = scenario(&disk).await;
    let mut states = Vec::new();
    crash_states(&disk.log(), disk.has_attributes(), |choice, crashed| {
        states.push((choice.clone(), crashed))
    });
    let mut outcome = Outcome {
        states: states.len(),
        problems: Vec::new(),
    };
    for (choice, crashed) in states {
        let before = acknowledged
            .iter()
            .rposition(|ack| ack.calls <= choice.calls)
            .expect("the beginning");
        let allowed: Vec<&Acknowledged> = acknowledged[before..].iter().take(2).collect();
        if let Some(problem) = problem(&crashed, &allowed).await {
            outcome.problems.push((choice, problem));
            if stop_early {
                break;
            }
        }
    }
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn every_crash_state_holds_the_old_value_or_the_new_one() {
    for disk in [SimDisk::new(), SimDisk::new().without_attributes()] {
        let outcome = replay(disk, false).await;
        println!("{} crash states, {} problems", outcome.states, outcome.problems.len());
        assert!(outcome.problems.is_empty(), "{:?}", outcome.problems.first());
        assert!(outcome.states >= 2000, "only {} states", outcome.states);
    }
}

/// Without one of the syncs of a commit the test above must fail; syncs of directories that hold nothing of value
/// (locks, staged files) may go unnoticed.
#[tokio::test(flavor = "multi_thread")]
async fn without_one_sync_a_value_is_lost() {
    let whole = SimDisk::new();
    scenario(&whole).await;
    let syncs: Vec<Op> = whole
        .log()
        .into_iter()
        .filter(|op| matches!(op, Op::SyncFile { .. } | Op::SyncDir { .. }))
        .collect();
    let mut unnoticed = BTreeSet::new();
    for (number, sync) in syncs.iter().enumerate() {
        let outcome = replay(SimDisk::new().losing_sync(number), true).await;
        let place = match sync {
            Op::SyncFile { .. } => "a file".to_owned(),
            Op::SyncDir { path } => path.display().to_string(),
            _ => continue,
        };
        if outcome.problems.is_empty() {
            unnoticed.insert(format!("{number}: {place}"));
        }
    }
    println!("{} syncs, unnoticed without: {unnoticed:?}", syncs.len());
    // A directory is synced again by whatever is written there next, and so are those that hold nothing of value.
    let harmless = |place: &String| {
        [".larder", ".larder/tmp", ".larder/versions", ".larder/locks"]
            .iter()
            .any(|end| place.ends_with(end))
    };
    assert!(
        unnoticed.iter().all(harmless),
        "nobody noticed the loss of {unnoticed:?}"
    );
}
