//! How long the catalogue takes: `cargo run --release -p larder-catalog --example states_of_a_million`.
//!
//! 10,000 steps of a run as a pipeline records them, durably; then a million materializations of one asset, and questions about them. An argument is
//! another number than a million. The file is made below the system's temporary directory, or `LARDER_BENCH_DIR`. With the feature `postgres` and
//! `LARDER_BENCH_CATALOG=postgres://..` it is made in a schema of that database, `larder_bench`, which is left there.

use jiff::Timestamp;
use larder_catalog::{Catalog, Entry, InputVersions, RunCounts, RunFinished, RunStarted, StepStarted};
use larder_io_core::{AssetKey, ContentHash, Error, ErrorKind, PartitionKey, Receipt, Result, RunId};
use std::path::Path;
use std::time::{Duration, Instant};

const STEPS: u64 = 10_000;

fn main() -> Result<()> {
    let partitions = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse());
    let partitions: u64 = partitions.map_err(|_| Error::new(ErrorKind::InvalidConfig, "the argument is a number"))?;
    let directory = match std::env::var_os("LARDER_BENCH_DIR") {
        Some(directory) => tempfile::tempdir_in(directory),
        None => tempfile::tempdir(),
    };
    let directory = directory.map_err(|error| Error::new(ErrorKind::Unavailable, "no directory").with_source(error))?;
    let path = directory.path().join("larder.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Error::new(ErrorKind::Unavailable, "no runtime").with_source(error))?;
    runtime.block_on(async {
        let catalog = open(&path)?;
        run_of_steps(&catalog).await?;
        one_at_a_time(&catalog).await?;
        many_partitions(&catalog, partitions).await?;
        let begun = Instant::now();
        let all = catalog.all_states().await?;
        println!("all states of {} assets: {:.0?}", all.len(), begun.elapsed());
        drop(catalog);
        let begun = Instant::now();
        open(&path)?;
        println!("open: {:.1?}", begun.elapsed());
        if let Ok(file) = std::fs::metadata(&path) {
            println!("file: {} MB", file.len() >> 20);
        }
        Ok(())
    })
}

fn open(path: &Path) -> Result<Catalog> {
    #[cfg(feature = "postgres")]
    if let Ok(url) = std::env::var("LARDER_BENCH_CATALOG") {
        let mut options = larder_catalog::CatalogOptions::default();
        options.schema = Some("larder_bench".to_owned());
        return Catalog::connect_with(&url, &options);
    }
    Catalog::open(path)
}

fn hash(number: u64, salt: &str) -> String {
    ContentHash::of(format!("{salt}{number}").as_bytes()).to_string()
}

/// As large as one of a real pipeline: a receipt, two inputs, some metadata.
fn entry(asset: &AssetKey, partition: Option<PartitionKey>, run: &RunId, number: u64) -> Result<Entry> {
    let mut entry = Entry::new(
        asset.clone(),
        partition.clone(),
        run.clone(),
        Timestamp::now(),
        "default",
        hash(number, "data"),
    );
    let location: larder_io_core::Location = format!("clean/flights/{number}/data.parquet").parse()?;
    let about = larder_io_core::InputContext::new(asset.clone(), partition.clone(), location.clone());
    let mut receipt = Receipt::foreign(&about, location, larder_io_core::Form::Table, "parquet");
    receipt.run = run.clone();
    receipt.content_hash = Some(ContentHash::of(&number.to_le_bytes()));
    receipt.stored_hash = receipt.content_hash;
    entry.receipt = Some(receipt);
    entry.version = Some(number.to_string());
    entry.fingerprint = Some(hash(number, "print"));
    entry.code_version = Some(hash(0, "code"));
    for input in ["raw/flights", "raw/planes"] {
        let pairs = [(partition.clone(), hash(number, input))];
        entry.inputs.push(InputVersions::new(input.parse()?, pairs));
    }
    entry.metadata.insert("rows".to_owned(), number.into());
    Ok(entry)
}

async fn run_of_steps(catalog: &Catalog) -> Result<()> {
    let run = RunId::random();
    let begun = Instant::now();
    let (selection, at) = ("everything".to_owned(), Timestamp::now());
    catalog.record(RunStarted {
        run: run.clone(),
        at,
        selection,
        profile: None,
        tags: Default::default(),
    });
    for number in 0..STEPS {
        let asset: AssetKey = format!("chain/step_{number}").parse()?;
        let (assets, at) = (vec![asset.clone()], Timestamp::now());
        catalog.record(StepStarted {
            run: run.clone(),
            assets,
            partitions: Vec::new(),
            at,
        });
        catalog.record(entry(&asset, None, &run, number)?);
    }
    let counts = RunCounts {
        materialized: STEPS,
        ..RunCounts::default()
    };
    catalog.record(RunFinished {
        run,
        at: Timestamp::now(),
        counts,
        duration: Duration::ZERO,
    });
    let recorded = begun.elapsed();
    catalog.flush().await?;
    let all = begun.elapsed();
    let each = |whole: Duration| whole / STEPS as u32;
    println!(
        "{STEPS} steps: {:.1?} each until recorded, {:.1?} each until durable",
        each(recorded),
        each(all)
    );
    Ok(())
}

async fn one_at_a_time(catalog: &Catalog) -> Result<()> {
    let (asset, run): (AssetKey, _) = ("alone".parse()?, RunId::random());
    let begun = Instant::now();
    for number in 0..200 {
        catalog.record(entry(&asset, None, &run, number)?);
        catalog.flush().await?;
    }
    println!("a materialization flushed by itself: {:.0?}", begun.elapsed() / 200);
    Ok(())
}

async fn many_partitions(catalog: &Catalog, partitions: u64) -> Result<()> {
    let (asset, run): (AssetKey, _) = ("clean/flights".parse()?, RunId::random());
    let begun = Instant::now();
    for number in 0..partitions {
        let key = PartitionKey::single("hour", format!("h{number:09}"))?;
        catalog.record(entry(&asset, Some(key), &run, number)?);
    }
    catalog.flush().await?;
    println!(
        "{partitions} partitions: {:.1?} each",
        begun.elapsed() / partitions.max(1) as u32
    );
    for _ in 0..3 {
        let begun = Instant::now();
        let states = catalog.states(&asset).await?;
        println!("states of {}: {:.0?}", states.len(), begun.elapsed());
    }
    let begun = Instant::now();
    let states = catalog.states(&asset).await?;
    let live = states
        .iter()
        .filter(|it| it.is_live() && it.fingerprint().is_some() && !it.failed())
        .count();
    let mut keys = Vec::with_capacity(states.len());
    for state in &states {
        keys.push(state.partition()?);
    }
    println!(
        "states of {live}, each looked at and its key made: {:.0?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    let history = catalog.history(&asset, None, 100).await?;
    println!("history, the last {}: {:.1?}", history.len(), begun.elapsed());
    let key = PartitionKey::single("hour", format!("h{:09}", partitions / 2))?;
    let begun = Instant::now();
    catalog.history(&asset, Some(Some(&key)), 100).await?;
    println!("history of one partition: {:.1?}", begun.elapsed());
    let begun = Instant::now();
    catalog.latest_of(&asset, Some(&key)).await?;
    println!("latest of one partition: {:.1?}", begun.elapsed());
    let begun = Instant::now();
    let runs = catalog.runs(100).await?;
    println!("runs ({}): {:.1?}", runs.len(), begun.elapsed());
    Ok(())
}
