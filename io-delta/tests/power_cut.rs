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
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const ROOT: &str = "/disk/deep/root";

fn open(disk: &SimDisk, mode: WriteMode) -> DeltaIo {
    let store = DurableFs::on_disk(Arc::new(disk.clone()), PathBuf::from(ROOT), Durability::Fsync, 1);
    let mut config = DeltaConfig::default();
    config.mode = mode;
    config.checkpoint_interval = 2;
    config
        .open(Ground::new(Arc::new(store), format!("file://{ROOT}")))
        .expect("opens")
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
async fn replay(disk: SimDisk, at_most: usize, stop_early: bool) -> (usize, Vec<(Choice, String)>) {
    let acknowledged = scenario(&disk).await;
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
    let (states, problems) = replay(SimDisk::new(), 1_000, false).await;
    println!("{states} crash states opened, {} problems", problems.len());
    assert!(problems.is_empty(), "{:?}", problems.first());
    assert!(states >= 500, "only {states} states");
}

/// The check notices a disk that forgets one of the first syncs of a file.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_sync_rows_are_lost() {
    let mut noticed = 0;
    for sync in 0..12 {
        let (_, problems) = replay(SimDisk::new().losing_sync(sync), 200, true).await;
        noticed += usize::from(!problems.is_empty());
    }
    assert!(noticed >= 3, "{noticed} of 12 lost syncs were noticed");
}
