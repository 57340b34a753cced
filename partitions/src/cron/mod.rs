//! Schedules of five fields: `minute hour day-of-month month day-of-week`.
//!
//! The crates that read such texts find the next time after a given one.
//! Partitions need the opposite: how many there are and which is the millionth, at once. So the fields are masks here,
//! and [`calendar`] counts with them.

mod calendar;
mod field;

pub(crate) use calendar::{Calendar, DAY, civil, days};

use crate::invalid;
use field::Field;
use larder_io_core::{Result, nearest};
use std::fmt;

const SHORTHANDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// A cron schedule: which minutes of which days.
///
/// Five fields, each `*`, a number, a name (`jan`, `mon`), a range `1-5`, a step `*/15` or `8-18/2`, or a list of those.
/// Sunday is 0 or 7. When both day of month and day of week are given, a day that fits either counts, as in every cron.
/// Also `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
///
/// Limits: no seconds, no years, none of `L`, `W`, `#`, `?`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cron {
    text: String,
    /// Minutes of the day, ascending.
    pub(crate) times: Vec<u16>,
    pub(crate) days: Days,
    /// The hour is `*`: each time that the clock shows the minute counts, not one a day.
    pub(crate) every_hour: bool,
}

/// Which days a schedule has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Days {
    /// Bits 1 to 12.
    pub(crate) months: u64,
    /// Bits 1 to 31.
    pub(crate) of_month: u64,
    /// Bits 0 (Sunday) to 6.
    pub(crate) of_week: u64,
    /// A day that fits one of the two counts.
    pub(crate) either: bool,
}

impl Days {
    /// No day of any year fits. Every date there is falls on every weekday in some year, so that weekdays exclude nothing.
    fn is_empty(&self) -> bool {
        let longest = |month: u64| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let fits = |month: u64| self.months >> month & 1 == 1 && self.of_month & ((2 << longest(month)) - 1) != 0;
        !self.either && !(1..=12).any(fits)
    }
}

impl Cron {
    /// Reads a schedule.
    ///
    /// # Errors
    /// `InvalidDefinition` with the field that is wrong, or when no day ever fits (`0 0 30 2 *`).
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.starts_with('@') {
            let Some((_, fields)) = SHORTHANDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) else {
                let near = nearest(text, SHORTHANDS.iter().map(|(name, _)| *name));
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                return Err(invalid(format!(
                    "the schedule `{text}` is none of cron's shorthands{near}"
                )));
            };
            return Self::new(fields);
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts[..] else {
            let message = "has five fields: minute, hour, day of month, month, day of week";
            return Err(invalid(format!(
                "the schedule `{text}` has {} fields; cron {message}",
                parts.len()
            )));
        };
        let at = |error: String| invalid(format!("the schedule `{text}`: {error}"));
        let (minute, hour) = (
            Field::MINUTE.read(minute).map_err(at)?,
            Field::HOUR.read(hour).map_err(at)?,
        );
        let (day, month) = (Field::DAY.read(day).map_err(at)?, Field::MONTH.read(month).map_err(at)?);
        let mut weekday = Field::WEEKDAY.read(weekday).map_err(at)?;
        // Sunday has two numbers.
        weekday.mask = (weekday.mask | weekday.mask >> 7) & 0x7f;
        let hours: Vec<u16> = bits(hour.mask).collect();
        let cron = Self {
            text: parts.join(" "),
            times: hours
                .iter()
                .flat_map(|hour| bits(minute.mask).map(move |minute| hour * 60 + minute))
                .collect(),
            every_hour: hours.len() > 1 && (hour.star || hours.len() == 24),
            days: Days {
                months: month.mask,
                of_month: day.mask,
                of_week: weekday.mask,
                either: !day.star && !weekday.star,
            },
        };
        match cron.days.is_empty() {
            true => Err(at("no day of any year fits it".to_owned())),
            false => Ok(cron),
        }
    }

    /// The fields, with one space between them.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether at most one partition begins on a day, so that its date is its key.
    pub(crate) fn is_daily(&self) -> bool {
        self.times.len() == 1
    }
}

fn bits(mask: u64) -> impl Iterator<Item = u16> {
    (0..64).filter(move |bit| mask >> bit & 1 == 1)
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({})", self.text)
    }
}
