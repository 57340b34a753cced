//! The catalogue: every run, step, materialization, observation, check and failure, in one SQLite file, or with the feature `postgres` in a
//! PostgreSQL database, for a team.
//!
//! ```
//! use larder_catalog::{Catalog, Entry};
//! use larder_io_core::RunId;
//!
//! # fn main() -> larder_io_core::Result<()> {
//! let catalog = Catalog::in_memory()?;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
//! # runtime.block_on(async {
//! let delays: larder_io_core::AssetKey = "reports/delays".parse()?;
//! catalog.record(Entry::new(delays.clone(), None, RunId::random(), jiff::Timestamp::now(), "files", "v1"));
//! catalog.flush().await?;
//! let entry = catalog.latest_of(&delays, None).await?.expect("was recorded");
//! assert_eq!(entry.data_version, "v1");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! | question | answer |
//! |---|---|
//! | what is so now? | [`Catalog::states`], slim, for a million partitions; [`Catalog::latest`], with everything |
//! | what happened? | [`Catalog::history`] of an asset, [`Catalog::runs`], [`Catalog::run`] |
//! | what was cut off? | [`Catalog::unfinished`] |
//!
//! Records are put into a queue and written by a thread, all that wait in one transaction; [`Catalog::flush`] waits until they are durable.
//! [`Catalog::open`] takes a file, `Catalog::connect` the URL of a database; all else is the same. Of two records the one that was committed later is the newer, whatever their clocks say.

mod answer;
mod block;
mod catalog;
mod database;
mod detail;
mod entry;
mod happened;
mod partition;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod record;
mod schema;
mod sqlite;
mod state;
mod stored;
mod time;
mod weight;

pub use answer::{FailedPartition, Happening, RunDetail, RunEnd, RunSummary};
pub use catalog::{Catalog, CatalogOptions};
pub use entry::{Durations, Entry, InputVersions};
pub use partition::{partition_from_text, partition_text};
pub use record::{
    Check, Deletion, Failure, Observation, Record, RunCounts, RunFinished, RunStarted, StepStarted, failure_kind,
};
pub use state::State;
