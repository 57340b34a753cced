//! The dates and times of Python's `datetime` module: checked values, and the bytes a pickle keeps of them.

use super::{Error, wrong};

/// The microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// The most days that a Python `timedelta` counts, either way.
const MAX_DAYS: i32 = 999_999_999;

/// A day of the Gregorian calendar: Python's `datetime.date`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Makes a date that the calendar has, in the years 1 to 9999.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, Error> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        };
        if (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days).contains(&day) {
            Ok(Self { year, month, day })
        } else {
            Err(wrong(format!("no such date: year {year}, month {month}, day {day}")))
        }
    }

    /// The year, 1 to 9999.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub const fn day(self) -> u8 {
        self.day
    }

    #[doc(hidden)]
    pub const fn state(self) -> [u8; 4] {
        let [high, low] = self.year.to_be_bytes();
        [high, low, self.month, self.day]
    }

    #[doc(hidden)]
    pub fn from_state(state: [u8; 4]) -> Result<Self, Error> {
        let [high, low, month, day] = state;
        Self::new(u16::from_be_bytes([high, low]), month, day)
    }
}

/// A fixed distance from UTC, strictly less than a day either way: Python's `datetime.timezone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset {
    micros: i64,
}

impl Offset {
    /// UTC itself.
    pub const UTC: Self = Self { micros: 0 };

    /// Makes an offset from seconds east of UTC.
    pub fn from_seconds(seconds: i32) -> Result<Self, Error> {
        Self::from_micros(i64::from(seconds) * 1_000_000)
    }

    /// Makes an offset from microseconds east of UTC; Python has them that fine.
    pub fn from_micros(micros: i64) -> Result<Self, Error> {
        if i128::from(micros.unsigned_abs()) < DAY {
            Ok(Self { micros })
        } else {
            Err(wrong("an offset from UTC must be less than 24 hours"))
        }
    }

    /// The microseconds east of UTC.
    pub const fn micros(self) -> i64 {
        self.micros
    }
}

/// A time of day, with a fixed offset or with none (naive): Python's `datetime.time`.
///
/// Two times are equal when all their parts are, and they are ordered part by part, the offset last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    hour: u8,
    minute: u8,
    second: u8,
    micro: u32,
    fold: bool,
    offset: Option<Offset>,
}

impl Time {
    /// Makes a naive time of the 24 hours of a day; there is no leap second in Python.
    pub fn new(hour: u8, minute: u8, second: u8, micro: u32) -> Result<Self, Error> {
        if hour < 24 && minute < 60 && second < 60 && micro < 1_000_000 {
            Ok(Self {
                hour,
                minute,
                second,
                micro,
                fold: false,
                offset: None,
            })
        } else {
            Err(wrong(format!(
                "no such time: hour {hour}, minute {minute}, second {second}, microsecond {micro}"
            )))
        }
    }

    /// The same time with this offset, or naive with none.
    pub const fn with_offset(mut self, offset: Option<Offset>) -> Self {
        self.offset = offset;
        self
    }

    /// The same time as the second of its two passes, where clocks are set back and an hour repeats.
    pub const fn with_fold(mut self, fold: bool) -> Self {
        self.fold = fold;
        self
    }

    /// The hour, 0 to 23.
    pub const fn hour(self) -> u8 {
        self.hour
    }

    /// The minute, 0 to 59.
    pub const fn minute(self) -> u8 {
        self.minute
    }

    /// The second, 0 to 59.
    pub const fn second(self) -> u8 {
        self.second
    }

    /// The microsecond, 0 to 999999.
    pub const fn microsecond(self) -> u32 {
        self.micro
    }

    /// Whether this is the second pass of a repeated hour.
    pub const fn fold(self) -> bool {
        self.fold
    }

    /// The offset from UTC, or none for a naive time.
    pub const fn offset(self) -> Option<Offset> {
        self.offset
    }

    /// The bytes without the fold, whose bit lies elsewhere in a time than in a datetime.
    const fn state_without_fold(self) -> [u8; 6] {
        let [_, high, middle, low] = self.micro.to_be_bytes();
        [self.hour, self.minute, self.second, high, middle, low]
    }

    #[doc(hidden)]
    pub fn state(self) -> [u8; 6] {
        let [hour, rest @ ..] = self.state_without_fold();
        let [minute, second, high, middle, low] = rest;
        [hour | (u8::from(self.fold) << 7), minute, second, high, middle, low]
    }

    #[doc(hidden)]
    pub fn from_state(state: [u8; 6]) -> Result<Self, Error> {
        let [hour, minute, second, high, middle, low] = state;
        let micro = u32::from_be_bytes([0, high, middle, low]);
        Ok(Self::new(hour & 0x7f, minute, second, micro)?.with_fold(hour & 0x80 != 0))
    }
}

/// A date and a time of day: Python's `datetime.datetime`.
///
/// Two are equal when all their parts are, and they are ordered part by part, which is the order of time among those
/// of one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    date: Date,
    time: Time,
}

impl DateTime {
    /// Puts a time, with its offset and fold, onto a date.
    pub const fn new(date: Date, time: Time) -> Self {
        Self { date, time }
    }

    /// The date.
    pub const fn date(self) -> Date {
        self.date
    }

    /// The time of day, with its offset and fold.
    pub const fn time(self) -> Time {
        self.time
    }

    #[doc(hidden)]
    pub fn state(self) -> [u8; 10] {
        let [y1, y2, month, day] = self.date.state();
        let [hour, minute, second, m1, m2, m3] = self.time.state_without_fold();
        [
            y1,
            y2,
            month | (u8::from(self.time.fold) << 7),
            day,
            hour,
            minute,
            second,
            m1,
            m2,
            m3,
        ]
    }

    #[doc(hidden)]
    pub fn from_state(state: [u8; 10]) -> Result<Self, Error> {
        let [y1, y2, month, day, hour, minute, second, m1, m2, m3] = state;
        let date = Date::from_state([y1, y2, month & 0x7f, day])?;
        let time = Time::new(hour, minute, second, u32::from_be_bytes([0, m1, m2, m3]))?;
        Ok(Self::new(date, time.with_fold(month & 0x80 != 0)))
    }
}

/// A span of time, either way: Python's `datetime.timedelta`.
///
/// Kept as Python keeps it: the seconds and microseconds are never negative, the days may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeDelta {
    days: i32,
    seconds: u32,
    micros: u32,
}

impl TimeDelta {
    /// Makes a span from parts of either sign and any size, as long as it stays under a billion days.
    pub fn new(days: i64, seconds: i64, micros: i64) -> Result<Self, Error> {
        Self::from_micros(i128::from(days) * DAY + i128::from(seconds) * 1_000_000 + i128::from(micros))
    }

    /// Makes a span from its whole length in microseconds.
    pub fn from_micros(micros: i128) -> Result<Self, Error> {
        let within = micros.rem_euclid(DAY);
        match (
            i32::try_from(micros.div_euclid(DAY)),
            u32::try_from(within / 1_000_000),
            u32::try_from(within % 1_000_000),
        ) {
            (Ok(days), Ok(seconds), Ok(micros)) if (-MAX_DAYS..=MAX_DAYS).contains(&days) => {
                Ok(Self { days, seconds, micros })
            }
            _ => Err(wrong("a timedelta must be less than a billion days")),
        }
    }

    /// The whole length in microseconds.
    pub fn as_micros(self) -> i128 {
        i128::from(self.days) * DAY + i128::from(self.seconds) * 1_000_000 + i128::from(self.micros)
    }

    /// The days, rounded down.
    pub const fn days(self) -> i32 {
        self.days
    }

    /// The seconds beyond the days, 0 to 86399.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }

    /// The microseconds beyond the seconds, 0 to 999999.
    pub const fn microseconds(self) -> u32 {
        self.micros
    }
}
