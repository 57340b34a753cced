//! What a step costs: a chain in memory, alone and with a catalogue, and with each step in a process of its own.

use super::row::{Row, limited};
use super::{Size, text};
use larder::catalog::Catalog;
use larder::{Asset, Definitions, Executor, RunOptions, StepCommand};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A chain of steps that each take the number before and add one.
pub(super) async fn run(size: Size) -> Result<Vec<Row>, String> {
    let alone = chain(size, None).await?;
    let dir = tempfile::tempdir().map_err(text)?;
    let recorded = chain(size, Some(dir.path())).await?;
    let processes = processes(size).await?;
    Ok(vec![
        limited(
            "a step of a chain, in memory",
            alone,
            Duration::from_micros(10),
            "<= 10 us",
        ),
        limited(
            "the same with the SQLite catalogue, durable at its end",
            recorded,
            Duration::from_micros(200),
            "<= 200 us",
        ),
        limited(
            "a step in a process of its own, on local disk",
            processes,
            Duration::from_millis(15),
            "<= 15 ms",
        ),
    ])
}

/// Steps of the chain of processes.
const PROCESSES: usize = 40;

/// A chain of which each step takes the number before from the disk, and adds one.
fn on_disk(dir: &Path) -> Definitions {
    let first = Asset::builder("s0").function(|_| async { Ok(0_u64) });
    let rest = (1..PROCESSES).map(|step| {
        Asset::builder(format!("s{step}"))
            .input_from::<u64>("before", format!("s{}", step - 1))
            .function(|mut args| async move { Ok(args.input::<u64>().await? + 1) })
    });
    let definitions = larder::definitions().asset(first).assets(rest).without_config();
    definitions.default_io_manager_url(format!("file://{}", dir.display()))
}

/// Makes one step of it, where this process was started for that.
pub(super) fn child(dir: &str) -> Result<(), String> {
    larder::serve_step(|| on_disk(Path::new(dir)));
    Err("no run started this process for a step".to_owned())
}

/// The time of a step, with the start of its process, loading, storing and its end.
async fn processes(size: Size) -> Result<Duration, String> {
    let mut best = Duration::MAX;
    for _ in 0..size.times {
        let dir = tempfile::tempdir().map_err(text)?;
        let pipeline = on_disk(dir.path()).build().map_err(text)?;
        let mut options = RunOptions::default();
        options.executor = Executor::Processes;
        options.step_command = Some(StepCommand {
            program: std::env::current_exe().map_err(text)?,
            arguments: ["bench".into(), "--alone".into(), "step".into(), dir.path().into()].into(),
        });
        let report = pipeline.run_with("*", options).await.map_err(text)?;
        let last = pipeline
            .load::<u64>(&format!("s{}", PROCESSES - 1))
            .await
            .map_err(text)?;
        if !report.succeeded() || last != PROCESSES as u64 - 1 {
            return Err(format!("the chain of processes ended with {last}"));
        }
        best = best.min(report.duration);
    }
    Ok(best.div_f64(PROCESSES as f64))
}

/// The time of a step, the last flush of the catalogue included.
async fn chain(size: Size, catalogs: Option<&Path>) -> Result<Duration, String> {
    let mut best = Duration::MAX;
    for time in 0..size.times {
        let first = Asset::builder("s0").function(|_| async { Ok(0_u64) });
        let rest = (1..size.steps).map(|step| {
            Asset::builder(format!("s{step}"))
                .input_from::<u64>("before", format!("s{}", step - 1))
                .function(|mut args| async move {
                    let before: u64 = args.input().await?;
                    Ok(before + 1)
                })
        });
        let memory = Arc::new(larder::backends::memory::MemoryIo::new());
        let pipeline = Definitions::new().asset(first).assets(rest).default_io_manager(memory);
        let mut pipeline = pipeline.build().map_err(text)?;
        if let Some(dir) = catalogs {
            let file = dir.join(format!("{time}.db"));
            pipeline = pipeline.with_catalog(Catalog::open(&file).map_err(text)?);
        }
        let report = pipeline.run("*").await.map_err(text)?;
        if !report.succeeded() || report.unrecorded.is_some() {
            return Err("a step of the chain failed".to_owned());
        }
        let last: u64 = pipeline.load(&format!("s{}", size.steps - 1)).await.map_err(text)?;
        if last != size.steps as u64 - 1 {
            return Err(format!("the chain ended with {last}"));
        }
        best = best.min(report.duration);
    }
    Ok(best.div_f64(size.steps as f64))
}
