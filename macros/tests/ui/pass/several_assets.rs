//! A tuple, a struct, with and without a `Result`, and the attribute by its own name.
#![deny(warnings, clippy::all)]

use larder::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Quality {
    score: f64,
}

/// Rows that are good, and rows that are not.
#[asset(
    group = "clean",
    io_manager = "local",
    outputs(flights, rejected(key = "bad/flights", io_manager = "archive", extension = "txt"))
)]
async fn split(raw: Vec<String>) -> Result<(Vec<String>, Vec<u8>)> {
    let rejected = raw.len() as u8;
    Ok((raw, vec![rejected]))
}

pub struct Checked {
    pub rows: Vec<String>,
    pub quality: Quality,
}

#[asset(outputs(rows, quality), retries = 0, timeout = "1h 30m", tags(team = "ops"))]
async fn check(flights: Vec<String>) -> Checked {
    Checked {
        quality: Quality {
            score: flights.len() as f64,
        },
        rows: flights,
    }
}

#[larder::attributes::assets(outputs(small, large))]
fn sizes(rows: Vec<String>) -> std::result::Result<(u8, u64), std::num::TryFromIntError> {
    Ok((rows.len().try_into()?, rows.len() as u64))
}

#[larder::attributes::assets(outputs(only))]
fn alone() -> (u8,) {
    (1,)
}

fn main() {
    assert_eq!(alone(), (1,));
    assert_eq!(assets![split, check, sizes, alone].len(), 4);
}
