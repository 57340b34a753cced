//! Tables into PostgreSQL and back, beside psql's `\copy` in the same run.

use super::row::{Amount, Row, against, beside, limited};
use super::{Size, text};
use crate::postgresql::{VARIABLE, programs};
use crate::shell::{command, output};
use serde_json::Value;
use std::time::Duration;

/// Peak of the process that stores and loads, whatever the number of rows.
const MEMORY: u64 = 256 << 20;

/// Runs the measurement, which is an example of the crate: a process of its own, whose peak of memory is its own.
pub(super) fn run(size: Size) -> Result<Vec<Row>, String> {
    let (rows, times) = (size.postgres_rows.to_string(), size.times.min(3).to_string());
    let arguments = &[
        "run",
        "--quiet",
        "--release",
        "--package",
        "larder-io-postgres",
        "--example",
        "beside_psql",
        "--",
        &rows,
        &times,
    ];
    let told = output(command("cargo", arguments).env(VARIABLE, programs()?))?;
    let told: Value = serde_json::from_str(told.trim()).map_err(text)?;
    let number = |value: &Value| value.as_f64().ok_or_else(|| "a number is missing".to_owned());
    let time = |value: &Value| number(value).map(Duration::from_secs_f64);
    let mut all = Vec::new();
    for (what, ours, way) in [("store", "stored", "in"), ("load", "loaded", "out")] {
        let name = format!("{what} {rows} rows, beside \\copy as CSV");
        all.push(against(&name, time(&told[ours])?, time(&told["csv"][way])?, 1.5));
        all.push(beside(&name, "\\copy (binary)", time(&told["binary"][way])?));
    }
    let peak = told["peak"].as_u64().ok_or("the peak is missing")?;
    all.push(limited(
        "resident, storing and loading",
        Amount::Bytes(peak),
        Amount::Bytes(MEMORY),
        "<= 256 MiB",
    ));
    Ok(all)
}
