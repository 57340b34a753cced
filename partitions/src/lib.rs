//! Partitions: definitions, keys, sets, selections and mappings. Pure logic: no I/O, no clock, no runtime.
//!
//! | step | type | says |
//! |---|---|---|
//! | declare | [`Partitioning`] | by what an asset is parted: windows of time, a list, values that live elsewhere, or several of those |
//! | resolve | [`Keyspace`] | which partitions exist as of a time, numbered and never listed |
//! | select | [`Selection`] | what a user or a program means, as text |
//! | hold | [`PartitionSet`] | some partitions, as ranges |
//! | map | [`Mapping`], [`BoundMapping`] | which partitions are made from which, in both directions |
//!
//! ```
//! use larder_partitions::{Mapping, NoDynamicKeys, Partitioning};
//!
//! # fn main() -> larder_io_core::Result<()> {
//! let days = Partitioning::daily("2024-01-01").time_zone("Europe/Berlin").build()?;
//! let months = Partitioning::monthly("2024-01-01").time_zone("Europe/Berlin").build()?;
//! let now = "2024-03-10T12:00:00Z".parse().expect("is an instant");
//! let (days, months) = (days.at(now, &NoDynamicKeys)?, months.at(now, &NoDynamicKeys)?);
//!
//! let some = days.select("2024-01-30..2024-02-02, 2024-03-*")?;
//! assert_eq!(some.to_string(), "2024-01-30..2024-02-02, 2024-03-01..2024-03-09");
//!
//! let bound = Mapping::default_for(days.partitioning(), Some(months.partitioning()))?.bind(&days, &months)?;
//! let february = bound.upstream_of(&months.select("2024-02-01")?)?.complete()?;
//! assert_eq!(february.len(), 29);
//! assert_eq!(bound.downstream_of(&some)?.to_string(), "2024-01-01..2024-02-01");
//! # Ok(())
//! # }
//! ```
//!
//! An asset declares it with `#[asset(partitions = ..)]`; the executor resolves every definition once for a run, at the time of its
//! start, plans with [`BoundMapping::upstream_of`] and [`BoundMapping::downstream_of`], and refuses what is [`Missing`].
//!
//! # Guarantees
//!
//! - A key names one partition, and a partition has one key. Keys are checked where they come in; errors name the nearest key that exists.
//! - Windows tile: each begins where the one before it ends, whatever a clock does ([the rules](Partitioning::at)).
//! - `nth` and `index_of` are inverse, `len` is how many `iter` gives, and texts of sets give the sets back.
//! - A mapping and its inverse agree on every pair. What should be upstream and is not there is reported.
//!
//! # Limits
//!
//! Years 1 to 9999. Keyspaces have fewer than 2^64 partitions. A pattern (`2024-*`) looks at each name with its fixed beginning. Sets of several
//! dimensions are as small as their order of dimensions allows: what is a few ranges in the first and many in the last is small.

mod cron;
mod definition;
mod keyspace;
mod list;
mod mapping;
mod ranges;
mod selection;
mod set;
mod time;

pub use cron::Cron;
pub use definition::{IntoPartitioning, Partitioning};
/// The day of [`TimePartitions::weekday`].
pub use jiff::civil::Weekday;
pub use keyspace::Keyspace;
pub use list::{DynamicKeys, NoDynamicKeys};
pub use mapping::{BoundMapping, DimensionMapping, Mapping, Missing, Upstream};
pub use selection::Selection;
pub use set::PartitionSet;
pub use time::{TimePartitions, TimeWindow, time_zone_database};

use larder_io_core::{Error, ErrorKind};

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidDefinition, message)
}
