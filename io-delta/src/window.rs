//! The time that a partition's key stands for.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a window is, where its key does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Span {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// Seven days.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// From a moment on, before another one; without a zone, which is UTC for columns that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    from: DateTime,
    to: DateTime,
}

impl Window {
    /// Reads `2024`, `2024-01`, `2024-01-31`, `2024-01-31T05:00` (the key of an hour; Dagster's is `2024-01-31-05:00`), or a timestamp with
    /// its offset such as `2024-01-31T05:00:00Z`, which stands for its hour. The span is what the text shows, unless it is given.
    pub(crate) fn parse(text: &str, span: Option<Span>) -> Option<Self> {
        let (from, shown) = begin(text)?;
        let span = match span.or(shown)? {
            Span::Hour => 1.hour(),
            Span::Day => 1.day(),
            Span::Week => 1.week(),
            Span::Month => 1.month(),
            Span::Year => 1.year(),
        };
        let to = from.checked_add(span).ok()?;
        Some(Self { from, to })
    }

    /// Days since 1970; `None` when it does not begin and end with a day.
    pub(crate) fn days(&self) -> Option<(i64, i64)> {
        let day = |at: DateTime| {
            let midnight = at.time() == Time::midnight();
            let since = Date::constant(1970, 1, 1).until(at.date()).ok().filter(|_| midnight)?;
            Some(i64::from(since.get_days()))
        };
        Some((day(self.from)?, day(self.to)?))
    }

    /// The date it begins with.
    pub(crate) fn date(&self) -> String {
        self.from.date().to_string()
    }

    /// Microseconds since 1970.
    pub(crate) fn microseconds(&self) -> (i64, i64) {
        let count = |at: DateTime| {
            let zoned = at.to_zoned(jiff::tz::TimeZone::UTC);
            zoned.map_or(i64::MAX, |zoned| zoned.timestamp().as_microsecond())
        };
        (count(self.from), count(self.to))
    }
}

/// When it begins, and how long it is where the text shows that.
fn begin(text: &str) -> Option<(DateTime, Option<Span>)> {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(text, 4) {
        return Some((Date::new(text.parse().ok()?, 1, 1).ok()?.into(), Some(Span::Year)));
    }
    if let Some((year, month)) = text
        .split_once('-')
        .filter(|(year, month)| digits(year, 4) && digits(month, 2))
    {
        let date = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
        return Some((date.into(), Some(Span::Month)));
    }
    let date = |text: &str| text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    if let Some(date) = date(text) {
        return Some((date.into(), Some(Span::Day)));
    }
    // The key of an hour; where clocks are set back its second one carries the offset, which no column does.
    if let Some((day, hour)) = text.split_at_checked(10) {
        let hour = hour.strip_prefix('-').filter(|hour| hour.len() == 5);
        if let Some(hour) = hour.and_then(|hour| hour.parse::<Time>().ok()) {
            return Some((date(day)?.to_datetime(hour), Some(Span::Hour)));
        }
        let time = text[10..].strip_prefix('T').filter(|time| matches!(time.len(), 5 | 8));
        if let Some(time) = time.and_then(|time| time.parse::<Time>().ok()) {
            // Windows that begin within an hour may be shorter than one: two of them would own the same rows.
            let whole = time.minute() == 0 && time.second() == 0;
            return Some((date(day)?.to_datetime(time), whole.then_some(Span::Hour)));
        }
    }
    let moment: Timestamp = text.parse().ok()?;
    Some((moment.to_zoned(jiff::tz::TimeZone::UTC).datetime(), Some(Span::Hour)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_as_long_as_their_keys_say() {
        let hours = |text: &str, span| {
            let (from, to) = Window::parse(text, span)?.microseconds();
            Some((to - from) / 3_600_000_000)
        };
        for (text, expected) in [
            ("2024", 366 * 24),
            ("2024-02", 29 * 24),
            ("2024-01-31", 24),
            ("2024-01-31-05:00", 1),
            ("2024-01-31T05:00", 1),
            ("2024-01-31T05:00:00", 1),
            ("2024-11-03T01:00-05:00", 1),
            ("2024-01-31T05:00:00Z", 1),
        ] {
            assert_eq!(hours(text, None), Some(expected), "{text}");
        }
        assert_eq!(hours("2024-01-01", Some(Span::Week)), Some(7 * 24));
        assert_eq!(hours("2024-02-01", Some(Span::Month)), Some(29 * 24));
        assert_eq!(hours("2024-01-31T05:15", Some(Span::Hour)), Some(1));
        for bad in [
            "",
            "24",
            "2024-1-1",
            "2024-02-30",
            "2024-01-31-25:00",
            "2024-01-31T25:00",
            "2024-01-31T05:15",
            "2024-01-31T05:00:01",
            "2024-02-30T05:00",
            "yesterday",
            "2024-01-31-5",
            "２０２４",
        ] {
            assert_eq!(hours(bad, None), None, "{bad}");
        }
    }

    #[test]
    fn days_are_counted_from_1970() {
        let window = Window::parse("1970-01-02", None).expect("is a day");
        assert_eq!(window.days(), Some((1, 2)));
        assert_eq!(window.microseconds().0, 86_400_000_000);
        let hour = Window::parse("1970-01-02-05:00", None).expect("is an hour");
        assert_eq!(hour.days(), None);
        assert_eq!(Window::parse("1970-01-02T05:00", None), Some(hour));
        let before = Window::parse("1969-12-31", None).expect("is a day");
        assert_eq!(before.days(), Some((-1, 0)));
    }
}
