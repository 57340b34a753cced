//! The pipeline: a reference, metrics of what it points to, a report of the metrics.

use super::lake;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, RecordBatch};
use futures_util::TryStreamExt;
use larder::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What is known of the events without keeping them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metrics {
    /// Rows.
    pub(crate) rows: u64,
    /// Rows without a status.
    pub(crate) no_status: u64,
    /// The latest time, in milliseconds since 1970.
    pub(crate) latest: Option<i64>,
}

impl Metrics {
    fn add(mut self, batch: &RecordBatch) -> Self {
        let (at, status) = (
            batch.column(0).as_primitive::<TimestampMillisecondType>(),
            batch.column(1),
        );
        self.rows += batch.num_rows() as u64;
        self.no_status += status.null_count() as u64;
        self.latest = self.latest.max(at.iter().flatten().max());
        self
    }
}

/// Two of four columns, batch by batch; the rest of the table is not read.
#[asset(group = "quality")]
async fn metrics(#[from("lake/events")] events: LazyTable) -> Result<Metrics> {
    let needed = events.select(["at", "status"])?;
    let batches = needed.stream().await?;
    batches
        .try_fold(
            Metrics::default(),
            |metrics, batch| async move { Ok(metrics.add(&batch)) },
        )
        .await
}

/// A line for people.
#[asset(group = "quality")]
async fn report(metrics: Metrics, #[from("lake/events")] events: DataRef) -> String {
    let share = 100.0 * metrics.no_status as f64 / metrics.rows.max(1) as f64;
    format!(
        "{} events in {} bytes, {share:.1} % without a status",
        metrics.rows,
        events.bytes.unwrap_or_default()
    )
}

/// The pipeline over a lake.
pub(crate) fn definitions(root: &Path) -> Definitions {
    let uri = format!("file://{}", lake::events(root).display());
    // Without the attribute, because the address is known only when the program runs.
    let events = larder::Asset::builder("lake/events")
        .description("Every event, as somebody else keeps them.")
        .function(move |_| {
            let uri = uri.clone();
            async move { Ok(DataRef::new(uri)) }
        });
    Definitions::new().asset(events).assets(assets![metrics, report])
}
