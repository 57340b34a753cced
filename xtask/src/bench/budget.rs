//! A graph whose values are large for the memory there is, with a budget and without: the peak of each in a process of its own.

use super::memory::{alone, status};
use super::row::{Amount, Row, limited, told};
use super::text;
use larder::{Asset, RunOptions};

/// Values that take no other.
const FIRST: usize = 10;
/// As many that each take one of those.
const LATER: usize = 10;
/// Bytes of each value.
const VALUE: usize = 400 << 20;
/// What a step needs beside its values: buffers of its store and load.
const BESIDE: usize = 32 << 20;
const SLOTS: usize = 2;
const BUDGET: u64 = 1 << 30;
/// 1.3 GiB: the budget, the program itself, and what the allocator keeps.
const LIMIT: u64 = (13 << 30) / 10;

pub(super) fn run() -> Result<Vec<Row>, String> {
    let with = alone(&["budget", &BUDGET.to_string()])?;
    let without = alone(&["budget", "none"])?;
    Ok(vec![
        limited(
            "resident, a graph of large values, budget 1 GiB",
            Amount::Bytes(with),
            Amount::Bytes(LIMIT),
            "<= 1.3 GiB",
        ),
        told("the same without a budget", Amount::Bytes(without)),
    ])
}

pub(super) fn setting() -> String {
    let (assets, mib) = (FIRST + LATER, VALUE >> 20);
    format!("{assets} assets of {mib} MiB each, {LATER} made from another, on {SLOTS} slots, on local disk")
}

/// Runs the graph; its last line is the peak in bytes.
pub(super) async fn child(budget: &str) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(text)?;
    let first = (0..FIRST).map(|number| {
        Asset::builder(format!("first{number}"))
            .memory(format!("{}B", VALUE + BESIDE))
            .function(move |_| async move { Ok(vec![number as u8 + 1; VALUE]) })
    });
    let later = (0..LATER).map(|number| {
        Asset::builder(format!("later{number}"))
            .memory(format!("{}B", 2 * VALUE + BESIDE))
            .input_from::<Vec<u8>>("first", format!("first{number}"))
            .function(|mut args| async move {
                let first: Vec<u8> = args.input().await?;
                Ok(first.iter().map(|byte| byte ^ 0xFF).collect::<Vec<u8>>())
            })
    });
    let definitions = larder::definitions().assets(first).assets(later).without_config();
    let definitions = definitions.default_io_manager_url(format!("file://{}", dir.path().display()));
    let pipeline = definitions.build().map_err(text)?;
    let mut options = RunOptions::default();
    options.max_concurrent = SLOTS;
    options.memory_budget = match budget {
        "none" => None,
        bytes => Some(bytes.parse().map_err(text)?),
    };
    let report = pipeline.run_with("*", options).await.map_err(text)?;
    if !report.succeeded() {
        return Err("a step of the graph failed".to_owned());
    }
    println!("{}", status("VmHWM")?);
    Ok(())
}
