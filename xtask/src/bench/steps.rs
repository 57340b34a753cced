//! What a step costs: a chain in memory, alone and with a catalogue.

use super::row::{Row, limited};
use super::{Size, text};
use larder::catalog::Catalog;
use larder::{Asset, Definitions};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A chain of steps that each take the number before and add one.
pub(super) async fn run(size: Size) -> Result<Vec<Row>, String> {
    let alone = chain(size, None).await?;
    let dir = tempfile::tempdir().map_err(text)?;
    let recorded = chain(size, Some(dir.path())).await?;
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
    ])
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
