//! Power cuts on local disk: every disk call of commits, checkpoints, deletes and rewriting is recorded, and states
//! that a power cut may leave are opened again (law 4).

mod common;

use common::{ints, partition, table, texts, whole};
use larder_io_core::{
    AssetValue, ErrorKind, Form, GcOptions, IoManager, Maintenance, OptimizeOptions, OutputContext, Table,
    VacuumOptions,
};
use larder_io_delta::{DeltaConfig, DeltaIo, WriteMode};
use larder_io_fs::{Durability, DurableFs};
use larder_io_object::files::Ground;
use larder_testkit::crash::{Choice, SimDisk, crash_choices};
use object_store::ObjectStoreExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const ROOT: &str = "/disk/deep/root";

fn store(disk: &SimDisk) -> DurableFs {
    DurableFs::on_disk(Arc::new(disk.clone()), PathBuf::from(ROOT), Durability::Fsync, 1)
}

fn open(disk: &SimDisk, mode: WriteMode) -> DeltaIo {
    let mut config = DeltaConfig::default();
    config.mode = mode;
    config.checkpoint_interval = 2;
    with(disk, &config)
}

fn with(disk: &SimDisk, config: &DeltaConfig) -> DeltaIo {
    let ground = Ground::new(Arc::new(store(disk)), format!("file://{ROOT}"));
    config.open(ground).expect("opens")
}

fn rows_of(n: i64) -> Table {
    table(vec![("n", ints([n, n + 100])), ("day", ints([n % 2, n % 2]))])
}

/// Sorted rows; nothing for no table.
async fn rows(manager: &DeltaIo) -> Result<Vec<String>, String> {
    let loaded = async {
        let value = manager.load_input(&whole("t").to_input(Form::Table)).await?;
        Table::from_value(value).await
    };
    match loaded.await {
        Ok(table) => {
            let mut rows = texts(&table);
            rows.sort();
            Ok(rows)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

/// After so many disk calls, these rows were acknowledged.
struct Acknowledged {
    calls: usize,
    rows: Vec<String>,
}

/// Appends with checkpoints, a partition replaced and one deleted, files rewritten and removed.
async fn scenario(disk: &SimDisk) -> Vec<Acknowledged> {
    let (append, overwrite) = (open(disk, WriteMode::Append), open(disk, WriteMode::Overwrite));
    let mut acknowledged = vec![Acknowledged {
        calls: 0,
        rows: Vec::new(),
    }];
    let stored = async |manager: &DeltaIo, ctx: OutputContext, n: i64| {
        manager
            .handle_output(&ctx, &rows_of(n).into_value())
            .await
            .expect("stores");
    };
    macro_rules! step {
        ($work:expr) => {{
            $work;
            let rows = rows(&append).await.expect("reads");
            acknowledged.push(Acknowledged {
                calls: disk.log_len(),
                rows,
            });
        }};
    }
    step!(stored(&append, whole("t"), 1).await);
    step!(stored(&append, whole("t"), 2).await);
    step!(stored(&append, whole("t"), 3).await);
    step!(stored(&overwrite, partition("t", &[("day", "1")]), 5).await);
    let input = whole("t").to_input(Form::Table);
    step!(drop(
        overwrite
            .optimize(&input, &OptimizeOptions::default())
            .await
            .expect("optimizes")
    ));
    let day = partition("t", &[("day", "0")]).to_input(Form::Table);
    step!(overwrite.delete(&day).await.expect("deletes"));
    let mut all = VacuumOptions::default();
    (all.retention, all.force) = (Some(Duration::ZERO), true);
    step!(drop(overwrite.vacuum(&input, &all).await.expect("vacuums")));
    acknowledged
}

/// An append, and merges into it whose changes are recorded.
async fn recording(disk: &SimDisk) -> Vec<Acknowledged> {
    let mut acknowledged = vec![Acknowledged {
        calls: 0,
        rows: Vec::new(),
    }];
    let mut config = DeltaConfig::default();
    config.change_data_feed = true;
    (config.mode, config.merge_on) = (WriteMode::Merge, vec!["n".to_owned()]);
    let merging = with(disk, &config);
    for n in [1, 2, 1, 2] {
        let ctx = whole("t");
        merging
            .handle_output(&ctx, &rows_of(n).into_value())
            .await
            .expect("merges");
        let rows = rows(&merging).await.expect("reads");
        acknowledged.push(Acknowledged {
            calls: disk.log_len(),
            rows,
        });
    }
    acknowledged
}

/// A change file that a commit names and that is not there whole.
async fn lost_change(disk: &SimDisk) -> Option<String> {
    let store = store(disk);
    for version in 0..10 {
        let Ok(found) = store
            .get(&format!("t.delta/_delta_log/{version:020}.json").into())
            .await
        else {
            continue;
        };
        let commit = found.bytes().await.expect("reads");
        for action in serde_json::Deserializer::from_slice(&commit).into_iter::<serde_json::Value>() {
            let change = action.expect("is JSON")["cdc"].clone();
            let Some(name) = change["path"].as_str() else { continue };
            let size = store
                .head(&format!("t.delta/{name}").into())
                .await
                .map(|meta| meta.size);
            if size.as_ref().ok() != change["size"].as_u64().as_ref() {
                return Some(format!("version {version} records its changes in `{name}`: {size:?}"));
            }
        }
    }
    None
}

/// What is wrong with a crashed disk, if anything.
async fn problem(disk: &SimDisk, allowed: &[&Acknowledged]) -> Option<String> {
    let manager = open(disk, WriteMode::Append);
    let found = match rows(&manager).await {
        Ok(found) => found,
        Err(error) => return Some(error),
    };
    if !allowed.iter().any(|acknowledged| acknowledged.rows == found) {
        let allowed: Vec<_> = allowed.iter().map(|acknowledged| &acknowledged.rows).collect();
        return Some(format!(
            "{found:?} is stored, one of {allowed:?} was acknowledged or under way"
        ));
    }
    // Life goes on.
    let mut all = GcOptions::default();
    all.older_than = Duration::ZERO;
    if let Err(error) = manager.gc(&all).await {
        return Some(format!("gc: {error}"));
    }
    if let Err(error) = manager.handle_output(&whole("t"), &rows_of(7).into_value()).await {
        return Some(format!("store: {error}"));
    }
    let mut wanted = found;
    wanted.extend(texts(&rows_of(7)));
    wanted.sort();
    match rows(&manager).await {
        Ok(after) if after == wanted => None,
        other => Some(format!("after the crash one more store gives {other:?}")),
    }
}

/// Opens at most so many crash states, evenly spread, or as many as it takes to find a problem.
async fn replay(
    disk: SimDisk,
    acknowledged: Vec<Acknowledged>,
    at_most: usize,
    stop_early: bool,
) -> (usize, Vec<(Choice, String)>) {
    let log = disk.log();
    let choices = crash_choices(&log);
    println!("{} disk calls, {} crash states", log.len(), choices.len());
    let (mut opened, mut problems) = (0, Vec::new());
    for choice in choices.iter().step_by(choices.len().div_ceil(at_most)) {
        let before = acknowledged
            .iter()
            .rposition(|ack| ack.calls <= choice.calls)
            .expect("the beginning");
        let allowed: Vec<&Acknowledged> = acknowledged[before..].iter().take(2).collect();
        let crashed = choice.disk(&log, disk.has_attributes());
        opened += 1;
        if let Some(problem) = problem(&crashed, &allowed).await {
            problems.push((choice.clone(), problem));
            if stop_early {
                break;
            }
        }
    }
    (opened, problems)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_state_holds_a_whole_version() {
    let disk = SimDisk::new();
    let acknowledged = scenario(&disk).await;
    let (states, problems) = replay(disk, acknowledged, 1_000, false).await;
    println!("{states} crash states opened, {} problems", problems.len());
    assert!(problems.is_empty(), "{:?}", problems.first());
    assert!(states >= 500, "only {states} states");
}

/// The check notices a disk that forgets one of the first syncs of a file.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_sync_rows_are_lost() {
    let mut noticed = 0;
    for sync in 0..12 {
        let disk = SimDisk::new().losing_sync(sync);
        let acknowledged = scenario(&disk).await;
        let (_, problems) = replay(disk, acknowledged, 200, true).await;
        noticed += usize::from(!problems.is_empty());
    }
    assert!(noticed >= 3, "{noticed} of 12 lost syncs were noticed");
}

/// Changes are there, whole, with the commit that names them.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_state_holds_the_changes_of_its_versions() {
    let disk = SimDisk::new();
    let acknowledged = recording(&disk).await;
    let (log, choices) = (disk.log(), crash_choices(&disk.log()));
    let mut found = 0;
    for choice in choices.iter().step_by(choices.len().div_ceil(600)) {
        let crashed = choice.disk(&log, disk.has_attributes());
        let lost = lost_change(&crashed).await;
        assert!(lost.is_none(), "{choice:?}: {lost:?}");
        found += 1;
    }
    assert!(found >= 300, "only {found} states");
    let (_, problems) = replay(disk, acknowledged, 300, false).await;
    assert!(problems.is_empty(), "{:?}", problems.first());
}
