//! Time windows: where they begin, how they are named, which of them exist.
//!
//! | module | owns |
//! |---|---|
//! | `zone` | time zones by name, from the database that is compiled in |
//! | `timeline` | every boundary of a schedule in a zone, numbered, with the rules for changes of the clock |
//! | `name` | boundary to key text and back |
//! | `builder` | how windows are declared |
//! | `axis` | the windows that exist as of a time |

mod axis;
mod builder;
mod name;
mod timeline;
mod zone;

pub(crate) use axis::TimeAxis;
pub use builder::TimePartitions;
pub(crate) use builder::TimeSpec;
pub(crate) use timeline::Timeline;
pub use zone::time_zone_database;

use jiff::Timestamp;
use std::fmt;

/// A span of time: from `start`, which is in it, to `end`, which is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeWindow {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl TimeWindow {
    /// Whether an instant is in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.start <= instant && instant < self.end
    }
}

impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// Seconds since 1970, rounded down, and whether something was cut off.
fn seconds(instant: Timestamp) -> (i64, bool) {
    // jiff rounds towards 1970.
    let below = instant.subsec_nanosecond() < 0;
    (instant.as_second() - i64::from(below), instant.subsec_nanosecond() != 0)
}
