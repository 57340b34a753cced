//! The windows that exist as of a time, by index.

use super::name::read;
use super::{TimeSpec, TimeWindow, Timeline};
use crate::cron::{DAY, days};
use crate::ranges::Range;
use jiff::Timestamp;
use larder_io_core::Result;
use std::sync::Arc;

/// Windows 0 to `count`; boundaries have numbers of the timeline, which begin elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TimeAxis {
    pub(crate) spec: Arc<TimeSpec>,
    pub(crate) count: u64,
}

impl TimeAxis {
    pub(crate) fn at(spec: &Arc<TimeSpec>, now: Timestamp) -> Result<Self> {
        Ok(Self {
            count: spec.count(now)?,
            spec: spec.clone(),
        })
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.spec.timeline
    }

    /// The boundary that begins the window of an index; indices beyond the ends stand for windows that do not exist.
    pub(crate) fn number(&self, index: i64) -> i64 {
        self.spec.first + index
    }

    pub(crate) fn nth(&self, index: u64) -> Option<String> {
        (index < self.count).then(|| self.timeline().name(self.number(index as i64)))?
    }

    pub(crate) fn index_of(&self, value: &str) -> Option<u64> {
        let index = u64::try_from(self.timeline().number(value)? - self.spec.first).ok()?;
        (index < self.count).then_some(index)
    }

    pub(crate) fn window(&self, index: u64) -> Option<TimeWindow> {
        let number = self.number(index as i64);
        let (start, end) = (self.timeline().instant(number)?, self.timeline().instant(number + 1)?);
        (index < self.count).then_some(TimeWindow { start, end })
    }

    /// The index of the window that an instant is in, whether or not it exists.
    pub(crate) fn containing(&self, instant: Timestamp) -> i64 {
        self.timeline().up_to(instant) - 1 - self.spec.first
    }

    /// The windows that begin in the year, month or day with which all their names begin; a little more at either end.
    pub(crate) fn named_like(&self, prefix: &str) -> Range {
        let part = |from: usize, to: usize| prefix.get(from..to).and_then(|digits| digits.parse::<i64>().ok());
        let (from, to) = match (part(0, 4), part(5, 7), part(8, 10)) {
            (Some(year), Some(month @ 1..=12), Some(day @ 1..=31)) => {
                (days(year, month, day), days(year, month, day + 1))
            }
            (Some(year), Some(month @ 1..=12), None) => {
                (days(year, month, 1), days(year + month / 12, month % 12 + 1, 1))
            }
            (Some(year), None, None) => (days(year, 1, 1), days(year + 1, 1, 1)),
            _ => return Range::new(0, self.count),
        };
        // Names are of the zone, at most a day away, and a moved window begins after what its name says.
        let index = |day: i64| {
            let instant =
                Timestamp::from_second(day * DAY).unwrap_or(if day < 0 { Timestamp::MIN } else { Timestamp::MAX });
            u64::try_from(self.containing(instant)).unwrap_or(0).min(self.count)
        };
        Range::new(index(from - 2), index(to + 2).saturating_add(1).min(self.count))
    }

    /// Why a text is none of the values, with the nearest that is.
    pub(crate) fn problem(&self, value: &str) -> String {
        let like = if self.timeline().is_daily() {
            "2024-01-31"
        } else {
            "2024-01-31T05:00"
        };
        let name = |index: u64| self.nth(index).unwrap_or_default();
        let Some(said) = read(value) else {
            return format!("it is no time; keys look like `{like}`");
        };
        if self.count == 0 {
            return match self.timeline().name(self.spec.first) {
                Some(first) => format!("there are no partitions yet; the first will be `{first}`"),
                None => "there are no partitions".to_owned(),
            };
        }
        let range = format!("partitions go from `{}` to `{}`", name(0), name(self.count - 1));
        let instant = Timestamp::from_second(self.timeline().meant(said)).unwrap_or(Timestamp::MAX);
        let known = self.timeline().number(value);
        let index = match known {
            Some(number) => number - self.spec.first,
            // The window that begins on the day, at whatever hour, or else the one before.
            None if said.date_only => {
                let day = jiff::SignedDuration::from_hours(24) - jiff::SignedDuration::from_nanos(1);
                self.containing(instant.saturating_add(day).unwrap_or(instant))
            }
            None => self.containing(instant),
        };
        match u64::try_from(index) {
            Ok(index) if index < self.count => format!("the nearest is `{}`; {range}", name(index)),
            Ok(_) => format!("that one is not over yet, or after the end; {range}"),
            Err(_) => format!("that is before the first; {range}"),
        }
    }
}
