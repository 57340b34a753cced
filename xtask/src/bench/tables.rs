//! Lineitem stored and loaded, beside the bare libraries and the peers. Who stores does so in a new place each time, and what
//! was stored or loaded is removed outside of the clock; the file that is read is in the page cache for all.

use super::memory::{self, Roots};
use super::peers::{Operation, Peers};
use super::row::{Row, against, limited};
use super::{Measured, Size, bare, best, data, settle, text, timed};
use arrow_array::RecordBatch;
use futures_util::TryStreamExt;
use larder::{AssetKey, AssetValue, InputContext, IoManager, LazyTable, OutputContext, Table, TableStream};
use larder_io_fs::FsConfig;
use larder_io_object::TableFormat;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;

pub(super) fn manager(root: &Path, format: TableFormat) -> Result<impl IoManager, String> {
    let mut config = FsConfig::new(root);
    config.table = format;
    config.history = 1;
    config.open().map_err(text)
}

pub(super) fn output() -> Result<OutputContext, String> {
    let key: AssetKey = "lineitem".parse().map_err(text)?;
    Ok(OutputContext::new(key, None, "lineitem".parse().map_err(text)?))
}

pub(super) fn input() -> Result<InputContext, String> {
    Ok(output()?.to_input(larder::Form::Table))
}

/// One run over lineitem.
struct Bench<'b> {
    runtime: &'b Runtime,
    size: Size,
    table: &'b Table,
    dir: &'b Path,
    /// The rows as the peers take them in hand.
    handed: PathBuf,
}

pub(super) fn run(runtime: &Runtime, size: Size) -> Result<Measured, String> {
    let table = data::lineitem(size.scale)?;
    let bytes = data::bytes(&table) as f64 / 1e9;
    let setting = format!(
        "lineitem at scale {}: {} rows, {bytes:.2} GB in memory",
        size.scale,
        table.rows()
    );
    println!("{setting}");
    let dir = tempfile::tempdir().map_err(text)?;
    let bench = Bench {
        runtime,
        size,
        table: &table,
        dir: dir.path(),
        handed: dir.path().join("handed.arrow"),
    };
    data::hand_over(&table, &bench.handed)?;
    let parquet_stored = bench.store_parquet()?;
    let parquet_loaded = bench.load_parquet()?;
    let arrow_stored = bench.store_arrow()?;
    std::fs::remove_file(&bench.handed).map_err(text)?;
    let mapped = bench.map_arrow()?;
    let roots = [TableFormat::Parquet, TableFormat::Arrow].map(|format| bench.kept(format).display().to_string());
    let roots = Roots {
        parquet: &roots[0],
        arrow: &roots[1],
    };
    let peaks = memory::peaks(
        size,
        &roots,
        [parquet_stored.peaks, arrow_stored.peaks, parquet_loaded.peaks],
    )?;
    drop((table, dir));
    let streams = memory::streams(size)?;
    Ok(Measured {
        setting: format!("{setting}; best of {}", size.table_times),
        rows: [
            parquet_stored.rows,
            parquet_loaded.rows,
            arrow_stored.rows,
            mapped,
            peaks,
            streams,
        ]
        .concat(),
        versions: parquet_stored.versions,
    })
}

/// Rows of time, and what the peers took of memory, once they have ended and given it back.
struct Taken {
    rows: Vec<Row>,
    peaks: Vec<Row>,
    versions: Vec<(String, String)>,
}

impl Taken {
    fn new(row: Row, peers: &Peers, peak: &str) -> Self {
        let mut rows = peers.best(&row.what);
        rows.insert(0, row);
        Self {
            rows,
            peaks: peers.peaks(peak),
            versions: peers.versions(),
        }
    }
}

/// Both, another one first each time: a rented disk may be fast until it has written so much.
fn in_turn(
    time: usize,
    ours: impl FnOnce() -> Result<Duration, String>,
    bare: impl FnOnce() -> Result<Duration, String>,
) -> Result<(Duration, Duration), String> {
    if time.is_multiple_of(2) {
        let took = ours()?;
        return Ok((took, bare()?));
    }
    let took = bare()?;
    Ok((ours()?, took))
}

impl Bench<'_> {
    fn kept(&self, format: TableFormat) -> PathBuf {
        self.dir.join(format!("kept-{format:?}"))
    }

    /// Stores the table below a root that is new.
    fn store_at(&self, root: &Path, format: TableFormat) -> Result<Duration, String> {
        let (manager, context, value) = (manager(root, format)?, output()?, self.table.clone().into_value());
        let (receipt, took) = timed(|| {
            self.runtime
                .block_on(manager.handle_output(&context, &value))
                .map_err(text)
        })?;
        match receipt.rows == Some(self.table.rows() as u64) {
            true => Ok(took),
            false => Err(format!("{} rows were stored as {:?}", self.table.rows(), receipt.rows)),
        }
    }

    /// Stores once and keeps it, for those who load.
    fn keep(&self, format: TableFormat) -> Result<PathBuf, String> {
        let root = self.kept(format);
        self.store_at(&root, format)?;
        let suffix = if format == TableFormat::Parquet {
            "parquet"
        } else {
            "arrow"
        };
        Ok(root.join(format!("lineitem.{suffix}")))
    }

    fn store(&self, format: TableFormat) -> Result<Duration, String> {
        settle(self.dir)?;
        let root = self.dir.join("lake");
        let took = self.store_at(&root, format)?;
        std::fs::remove_dir_all(&root).map_err(text)?;
        Ok(took)
    }

    fn by_hand(&self, work: impl FnOnce(&Path) -> Result<(), String>) -> Result<Duration, String> {
        settle(self.dir)?;
        let file = self.dir.join("bare");
        let ((), took) = timed(|| work(&file))?;
        std::fs::remove_file(&file).map_err(text)?;
        Ok(took)
    }

    fn check(&self, rows: usize) -> Result<(), String> {
        match rows == self.table.rows() {
            true => Ok(()),
            false => Err(format!("{} rows were stored and {rows} came back", self.table.rows())),
        }
    }

    fn store_parquet(&self) -> Result<Taken, String> {
        let mut peers = Peers::start(Operation::StoreParquet, &self.handed);
        let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
        for time in 0..self.size.table_times {
            let by_hand = || self.by_hand(|file| bare::write_parquet(self.table.batches(), file));
            let took = in_turn(time, || self.store(TableFormat::Parquet), by_hand)?;
            (ours, bare) = (ours.min(took.0), bare.min(took.1));
            peers.store(self.dir)?;
        }
        let row = against("store as Parquet zstd, hashed, durable", ours, bare, 1.1);
        Ok(Taken::new(row, &peers, memory::STORING_PARQUET))
    }

    fn load_parquet(&self) -> Result<Taken, String> {
        let file = self.keep(TableFormat::Parquet)?;
        let manager = manager(&self.kept(TableFormat::Parquet), TableFormat::Parquet)?;
        let mut peers = Peers::start(Operation::LoadParquet, &file);
        let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
        let context = input()?;
        for time in 0..self.size.table_times {
            // Each gives its memory back before the next one needs some.
            let by_larder = || {
                let (loaded, took) = timed(|| self.runtime.block_on(load(&manager, &context)))?;
                self.check(loaded.rows()).map(|()| took)
            };
            let by_hand = || {
                let (read, took) = timed(|| bare::read_parquet(&file))?;
                self.check(read.iter().map(RecordBatch::num_rows).sum()).map(|()| took)
            };
            let took = in_turn(time, by_larder, by_hand)?;
            (ours, bare) = (ours.min(took.0), bare.min(took.1));
            peers.read(&file, self.table.rows());
        }
        let row = against("load Parquet as a Table", ours, bare, 1.1);
        Ok(Taken::new(row, &peers, memory::LOADING_PARQUET))
    }

    fn store_arrow(&self) -> Result<Taken, String> {
        let bytes = std::fs::read(self.keep(TableFormat::Arrow)?).map_err(text)?;
        let mut peers = Peers::start(Operation::StoreArrow, &self.handed);
        let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
        for time in 0..self.size.table_times {
            let by_hand = || self.by_hand(|file| bare::write_bytes(&bytes, file));
            let took = in_turn(time, || self.store(TableFormat::Arrow), by_hand)?;
            (ours, bare) = (ours.min(took.0), bare.min(took.1));
            peers.store(self.dir)?;
        }
        let row = against("store as Arrow IPC, hashed, durable", ours, bare, 1.3);
        Ok(Taken::new(row, &peers, memory::STORING_ARROW))
    }

    fn map_arrow(&self) -> Result<Vec<Row>, String> {
        let root = self.kept(TableFormat::Arrow);
        let (manager, file) = (manager(&root, TableFormat::Arrow)?, root.join("lineitem.arrow"));
        let context = input()?;
        let opened = best(self.size.table_times, |_| {
            self.runtime.block_on(async {
                let lazy = open(&manager, &context).await?;
                Ok(lazy.schema().fields().len())
            })
        })?;
        let mut peers = Peers::start(Operation::ScanArrow, &file);
        let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
        for _ in 0..self.size.table_times {
            let (scanned, took) = timed(|| self.runtime.block_on(scan(&manager, &context)))?;
            ours = ours.min(took);
            self.check(scanned)?;
            let (scanned, took) = timed(|| bare::scan_arrow(&file))?;
            bare = bare.min(took);
            self.check(scanned)?;
            peers.read(&file, self.table.rows());
        }
        let what = "scan it by map, validated";
        let mut rows = vec![
            limited(
                "open Arrow by map, with its schema",
                opened,
                Duration::from_millis(5),
                "< 5 ms",
            ),
            against(what, ours, bare, 1.3),
        ];
        rows.extend(peers.best(what));
        Ok(rows)
    }
}

async fn load(manager: &impl IoManager, context: &InputContext) -> Result<Table, String> {
    let value = manager.load_input(context).await.map_err(text)?;
    Table::from_value(value).await.map_err(text)
}

/// Opens the stored table without reading its rows.
pub(super) async fn open(manager: &impl IoManager, context: &InputContext) -> Result<LazyTable, String> {
    let value = manager.load_input(context).await.map_err(text)?;
    LazyTable::from_value(value).await.map_err(text)
}

async fn scan(manager: &impl IoManager, context: &InputContext) -> Result<usize, String> {
    let value = manager.load_input(context).await.map_err(text)?;
    let stream = TableStream::from_value(value).await.map_err(text)?;
    stream
        .try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) })
        .await
        .map_err(text)
}
