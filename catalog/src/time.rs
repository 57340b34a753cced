//! Times as the database keeps them: microseconds since 1970, before it too.

use jiff::Timestamp;

pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// jiff's own way back refuses the last second that it has.
pub(crate) fn from_micros(micros: i64) -> Option<Timestamp> {
    let nanos = micros.rem_euclid(1_000_000) * 1000;
    Timestamp::new(micros.div_euclid(1_000_000), i32::try_from(nanos).ok()?).ok()
}
