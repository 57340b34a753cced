//! Random graphs of assets that fail in every way, drawn from a seed, for runs on each executor.

use crate::Random;
use larder::{Asset, CodeVersion, Definitions, Error, ErrorKind};
use std::fs::OpenOptions;
use std::io::Write;

/// Assets of a graph.
pub const ASSETS: usize = 200;
/// The variable with the seed.
pub const SEED: &str = "LARDER_TEST_GRAPH";
/// The variable that, when it is there, lets steps end their process.
pub const FATAL: &str = "LARDER_TEST_FATAL";
/// The variable that, when it is there, lets an asset fail only the first time.
pub const ONCE: &str = "LARDER_TEST_ONCE";
/// The variable with the file in which calls are written down.
pub const CALLS: &str = "LARDER_TEST_EXECUTOR_CALLS";

/// How an asset ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a value.
    Value,
    /// With an error.
    Error,
    /// With a panic.
    Panic,
    /// With an abort, where the run survives it.
    Abort,
    /// By `kill -9`, where the run survives it.
    Kill,
}

/// One asset of a graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// Those before it that it takes, by number.
    pub inputs: Vec<usize>,
    /// How it ends.
    pub end: End,
    /// Whether its function blocks.
    pub blocking: bool,
}

/// The name of an asset.
pub fn name(number: usize) -> String {
    format!("n{number:03}")
}

/// The graph of a seed; without `fatal` what would end the process of the run is an error instead.
pub fn graph(seed: u64, fatal: bool) -> Vec<Node> {
    let mut random = Random::new(seed);
    (0..ASSETS)
        .map(|number| {
            let count = if number > 0 { random.below(4) } else { 0 };
            let mut inputs: Vec<usize> = (0..count).map(|_| random.below(number)).collect();
            inputs.sort_unstable();
            inputs.dedup();
            let end = match random.below(40) {
                0 => End::Error,
                1 => End::Panic,
                2 if fatal => End::Abort,
                3 if fatal => End::Kill,
                2 | 3 => End::Error,
                _ => End::Value,
            };
            Node {
                inputs,
                end,
                blocking: random.below(4) == 0,
            }
        })
        .collect()
}

/// What every asset is worth; `None` for one that fails, or needs one that does.
pub fn values(graph: &[Node]) -> Vec<Option<u64>> {
    let mut values: Vec<Option<u64>> = Vec::new();
    for (number, node) in graph.iter().enumerate() {
        let inputs: Option<Vec<u64>> = node.inputs.iter().map(|input| values[*input]).collect();
        values.push(
            inputs
                .filter(|_| node.end == End::Value)
                .map(|inputs| value(number, &inputs)),
        );
    }
    values
}

fn value(number: usize, inputs: &[u64]) -> u64 {
    inputs.iter().fold(number as u64 + 1, |sum, input| {
        sum.wrapping_mul(31).wrapping_add(*input)
    })
}

/// Writes a call down, and tells whether it is the first.
fn called(number: usize) -> larder::Result<bool> {
    let Some(file) = std::env::var_os(CALLS) else {
        return Ok(true);
    };
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let mut file = OpenOptions::new().append(true).create(true).open(file)?;
    file.write_all(format!("{}\n", name(number)).as_bytes())?;
    Ok(!before.lines().any(|line| line == name(number)))
}

fn compute(number: usize, end: End, inputs: &[u64]) -> larder::Result<u64> {
    let first = called(number)?;
    match end {
        _ if !first && std::env::var_os(ONCE).is_some() => Ok(value(number, inputs)),
        End::Value => Ok(value(number, inputs)),
        End::Error => {
            // Both may be tried again: the asset's own failure, and one of ours that says so.
            let kind = [ErrorKind::AssetFailed, ErrorKind::Unavailable][number % 2];
            Err(Error::new(kind, format!("{} fails", name(number))))
        }
        End::Panic => panic!("{} panics", name(number)),
        End::Abort => std::process::abort(),
        End::Kill => {
            let id = std::process::id().to_string();
            let _ = std::process::Command::new("kill").args(["-9", &id]).status();
            unreachable!("killed");
        }
    }
}

/// One asset of a graph.
pub fn asset(number: usize, node: &Node) -> Asset {
    let (end, blocking, count) = (node.end, node.blocking, node.inputs.len());
    let builder = Asset::builder(name(number)).code_version(CodeVersion::manual("1"));
    let builder = node
        .inputs
        .iter()
        .fold(builder, |builder, input| builder.input::<u64>(name(*input)));
    builder.function(move |mut args| async move {
        let mut inputs = Vec::with_capacity(count);
        for _ in 0..count {
            inputs.push(args.input::<u64>().await?);
        }
        match blocking {
            true => larder::__private::blocking(move || compute(number, end, &inputs)).await?,
            false => compute(number, end, &inputs),
        }
    })
}

/// The graph of the seed in the environment.
pub fn definitions() -> Definitions {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let graph = graph(seed, std::env::var_os(FATAL).is_some());
    let assets = graph.iter().enumerate().map(|(number, node)| asset(number, node));
    larder::definitions().assets(assets)
}
