//! Speed and memory, as ratios to the bare libraries in the same run.

mod bare;
mod cloud;
mod data;
mod memory;
mod plan;
mod steps;
mod stream;
mod tables;

use crate::shell::Done;
use std::time::{Duration, Instant};

/// How large and how often.
#[derive(Clone, Copy)]
struct Size {
    /// TPC-H scale factor of lineitem.
    scale: f64,
    /// Times each measurement is taken; the best counts.
    times: usize,
    /// Steps of the chain.
    steps: usize,
    /// Rows of the stream.
    stream_rows: u64,
    /// Assets to plan.
    assets: usize,
    /// Bytes that are streamed to a cloud to measure memory.
    cloud_stream: u64,
    /// Bytes that are moved to and from a cloud to measure time.
    cloud_speed: u64,
}

const FULL: Size = Size {
    scale: 1.0,
    times: 5,
    steps: 10_000,
    stream_rows: 100_000_000,
    assets: 100_000,
    // A little more than 5 GiB, so that the table is larger than that also as a file.
    cloud_stream: (5 << 30) + (256 << 20),
    cloud_speed: 1 << 30,
};
const QUICK: Size = Size {
    scale: 0.1,
    times: 3,
    steps: 2_000,
    stream_rows: 5_000_000,
    assets: 100_000,
    cloud_stream: 512 << 20,
    cloud_speed: 256 << 20,
};

/// One line of the result.
struct Row {
    what: &'static str,
    measured: String,
    bare: String,
    ratio: Option<f64>,
    reach: &'static str,
    reached: bool,
}

/// The command.
pub(crate) fn run(arguments: &[String]) -> Done {
    let size = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => FULL,
        ["--quick"] => QUICK,
        ["clouds"] => return clouds(FULL),
        ["clouds", "--quick"] => return clouds(QUICK),
        // One measurement in a process of its own, so that its peak of memory is its own.
        ["--alone", what, rest @ ..] => return alone(what, rest),
        _ => return Err("usage: cargo xtask bench [clouds] [--quick]".to_owned()),
    };
    let runtime = runtime()?;
    let mut rows = Vec::new();
    rows.extend(runtime.block_on(steps::run(size))?);
    rows.extend(plan::run(size)?);
    rows.extend(tables::run(&runtime, size)?);
    rows.extend(memory::run(size)?);
    rows.extend(cloud::run(&runtime, size)?);
    print(&rows, size);
    Ok(())
}

/// Only the rows of clouds.
fn clouds(size: Size) -> Done {
    let rows = cloud::run(&runtime()?, size)?;
    print(&rows, size);
    Ok(())
}

fn alone(what: &str, rest: &[&str]) -> Done {
    let runtime = runtime()?;
    match (what, rest) {
        ("store", [format, scale]) => runtime.block_on(memory::store(format, scale)),
        ("load", [format, root]) => runtime.block_on(memory::load(format, root)),
        ("stream", [format, rows]) => runtime.block_on(stream::run(format, rows)),
        ("cloud", [what, endpoint, bytes]) => runtime.block_on(cloud::child(what, endpoint, bytes)),
        _ => Err(format!("there is no measurement `{what}`")),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

/// The best time of several; `work` is told which time it is.
fn best<T>(times: usize, mut work: impl FnMut(usize) -> Result<T, String>) -> Result<Duration, String> {
    let mut best = Duration::MAX;
    for time in 0..times {
        let began = Instant::now();
        let made = work(time)?;
        best = best.min(began.elapsed());
        drop(made);
    }
    Ok(best)
}

/// A measurement beside its bare one.
fn against(what: &'static str, ours: Duration, bare: Duration, limit: f64, reach: &'static str) -> Row {
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    let seconds = |time: Duration| format!("{:.3} s", time.as_secs_f64());
    Row {
        what,
        measured: seconds(ours),
        bare: seconds(bare),
        ratio: Some(ratio),
        reach,
        reached: ratio <= limit,
    }
}

/// A measurement with a limit of its own.
fn limited(what: &'static str, measured: String, reached: bool, reach: &'static str) -> Row {
    Row {
        what,
        measured,
        bare: String::new(),
        ratio: None,
        reach,
        reached,
    }
}

/// The time of another program that does the same, which is no aim.
fn beside(what: &'static str, other: Duration) -> Row {
    Row {
        what,
        measured: String::new(),
        bare: format!("{:.3} s", other.as_secs_f64()),
        ratio: None,
        reach: "",
        reached: true,
    }
}

fn print(rows: &[Row], size: Size) {
    println!(
        "\nlineitem at scale {}, {} MiB to and from S3, best of {}, {} cores",
        size.scale,
        size.cloud_speed >> 20,
        size.times,
        cores()
    );
    println!(
        "{:<46} {:>12} {:>10} {:>7}   {:<10}",
        "what", "larder", "bare", "ratio", "reach"
    );
    for row in rows {
        let ratio = row.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let mark = if row.reached { "" } else { "  MISSED" };
        println!(
            "{:<46} {:>12} {:>10} {:>7}   {:<10}{mark}",
            row.what, row.measured, row.bare, ratio, row.reach
        );
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// An error of anything as text.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
