//! The text of a boundary: `2024-01-31` where at most one window begins on a day, else `2024-01-31T05:00`.
//!
//! Of a time that the clock shows twice, the first is written as any other, and the second with its offset,
//! `2024-11-03T01:00-05:00`. So no two boundaries have one text, and the texts of an hourly schedule sort as their times do:
//! with offsets on both, the hours of zones east of Greenwich would not.

use super::timeline::{Boundary, Era, Timeline};
use crate::cron::{DAY, civil, days};
use std::fmt::Write;

/// What a text of a time says, whether or not there is such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// As the clock shows it.
    pub(super) local: i64,
    pub(super) offset: Option<i64>,
    /// It names a day, no time of it.
    pub(super) date_only: bool,
}

/// Reads `2024-01-31`, `2024-01-31T05:00`, `2024-01-31T05:00:30`, the latter two also with `Z` or an offset.
pub(super) fn read(text: &str) -> Option<Said> {
    let (date, rest) = text.split_at_checked(10)?;
    let year = number(date.get(..4)?)?;
    let (month, day) = (number(date.get(5..7)?)?, number(date.get(8..)?)?);
    let start = days(year, month, day);
    let dashes = date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    if !dashes || year < 1 || civil(start) != (year, month, day) {
        return None;
    }
    if rest.is_empty() {
        return Some(Said {
            local: start * DAY,
            offset: None,
            date_only: true,
        });
    }
    let rest = rest.strip_prefix(['T', ' '])?;
    let time = rest.find(['+', '-', 'Z']).unwrap_or(rest.len());
    let (time, offset) = rest.split_at_checked(time)?;
    let offset = match offset.strip_prefix('-') {
        _ if offset.is_empty() => None,
        _ if offset == "Z" => Some(0),
        Some(west) => Some(-clock(west)?),
        None => Some(clock(offset.strip_prefix('+')?)?),
    };
    Some(Said {
        local: start * DAY + clock(time)?,
        offset,
        date_only: false,
    })
}

fn number(digits: &str) -> Option<i64> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// Seconds of `HH:MM` or `HH:MM:SS`.
fn clock(text: &str) -> Option<i64> {
    let mut sum = 0;
    let parts: Vec<&str> = text.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    for (part, (limit, unit)) in parts.iter().zip([(24, 3600), (60, 60), (60, 1)]) {
        let value = number(part).filter(|value| part.len() == 2 && *value < limit)?;
        sum += value * unit;
    }
    Some(sum)
}

fn write_clock(text: &mut String, seconds: i64) {
    let _ = write!(text, "{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 {
        let _ = write!(text, ":{:02}", seconds % 60);
    }
}

impl Timeline {
    /// The text of a boundary by its number; `None` beyond the years 1 to 9999.
    pub(crate) fn name(&self, number: i64) -> Option<String> {
        let boundary = self.boundary(number)?;
        let day = if self.is_daily() {
            boundary.meant
        } else {
            boundary.local
        };
        let (year, month, date) = civil(day.div_euclid(DAY));
        let mut text = String::with_capacity(16);
        let _ = write!(text, "{year:04}-{month:02}-{date:02}");
        if !self.is_daily() {
            text.push('T');
            write_clock(&mut text, boundary.local.rem_euclid(DAY));
            if self.was_shown_before(boundary) {
                let offset = boundary.local - boundary.instant;
                text.push(if offset < 0 { '-' } else { '+' });
                write_clock(&mut text, offset.abs());
            }
        }
        Some(text)
    }

    /// The clock showed this time in an earlier era.
    fn was_shown_before(&self, boundary: Boundary) -> bool {
        let eras = self.eras(|era| era.end > boundary.instant);
        let earlier = eras.list[..boundary.era].iter().rev();
        // No clock has ever been put back by more than a day.
        earlier
            .take_while(|era| era.end > boundary.instant - 2 * DAY)
            .any(|era| shows(era, boundary.local))
    }

    /// The number of the boundary with exactly this text.
    pub(crate) fn number(&self, text: &str) -> Option<i64> {
        let said = read(text)?;
        let local = match self.is_daily() {
            true => said.local + i64::from(self.cron.times[0]) * 60,
            false => said.local,
        };
        let eras = self.eras(|era| era.start > local + 2 * DAY);
        let first = eras.list.partition_point(|era| era.end <= local - 2 * DAY);
        let near = eras.list[first..].iter().take_while(|era| era.start < local + 2 * DAY);
        let rank = self.rank(local);
        let numbers = near.filter_map(|era| {
            let moved = i64::from(era.moved.is_some());
            let at_start = match self.is_daily() {
                true => era.moved == Some(local),
                false => moved == 1 && era.start + era.offset == local,
            };
            let within = (era.from..era.to).contains(&rank) && self.local(rank) == local;
            at_start
                .then_some(era.before)
                .or(within.then(|| era.before + moved + rank - era.from))
        });
        // The same time may come twice; the text decides, and no other spelling of it counts.
        numbers
            .into_iter()
            .find(|number| self.name(*number).as_deref() == Some(text))
    }

    /// The instant that a text means, for finding what is near it: the first of two, the end of a gap.
    pub(super) fn meant(&self, said: Said) -> i64 {
        if let Some(offset) = said.offset {
            return said.local - offset;
        }
        let eras = self.eras(|era| era.start > said.local + 2 * DAY);
        let era = eras.list.iter().find(|era| said.local < era.end + era.offset);
        era.map_or(said.local, |era| (said.local - era.offset).max(era.start))
    }
}

fn shows(era: &Era, local: i64) -> bool {
    (era.start + era.offset..era.end + era.offset).contains(&local)
}
