//! Dates and times as PostgreSQL counts them: from the year 2000, in days and microseconds, within bounds.
//! <https://www.postgresql.org/docs/current/datatype-datetime.html>

use arrow_schema::TimeUnit;

/// Days from 1970 to 2000.
const EPOCH_DAYS: i64 = 10_957;
/// Microseconds from 1970 to 2000.
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;
/// What a `date` can be, in days since 2000; what is beyond is refused, and its ends are infinities.
const DATES: std::ops::Range<i64> = -2_451_545..2_145_031_949;
/// What a `timestamp` can be, in microseconds since 2000.
const STAMPS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
/// What a `time` can be, in microseconds.
const TIMES: std::ops::RangeInclusive<i64> = 0..=86_400_000_000;

/// Microseconds in a unit; `None` for nanoseconds.
fn micros(unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => Some(1_000_000),
        TimeUnit::Millisecond => Some(1_000),
        TimeUnit::Microsecond => Some(1),
        TimeUnit::Nanosecond => None,
    }
}

/// Days since 1970 as a `date`.
pub(crate) fn date(days: i32) -> Option<i32> {
    let days = i64::from(days) - EPOCH_DAYS;
    DATES.contains(&days).then(|| i32::try_from(days).ok()).flatten()
}

/// A `date` as days since 1970.
pub(crate) fn days(date: i32) -> Option<i32> {
    let date = i64::from(date);
    DATES
        .contains(&date)
        .then(|| i32::try_from(date + EPOCH_DAYS).ok())
        .flatten()
}

/// A count of units since 1970 as a `timestamp`.
pub(crate) fn stamp(count: i64, unit: TimeUnit) -> Option<i64> {
    let stamp = count.checked_mul(micros(unit)?)?.checked_sub(EPOCH_MICROS)?;
    STAMPS.contains(&stamp).then_some(stamp)
}

/// A `timestamp` as a count of units since 1970; `None` where it is between two of them.
pub(crate) fn count(stamp: i64, unit: TimeUnit) -> Option<i64> {
    let since_1970 = STAMPS
        .contains(&stamp)
        .then(|| stamp.checked_add(EPOCH_MICROS))
        .flatten()?;
    exactly(since_1970, micros(unit)?)
}

/// A time of day in units as a `time`.
pub(crate) fn time(count: i64, unit: TimeUnit) -> Option<i64> {
    count.checked_mul(micros(unit)?).filter(|time| TIMES.contains(time))
}

/// A `time` in units.
pub(crate) fn time_count(time: i64, unit: TimeUnit) -> Option<i64> {
    exactly(Some(time).filter(|time| TIMES.contains(time))?, micros(unit)?)
}

/// The quotient, if there is no rest.
pub(crate) fn exactly(value: i64, by: i64) -> Option<i64> {
    (value % by == 0).then(|| value / by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_or_are_refused() {
        for days_since in [0, -1, 10_957, 19_000, -2_440_588, 2_145_042_905] {
            assert_eq!(date(days_since).and_then(days), Some(days_since));
        }
        for beyond in [i32::MIN, i32::MAX, -2_440_589, 2_145_042_906] {
            assert_eq!(date(beyond), None, "{beyond}");
        }
        for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond] {
            for value in [0, -1, 1_357_020_000, 86_399] {
                assert_eq!(stamp(value, unit).and_then(|stamp| count(stamp, unit)), Some(value));
            }
            assert_eq!(stamp(i64::MIN, unit), None, "is before every timestamp");
            assert_eq!(time(-1, unit), None);
            assert_eq!(time(86_400, unit).and_then(|time| time_count(time, unit)), Some(86_400));
        }
        assert_eq!(stamp(i64::MAX, TimeUnit::Millisecond), None, "is after every timestamp");
        assert_eq!(time(86_401, TimeUnit::Second), None);
        assert_eq!(stamp(0, TimeUnit::Microsecond), Some(-946_684_800_000_000));
        assert_eq!(count(1, TimeUnit::Millisecond), None, "is between two milliseconds");
        assert_eq!(count(i64::MAX, TimeUnit::Microsecond), None, "is infinity");
        assert_eq!(count(i64::MIN, TimeUnit::Microsecond), None, "is infinity");
        assert_eq!(days(i32::MAX), None, "is infinity");
    }
}
