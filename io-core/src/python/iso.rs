//! The ISO 8601 text of dates, times and spans, as Python's `isoformat` writes them.

use std::fmt;
use std::str::FromStr;

use super::calendar::{Date, DateTime, Offset, Time, TimeDelta};
use super::{Error, shown, wrong};

/// What follows a time in the second pass of a repeated hour, in the form RFC 9557 gives such additions.
const FOLD: &str = "[fold=1]";

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year(), self.month(), self.day())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour(), self.minute(), self.second())?;
        if self.microsecond() != 0 {
            write!(f, ".{:06}", self.microsecond())?;
        }
        if let Some(offset) = self.offset() {
            write!(f, "{offset}")?;
        }
        f.write_str(if self.fold() { FOLD } else { "" })
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date(), self.time())
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.micros().unsigned_abs();
        let (seconds, micros) = (all / 1_000_000, all % 1_000_000);
        let sign = if self.micros() < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)?;
        if seconds % 60 != 0 || micros != 0 {
            write!(f, ":{:02}", seconds % 60)?;
        }
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        Ok(())
    }
}

/// Written in hours, minutes and seconds only, such as `-PT36H0.500000S`: what the days of ISO 8601 last is open to
/// its readers, and some take no days at all.
impl fmt::Display for TimeDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.as_micros().unsigned_abs();
        let (seconds, micros) = (all / 1_000_000, all % 1_000_000);
        f.write_str(if self.as_micros() < 0 { "-PT" } else { "PT" })?;
        if seconds >= 3600 {
            write!(f, "{}H", seconds / 3600)?;
        }
        if seconds / 60 % 60 != 0 {
            write!(f, "{}M", seconds / 60 % 60)?;
        }
        match (seconds % 60, micros) {
            (0, 0) if all != 0 => Ok(()),
            (second, 0) => write!(f, "{second}S"),
            (second, micros) => write!(f, "{second}.{micros:06}S"),
        }
    }
}

/// Reads a whole text, and names it in the error.
fn whole<'a, T>(text: &'a str, what: &str, read: impl FnOnce(&mut Text<'a>) -> Result<T, Error>) -> Result<T, Error> {
    let mut rest = Text { rest: text };
    match read(&mut rest) {
        Ok(value) if rest.rest.is_empty() => Ok(value),
        Ok(_) => Err(wrong(format!("`{}` is no ISO 8601 {what}", shown(text)))),
        Err(error) => Err(wrong(format!(
            "`{}` is no ISO 8601 {what}: {}",
            shown(text),
            error.message()
        ))),
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        whole(text, "date", Text::date)
    }
}

impl FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        whole(text, "time", Text::time)
    }
}

impl FromStr for DateTime {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        whole(text, "date and time", |text| {
            let date = text.date()?;
            if !(text.eat("T") || text.eat("t") || text.eat(" ")) {
                return Err(wrong("no `T` after the date"));
            }
            Ok(Self::new(date, text.time()?))
        })
    }
}

impl FromStr for Offset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        whole(text, "offset", |text| text.offset()?.ok_or_else(|| wrong("no sign")))
    }
}

impl FromStr for TimeDelta {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        whole(text, "duration", Text::duration)
    }
}

/// What is left to read of a text.
struct Text<'a> {
    rest: &'a str,
}

impl<'a> Text<'a> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), Error> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(wrong(format!("no `{token}` where it should be")))
        }
    }

    /// Takes all the digits that come next.
    fn digits(&mut self) -> &'a str {
        let end = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(end).unwrap_or(("", self.rest));
        self.rest = rest;
        digits
    }

    /// Takes a number of exactly this many digits.
    fn number<T: FromStr>(&mut self, length: usize) -> Result<T, Error> {
        let digits = self.digits();
        match digits.parse() {
            Ok(number) if digits.len() == length => Ok(number),
            _ => Err(wrong(format!("a number is not of {length} digits"))),
        }
    }

    /// Takes the microseconds after a decimal point, if there is one. Finer digits are refused, since Python could
    /// not keep them.
    fn fraction(&mut self) -> Result<u32, Error> {
        if !self.eat(".") {
            return Ok(0);
        }
        let digits = self.digits();
        match digits.len() {
            1..=6 => format!("{digits:0<6}").parse().map_err(|_| wrong("no such fraction")),
            0 => Err(wrong("no digits after the point")),
            _ => Err(wrong(
                "it is finer than microseconds, which is as fine as Python has it",
            )),
        }
    }

    fn date(&mut self) -> Result<Date, Error> {
        let year = self.number(4)?;
        self.expect("-")?;
        let month = self.number(2)?;
        self.expect("-")?;
        Date::new(year, month, self.number(2)?)
    }

    fn time(&mut self) -> Result<Time, Error> {
        let hour = self.number(2)?;
        self.expect(":")?;
        let minute = self.number(2)?;
        self.expect(":")?;
        let time = Time::new(hour, minute, self.number(2)?, self.fraction()?)?;
        let offset = self.offset()?;
        Ok(time.with_offset(offset).with_fold(self.eat(FOLD)))
    }

    fn offset(&mut self) -> Result<Option<Offset>, Error> {
        if self.eat("Z") || self.eat("z") {
            return Ok(Some(Offset::UTC));
        }
        let negative = self.eat("-");
        if !negative && !self.eat("+") {
            return Ok(None);
        }
        let hour = self.number(2)?;
        self.expect(":")?;
        let minute = self.number(2)?;
        let (second, micro) = if self.eat(":") {
            (self.number(2)?, self.fraction()?)
        } else {
            (0, 0)
        };
        let time = Time::new(hour, minute, second, micro)?;
        let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        let micros = seconds * 1_000_000 + i64::from(time.microsecond());
        Offset::from_micros(if negative { -micros } else { micros }).map(Some)
    }

    fn duration(&mut self) -> Result<TimeDelta, Error> {
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        self.expect("P")?;
        let mut parts = vec![self.part("D", 86_400)?];
        if self.eat("T") {
            let times = [self.part("H", 3600)?, self.part("M", 60)?, self.part("S", 1)?];
            if times.iter().all(Option::is_none) {
                return Err(wrong("nothing after the `T`"));
            }
            parts.extend(times);
        }
        if parts.iter().all(Option::is_none) {
            return Err(wrong("nothing after the `P`"));
        }
        let micros: i128 = parts.into_iter().flatten().sum();
        TimeDelta::from_micros(if negative { -micros } else { micros })
    }

    /// Takes a number of this unit in microseconds, if that is what comes next; only seconds may have a fraction.
    fn part(&mut self, unit: &str, seconds: i128) -> Result<Option<i128>, Error> {
        let start = self.rest;
        let digits = self.digits();
        let fraction = if unit == "S" && !digits.is_empty() {
            self.fraction()?
        } else {
            0
        };
        if digits.is_empty() || !self.eat(unit) {
            self.rest = start;
            return Ok(None);
        }
        let number: u64 = digits.parse().map_err(|_| wrong("a number is too large"))?;
        Ok(Some(i128::from(number) * seconds * 1_000_000 + i128::from(fraction)))
    }
}
