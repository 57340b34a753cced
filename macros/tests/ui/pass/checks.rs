//! Checks in every shape, beside the assets they are of.

use larder::prelude::*;
use larder::{AssetFn, CheckFn, CheckResult, Severity};

/// How much is too much.
struct Most(u64);

#[asset(group = "raw")]
async fn numbers() -> Vec<u64> {
    vec![1, 2, 3]
}

#[asset]
fn limit() -> u64 {
    10
}

/// There are some.
#[check]
async fn some(numbers: Vec<u64>) -> bool {
    !numbers.is_empty()
}

#[check(asset = "raw/numbers", blocking, severity = "warn", history = 3, name = "below the limit", description = "Text.")]
fn below(ctx: &AssetContext, values: Vec<u64>, limit: u64, most: &Most) -> Result<CheckResult> {
    let worst = values.into_iter().max().unwrap_or(0);
    let passed = worst <= limit.min(most.0) && ctx.history().len() <= 3;
    Ok(CheckResult::of(passed).with_metadata("worst", worst).with_severity(Severity::Error))
}

#[check(asset = "raw/numbers")]
async fn reachable() -> std::result::Result<bool, std::num::ParseIntError> {
    Ok("3".parse::<u64>()? == 3)
}

fn main() {
    let checks = checks![some, below, reachable];
    assert_eq!(checks.iter().map(|check| check.name()).collect::<Vec<_>>(), ["some", "below the limit", "reachable"]);
    assert_eq!(format!("{:?}", below::check()), "Check(below the limit of raw/numbers, blocking)");
    let _ = (numbers::asset(), limit::asset());
    let definitions = Definitions::new().assets(assets![numbers, limit]).checks(checks).resource(Most(5));
    let _ = definitions.checks([checks::row_count("raw/numbers", 1..).named("never")]);
}
