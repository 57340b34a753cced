//! How time windows are declared.

use super::Timeline;
use super::name::read;
use crate::cron::Cron;
use crate::definition::{Dimension, Kind, Partitioning};
use crate::invalid;
use jiff::Timestamp;
use jiff::civil::Weekday;
use larder_io_core::Result;
use std::fmt;
use std::sync::Arc;

/// Declares partitions that are windows of time; made by [`Partitioning::daily`] and its neighbours, ended by
/// [`TimePartitions::build`].
///
/// | setting | hourly | daily | weekly | monthly | cron | default |
/// |---|---|---|---|---|---|---|
/// | `minute` | x | x | x | x | | 0 |
/// | `hour` | | x | x | x | | 0 |
/// | `weekday` | | | x | | | Sunday |
/// | `day` | | | | x | | 1 |
/// | `time_zone`, `end`, `end_offset`, `name` | x | x | x | x | x | UTC, none, 0, see [`TimePartitions::name`] |
#[derive(Clone, Debug)]
pub struct TimePartitions {
    every: Every,
    start: String,
    end: Option<String>,
    end_offset: i64,
    zone: String,
    name: Option<String>,
    minute: Option<u8>,
    hour: Option<u8>,
    weekday: Option<Weekday>,
    day: Option<u8>,
}

#[derive(Clone, Debug)]
enum Every {
    Hour,
    Day,
    Week,
    Month,
    Cron(String),
}

impl Partitioning {
    /// Begins a definition with a partition for each hour from `start` on: `2024-01-31T05:00`.
    pub fn hourly(start: impl Into<String>) -> TimePartitions {
        TimePartitions::new(Every::Hour, start.into())
    }

    /// Begins a definition with a partition for each day from `start` on: `2024-01-31`.
    pub fn daily(start: impl Into<String>) -> TimePartitions {
        TimePartitions::new(Every::Day, start.into())
    }

    /// Begins a definition with a partition for each week from `start` on, named by its first day.
    pub fn weekly(start: impl Into<String>) -> TimePartitions {
        TimePartitions::new(Every::Week, start.into())
    }

    /// Begins a definition with a partition for each month from `start` on, named by its first day: `2024-01-01`.
    pub fn monthly(start: impl Into<String>) -> TimePartitions {
        TimePartitions::new(Every::Month, start.into())
    }

    /// Begins a definition with a partition from each time of a [schedule](crate::Cron) to the next.
    pub fn cron(schedule: impl Into<String>, start: impl Into<String>) -> TimePartitions {
        TimePartitions::new(Every::Cron(schedule.into()), start.into())
    }
}

impl TimePartitions {
    fn new(every: Every, start: String) -> Self {
        Self {
            every,
            start,
            end: None,
            end_offset: 0,
            zone: "UTC".to_owned(),
            name: None,
            minute: None,
            hour: None,
            weekday: None,
            day: None,
        }
    }

    /// Sets the time zone, by its name in the IANA database: `Europe/Berlin`.
    #[must_use]
    pub fn time_zone(mut self, name: impl Into<String>) -> Self {
        self.zone = name.into();
        self
    }

    /// Sets the end: windows that end later do not exist. A date or a time of the zone, or one with an offset.
    #[must_use]
    pub fn end(mut self, end: impl Into<String>) -> Self {
        self.end = Some(end.into());
        self
    }

    /// Lets so many windows exist beyond the last that is over: 1 is the window that is under way; below 0, so many fewer.
    #[must_use]
    pub fn end_offset(mut self, windows: i32) -> Self {
        self.end_offset = windows.into();
        self
    }

    /// Sets the minute of the hour at which a window begins.
    #[must_use]
    pub fn minute(mut self, minute: u8) -> Self {
        self.minute = Some(minute);
        self
    }

    /// Sets the hour of the day at which a window begins.
    #[must_use]
    pub fn hour(mut self, hour: u8) -> Self {
        self.hour = Some(hour);
        self
    }

    /// Sets the day of the week on which a window begins.
    #[must_use]
    pub fn weekday(mut self, weekday: Weekday) -> Self {
        self.weekday = Some(weekday);
        self
    }

    /// Sets the day of the month, 1 to 28, on which a window begins.
    #[must_use]
    pub fn day(mut self, day: u8) -> Self {
        self.day = Some(day);
        self
    }

    /// Names the dimension. By default `date` where keys are dates, `hour` for hourly, and else `time`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Ends the definition.
    ///
    /// # Errors
    /// `InvalidDefinition` for a time zone that is none, a time that cannot be read, an end that leaves no window, and
    /// a setting that is out of its range or not of this kind.
    pub fn build(self) -> Result<Partitioning> {
        let cron = Cron::new(&self.schedule()?)?;
        let timeline = Timeline::of(cron, &self.zone)?;
        let start = instant(&timeline, "start", &self.start)?;
        let first = timeline.before(start);
        let name = self.name.clone().unwrap_or_else(|| {
            let usual = match &self.every {
                Every::Hour => "hour",
                _ if timeline.is_daily() => "date",
                _ => "time",
            };
            usual.to_owned()
        });
        let mut limit = None;
        if let Some(end) = &self.end {
            let windows = timeline.up_to(instant(&timeline, "end", end)?) - first - 1;
            if windows < 1 {
                let message = format!(
                    "no window of `{name}` ends by its end `{end}`, counted from `{}`",
                    self.start
                );
                return Err(invalid(message));
            }
            limit = Some(windows as u64);
        }
        let spec = TimeSpec {
            label: self.label(&timeline),
            timeline,
            first,
            limit,
            end_offset: self.end_offset,
        };
        Partitioning::of(vec![Dimension::new(name, Kind::Time(Arc::new(spec)))?])
    }

    fn schedule(&self) -> Result<String> {
        let what = match self.every {
            Every::Hour => "hourly",
            Every::Day => "daily",
            Every::Week => "weekly",
            Every::Month => "monthly",
            Every::Cron(_) => "cron",
        };
        // Name, value, range, and the kinds it is for.
        let settings = [
            ("minute", self.minute, 0..=59, "hourly daily weekly monthly"),
            ("hour", self.hour, 0..=23, "daily weekly monthly"),
            (
                "weekday",
                self.weekday.map(|day| day.to_sunday_zero_offset().cast_unsigned()),
                0..=6,
                "weekly",
            ),
            ("day", self.day, 1..=28, "monthly"),
        ];
        for (name, value, range, kinds) in settings {
            let Some(value) = value else { continue };
            if !kinds.split(' ').any(|kind| kind == what) {
                return Err(invalid(format!(
                    "{what} partitions have no `{name}`; it is for {}",
                    kinds.replace(' ', ", ")
                )));
            }
            if !range.contains(&value) {
                let (low, high) = range.into_inner();
                let hint = if name == "day" {
                    ", which every month has; for others use cron"
                } else {
                    ""
                };
                return Err(invalid(format!(
                    "the `{name}` {value} of {what} partitions is not in {low}..={high}{hint}"
                )));
            }
        }
        let (minute, hour) = (self.minute.unwrap_or(0), self.hour.unwrap_or(0));
        Ok(match &self.every {
            Every::Hour => format!("{minute} * * * *"),
            Every::Day => format!("{minute} {hour} * * *"),
            Every::Week => {
                let weekday = self.weekday.unwrap_or(Weekday::Sunday).to_sunday_zero_offset();
                format!("{minute} {hour} * * {weekday}")
            }
            Every::Month => format!("{minute} {hour} {} * *", self.day.unwrap_or(1)),
            Every::Cron(text) => text.clone(),
        })
    }

    fn label(&self, timeline: &Timeline) -> String {
        let every = match &self.every {
            Every::Hour => "hourly".to_owned(),
            Every::Day => "daily".to_owned(),
            Every::Week => "weekly".to_owned(),
            Every::Month => "monthly".to_owned(),
            Every::Cron(_) => format!("cron `{}`", timeline.cron),
        };
        let end = self.end.as_ref().map_or(String::new(), |end| format!(" to {end}"));
        format!("{every} from {}{end} in {}", self.start, timeline.zone_name)
    }
}

fn instant(timeline: &Timeline, what: &str, text: &str) -> Result<Timestamp> {
    let said = read(text).ok_or_else(|| {
        let shown = text.escape_debug();
        invalid(format!(
            "the {what} `{shown}` is no time; write `2024-01-31`, `2024-01-31T05:00` or one with an offset"
        ))
    })?;
    Timestamp::from_second(timeline.meant(said))
        .map_err(|_| invalid(format!("the {what} `{text}` is beyond the year 9999")))
}

/// Time windows as they were declared.
#[derive(Debug)]
pub(crate) struct TimeSpec {
    label: String,
    pub(crate) timeline: Arc<Timeline>,
    /// The number of the first boundary.
    pub(super) first: i64,
    /// How many windows there can be.
    limit: Option<u64>,
    end_offset: i64,
}

impl TimeSpec {
    /// How many windows exist.
    pub(super) fn count(&self, now: Timestamp) -> Result<u64> {
        let begun = self.timeline.up_to(now) - self.first;
        if begun <= 0 {
            return Ok(0);
        }
        let over = u64::try_from(begun - 1 + self.end_offset).unwrap_or(0);
        let count = self.limit.map_or(over, |limit| limit.min(over));
        match self.timeline.boundary(self.first + count as i64) {
            Some(_) => Ok(count),
            None => Err(invalid(format!(
                "partitions that are {self} reach beyond the year 9999 as of {now}"
            ))),
        }
    }

    /// Why a text will never be the name of a window; `None` if it is or will be one.
    pub(crate) fn never(&self, value: &str) -> Option<String> {
        match self.timeline.number(value) {
            None => Some(format!("no window of {self} has that name")),
            Some(number) if number < self.first => Some("that is before the first".to_owned()),
            Some(number) if self.limit.is_some_and(|limit| number >= self.first + limit as i64) => {
                Some("that is after the end".to_owned())
            }
            Some(_) => None,
        }
    }

    /// How the windows are cut, without where they begin and end.
    pub(crate) fn meaning(&self) -> String {
        self.timeline.meaning()
    }

    /// The same windows, whatever of them exists.
    pub(crate) fn same_windows(&self, other: &Self) -> bool {
        self.timeline == other.timeline
    }
}

impl PartialEq for TimeSpec {
    fn eq(&self, other: &Self) -> bool {
        self.timeline == other.timeline
            && (self.first, self.limit, self.end_offset) == (other.first, other.limit, other.end_offset)
    }
}

impl fmt::Display for TimeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}
