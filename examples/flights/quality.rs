//! How complete the cleaned flights are.

use crate::columns::column;
use arrow_array::{Array, TimestampMicrosecondArray};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use larder::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The quality of a table: what is there, what is missing, and how fresh it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quality {
    /// The rows.
    pub(crate) total_rows: u64,
    /// The nulls of each column, also where there are none.
    pub(crate) null_counts: BTreeMap<String, u64>,
    /// The latest scheduled hour; none in an empty table.
    pub(crate) latest_timestamp: Option<Timestamp>,
    /// The share of cells that are not null, 0 to 1; 1 in an empty table.
    pub(crate) quality_score: f64,
}

impl Quality {
    /// The nulls of all columns.
    pub(crate) fn nulls(&self) -> u64 {
        self.null_counts.values().sum()
    }

    /// The cells, null or not.
    pub(crate) fn cells(&self) -> u64 {
        self.total_rows * self.null_counts.len() as u64
    }
}

/// How complete and how fresh `clean/flights` is: rows, nulls by column, the latest scheduled hour, and as score the
/// share of cells that are not null.
#[asset(group = "quality")]
pub(crate) async fn flights(ctx: &AssetContext, #[from("clean/flights")] mut flights: TableStream) -> Result<Quality> {
    let names = flights.schema().fields().iter().map(|field| field.name().clone());
    let mut quality = Quality {
        total_rows: 0,
        null_counts: names.map(|name| (name, 0)).collect(),
        latest_timestamp: None,
        quality_score: 1.0,
    };
    while let Some(batch) = flights.try_next().await? {
        quality.total_rows += batch.num_rows() as u64;
        for (field, values) in batch.schema().fields().iter().zip(batch.columns()) {
            *quality.null_counts.entry(field.name().clone()).or_default() += values.null_count() as u64;
        }
        let hours = column::<TimestampMicrosecondArray>(&batch, "scheduled_hour_utc")?;
        if let Some(latest) = hours.iter().flatten().max() {
            let latest = Timestamp::from_microsecond(latest).context("the latest scheduled_hour_utc")?;
            quality.latest_timestamp = quality.latest_timestamp.max(Some(latest));
        }
    }
    if quality.cells() > 0 {
        quality.quality_score = 1.0 - quality.nulls() as f64 / quality.cells() as f64;
    }
    ctx.add_metadata("quality_score", quality.quality_score);
    ctx.info(format!("{} nulls in {} rows", quality.nulls(), quality.total_rows));
    Ok(quality)
}
