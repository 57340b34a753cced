//! Speed and memory, as ratios to the bare libraries in the same run.

mod arguments;
mod bare;
mod budget;
mod catalog;
mod cloud;
mod data;
mod head;
mod memory;
mod page;
mod peers;
mod plan;
mod postgres;
mod row;
mod steps;
mod stream;
mod tables;

use crate::shell::Done;
use arguments::{Arguments, Part};
use row::Row;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How large and how often.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// TPC-H scale factor of lineitem.
    scale: f64,
    /// Times each measurement is taken; the best counts.
    times: usize,
    /// The same for tables: a busy moment of the machine, or of its disk, takes longer than some of them.
    table_times: usize,
    /// Steps of the chain.
    steps: usize,
    /// Rows of the stream.
    stream_rows: u64,
    /// Assets to plan.
    assets: usize,
    /// Materializations that are recorded.
    recorded: usize,
    /// Bytes in memory of the table whose first rows are asked for.
    head_bytes: u64,
    /// Times they are asked for; the median counts.
    heads: usize,
    /// Bytes that are streamed to a cloud to measure memory.
    cloud_stream: u64,
    /// Bytes that are moved to and from a cloud to measure time.
    cloud_speed: u64,
    /// Rows that go into PostgreSQL and back.
    postgres_rows: u64,
}

const FULL: Size = Size {
    scale: 1.0,
    times: 5,
    table_times: 11,
    steps: 10_000,
    stream_rows: 100_000_000,
    assets: 100_000,
    recorded: 1_000_000,
    head_bytes: 10_000_000_000,
    heads: 21,
    cloud_stream: 10_000_000_000,
    cloud_speed: 1 << 30,
    postgres_rows: 10_000_000,
};
const QUICK: Size = Size {
    scale: 0.1,
    times: 3,
    table_times: 3,
    steps: 2_000,
    stream_rows: 5_000_000,
    assets: 100_000,
    recorded: 100_000,
    head_bytes: 1_000_000_000,
    heads: 11,
    cloud_stream: 512 << 20,
    cloud_speed: 256 << 20,
    postgres_rows: 1_000_000,
};

/// Waits until the disk has written what is left of those before, so that nobody pays for another's bytes.
fn settle(dir: &std::path::Path) -> Result<(), String> {
    let dir = std::fs::File::open(dir).map_err(text)?;
    rustix::fs::syncfs(&dir).map_err(text)
}

/// What a part gives.
struct Measured {
    /// On which data, how often.
    setting: String,
    rows: Vec<Row>,
    /// Of the peers that took part.
    versions: Vec<(String, String)>,
}

/// The command.
pub(crate) fn run(arguments: &[String]) -> Done {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // One measurement in a process of its own, so that its peak of memory is its own.
    if let ["--alone", what, rest @ ..] = arguments.as_slice() {
        return alone(what, rest);
    }
    let arguments = Arguments::read(&arguments)?;
    let size = if arguments.quick { QUICK } else { FULL };
    let runtime = runtime()?;
    for part in &arguments.parts {
        let measured = measure(*part, &runtime, size)?;
        row::print(&format!("{} ({} cores)", measured.setting, cores()), &measured.rows);
        // After each part, so that a later one that fails takes nothing away.
        page::keep(&arguments.page, part.name(), measured)?;
    }
    println!("\nthe page: {}", arguments.page.display());
    Ok(())
}

fn measure(part: Part, runtime: &Runtime, size: Size) -> Result<Measured, String> {
    match part {
        Part::Steps => {
            let mut rows = runtime.block_on(steps::run(size))?;
            rows.extend(plan::run(size)?);
            Ok(Measured {
                setting: format!("a chain of {} steps; best of {}", size.steps, size.times),
                rows,
                versions: Vec::new(),
            })
        }
        Part::Budget => Ok(Measured {
            setting: budget::setting(),
            rows: budget::run()?,
            versions: Vec::new(),
        }),
        Part::Catalog => Ok(Measured {
            setting: format!("{} materializations in SQLite; best of {}", size.recorded, size.times),
            rows: runtime.block_on(catalog::run(size))?,
            versions: Vec::new(),
        }),
        Part::Tables => tables::run(runtime, size),
        Part::Head => head::run(runtime, size),
        Part::Postgres => Ok(Measured {
            setting: format!(
                "{} rows of three columns, PostgreSQL on loopback without fsync",
                size.postgres_rows
            ),
            rows: postgres::run(size)?,
            versions: Vec::new(),
        }),
        Part::Clouds => Ok(Measured {
            setting: format!(
                "{} MiB to and from S3 on loopback, {} MiB streamed; best of {}",
                size.cloud_speed >> 20,
                size.cloud_stream >> 20,
                size.times
            ),
            rows: cloud::run(runtime, size)?,
            versions: Vec::new(),
        }),
    }
}

fn alone(what: &str, rest: &[&str]) -> Done {
    // It makes a runtime of its own.
    if let ("step", [dir]) = (what, rest) {
        return steps::child(dir);
    }
    let runtime = runtime()?;
    match (what, rest) {
        ("store", [format, scale]) => runtime.block_on(memory::store(format, scale)),
        ("load", [format, root]) => runtime.block_on(memory::load(format, root)),
        ("budget", [bytes]) => runtime.block_on(budget::child(bytes)),
        ("stream", [format, rows]) => runtime.block_on(stream::run(format, rows)),
        ("cloud", [what, endpoint, bytes]) => runtime.block_on(cloud::child(what, endpoint, bytes)),
        _ => Err(format!("there is no measurement `{what}`")),
    }
}

fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

/// The best time of several; `work` is told which time it is.
fn best<T>(times: usize, mut work: impl FnMut(usize) -> Result<T, String>) -> Result<Duration, String> {
    let mut best = Duration::MAX;
    for time in 0..times {
        // What was made is dropped outside of its time.
        let (_made, took) = timed(|| work(time))?;
        best = best.min(took);
    }
    Ok(best)
}

/// What `work` makes, and the time that it takes.
fn timed<T>(work: impl FnOnce() -> Result<T, String>) -> Result<(T, Duration), String> {
    let began = Instant::now();
    let made = work()?;
    Ok((made, began.elapsed()))
}

/// The middle one.
fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// An error of anything as text.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
