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
//! # How an asset will declare it
//!
//! A sketch of what the attribute becomes; neither it nor the executor knows partitions yet.
//!
//! ```text
//! #[asset(partitions = daily("2024-01-01").time_zone("America/New_York"))]
//! async fn clean_flights(ctx: &AssetContext, raw_flights: Table) -> Result<Table>
//!
//! #[asset(partitions = monthly("2024-01-01").time_zone("America/New_York"))]      // days of the month, by default
//! async fn monthly_delays(clean_flights: Partitions<Table>) -> Result<Table>
//!
//! #[asset(partitions = daily("2024-01-01").time_zone("America/New_York"),
//!         input(running_total, mapping = Mapping::Previous))]                   // `Maybe`: the first has none
//! async fn running_total(clean_flights: Table, running_total: Maybe<u64>) -> Result<u64>
//! ```
//!
//! `partitions =` takes what [`Partitioning`] makes (a [`TimePartitions`] is built, its errors are told when definitions are
//! built) and `mapping =` a [`Mapping`]; without one, [`Mapping::default_for`] decides or refuses. When definitions are built, the executor
//! calls [`Mapping::check`] for every input. A run resolves every definition once, [`Partitioning::at`] the time of its start,
//! with the catalogue as [`DynamicKeys`]; plans with [`BoundMapping::upstream_of`] and [`BoundMapping::downstream_of`]; and
//! refuses what is [`Missing`], unless the parameter is a `Maybe` or says that partitions may be missing.
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
