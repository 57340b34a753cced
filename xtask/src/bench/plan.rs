//! Planning many assets.

use super::row::{Row, limited};
use super::{Size, best, text};
use larder::{Asset, Definitions, Selection};
use std::sync::Arc;
use std::time::Duration;

/// Builds and resolves a pipeline of many assets, each taking two before it.
pub(super) fn run(size: Size) -> Result<Vec<Row>, String> {
    let assets: Vec<Asset> = (0..size.assets)
        .map(|index| {
            let builder = Asset::builder(format!("layer{}/a{index}", index % 100));
            let taken = [index.checked_sub(1), index.checked_sub(101)].into_iter().flatten();
            let builder = taken.enumerate().fold(builder, |builder, (nth, other)| {
                builder.input_from::<u64>(format!("in{nth}"), format!("layer{}/a{other}", other % 100))
            });
            builder.function(|_| async { Ok(1_u64) })
        })
        .collect();
    let memory: Arc<dyn larder::IoManager> = Arc::new(larder::backends::memory::MemoryIo::new());
    let mut all: Vec<Vec<Asset>> = (0..size.times).map(|_| assets.clone()).collect();
    let planned = best(size.times, |_| {
        let assets = all.pop().unwrap_or_default();
        let pipeline = Definitions::new()
            .assets(assets)
            .default_io_manager(Arc::clone(&memory))
            .build()
            .map_err(text)?;
        let steps = Selection::all().resolve(&pipeline).map_err(text)?.steps;
        match steps.len() == size.assets {
            true => Ok(pipeline),
            false => Err(format!("{} steps were planned", steps.len())),
        }
    })?;
    Ok(vec![limited(
        "validate and plan 100,000 assets",
        planned,
        Duration::from_millis(200),
        "<= 200 ms",
    )])
}
