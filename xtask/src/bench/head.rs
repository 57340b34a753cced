//! The first rows of a table that is much larger than memory need be.

use super::peers::{Operation, Peers};
use super::row::{Row, limited, told};
use super::tables::{input, manager, open, output};
use super::{Measured, Size, data, median, text, timed};
use larder::{AssetValue, IoManager, LazyTable, col};
use larder_io_object::TableFormat;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Rows that are asked for.
const ROWS: usize = 10;
const LIMIT: Duration = Duration::from_millis(50);
const REACH: &str = "< 50 ms";

pub(super) fn run(runtime: &Runtime, size: Size) -> Result<Measured, String> {
    let dir = tempfile::tempdir().map_err(text)?;
    let root = dir.path().join("lake");
    let manager = manager(&root, TableFormat::Parquet)?;
    let (stream, passed) = data::stream(size.head_bytes);
    let stored = runtime.block_on(manager.handle_output(&output()?, &stream.into_value()));
    let receipt = stored.map_err(text)?;
    let rows = passed.rows.load(Ordering::Relaxed);
    if receipt.rows != Some(rows) {
        return Err(format!("{rows} rows were stored as {:?}", receipt.rows));
    }
    let setting = format!(
        "lineitem of {:.2} GB in memory: {rows} rows, {:.2} GB as Parquet",
        passed.bytes.load(Ordering::Relaxed) as f64 / 1e9,
        receipt.bytes as f64 / 1e9
    );
    println!("{setting}");
    let asked = Asked {
        runtime,
        manager: &manager,
        times: size.heads,
    };
    let file = root.join("lineitem.parquet");
    let mut peers = Peers::start(Operation::Head, &file);
    let cached = asked.median(|| Ok(()), || peers.read(&file, ROWS), first)?;
    let cold = asked.median(|| forget(&file), || (), first)?;
    // Half of the table lies before it.
    let middle = i64::try_from(passed.order_key.load(Ordering::Relaxed) / 2).map_err(text)?;
    let filtered = asked.median(
        || Ok(()),
        || (),
        async |table| {
            let table = table.filter(col("l_orderkey").gt_eq(middle)).map_err(text)?;
            first(table).await
        },
    )?;
    let counted = asked.median(
        || Ok(()),
        || (),
        async |table| {
            let counted = table.count().await.map_err(text)?;
            (counted == rows)
                .then_some(())
                .ok_or_else(|| format!("{rows} rows were counted as {counted}"))
        },
    )?;
    let gigabytes = size.head_bytes / 1_000_000_000;
    let what = format!("head(10) of a {gigabytes} GB Parquet table");
    let mut results: Vec<Row> = vec![limited(&what, cached, LIMIT, REACH)];
    results.extend(peers.median(&what));
    results.push(limited(&format!("{what}, not cached"), cold, LIMIT, REACH));
    results.push(told("the same behind a filter, from its middle", filtered));
    results.push(told("count() of it", counted));
    Ok(Measured {
        setting: format!("{setting}; median of {}", size.heads),
        rows: results,
        versions: peers.versions(),
    })
}

struct Asked<'a, M> {
    runtime: &'a Runtime,
    manager: &'a M,
    times: usize,
}

impl<M: IoManager> Asked<'_, M> {
    /// The middle time from the manager's value to the answer; `before` and `after` take no part in it.
    fn median(
        &self,
        before: impl Fn() -> Result<(), String>,
        mut after: impl FnMut(),
        answer: impl AsyncFn(LazyTable) -> Result<(), String>,
    ) -> Result<Duration, String> {
        let context = input()?;
        let mut times = Vec::new();
        for _ in 0..self.times {
            before()?;
            let work = async || answer(open(self.manager, &context).await?).await;
            let ((), took) = timed(|| self.runtime.block_on(work()))?;
            times.push(took);
            after();
        }
        median(&times).ok_or_else(|| "it was not asked".to_owned())
    }
}

async fn first(table: LazyTable) -> Result<(), String> {
    match table.head(ROWS).await.map_err(text)?.rows() {
        ROWS => Ok(()),
        other => Err(format!("head({ROWS}) gave {other} rows")),
    }
}

/// Takes a file out of the page cache; all of it is on the disk already.
fn forget(file: &Path) -> Result<(), String> {
    fadvise(File::open(file).map_err(text)?, 0, None, Advice::DontNeed).map_err(text)
}
