//! The text of a boundary: `2024-01-31` where at most one window begins on a day, else `2024-01-31T05:00`.
//!
//! Of a time that the clock shows twice, the first is written as any other, and the second with its offset,
//! `2024-11-03T01:00-05:00`. So no two boundaries have one text, and the texts of an hourly schedule sort as their times do:
//! with offsets on both, the hours of zones east of Greenwich would not.

use super::timeline::{Boundary, Era, Eras, Timeline};
use crate::cron::{DAY, civil, days};

/// What a text of a time says, whether or not there is such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// As the clock shows it.
    pub(super) local: i64,
    pub(super) offset: Option<i64>,
    /// It names a day, no time of it.
    pub(super) date_only: bool,
    /// It is written as names are.
    exact: bool,
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
            exact: true,
        });
    }
    let letter = rest.as_bytes()[0];
    let rest = rest.strip_prefix(['T', ' '])?;
    let (time, zone) = rest.split_at(rest.find(['+', '-', 'Z']).unwrap_or(rest.len()));
    let (seconds, mut exact) = clock(time)?;
    exact &= letter == b'T' && zone != "Z";
    let offset = match zone.strip_prefix('-') {
        _ if zone.is_empty() => None,
        _ if zone == "Z" => Some(0),
        west => {
            let (seconds, exactly) = clock(west.or_else(|| zone.strip_prefix('+'))?)?;
            exact &= exactly && (west.is_none() || seconds > 0);
            Some(if west.is_some() { -seconds } else { seconds })
        }
    };
    Some(Said {
        local: start * DAY + seconds,
        offset,
        date_only: false,
        exact,
    })
}

fn number(digits: &str) -> Option<i64> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// Seconds of `HH:MM` or `HH:MM:SS`, and whether it has no more than it needs.
fn clock(text: &str) -> Option<(i64, bool)> {
    let part = |from: usize, limit: i64| {
        let digits = text.get(from..from + 2)?;
        let colon = from == 0 || text.as_bytes()[from - 1] == b':';
        number(digits).filter(|value| colon && *value < limit)
    };
    let minutes = part(0, 24)? * 60 + part(3, 60)?;
    match text.len() {
        5 => Some((minutes * 60, true)),
        8 => part(6, 60).map(|seconds| (minutes * 60 + seconds, seconds > 0)),
        _ => None,
    }
}

/// Two digits; names are made by the million, where formatting would take most of the time.
fn push_two(text: &mut String, value: i64) {
    let digit = |value: i64| char::from(b'0' + (value % 10) as u8);
    text.push(digit(value / 10));
    text.push(digit(value));
}

fn push_clock(text: &mut String, seconds: i64) {
    push_two(text, seconds / 3600);
    text.push(':');
    push_two(text, seconds / 60 % 60);
    if seconds % 60 != 0 {
        text.push(':');
        push_two(text, seconds % 60);
    }
}

impl Timeline {
    /// The text of a boundary by its number; `None` beyond the years 1 to 9999.
    pub(crate) fn name(&self, number: i64) -> Option<String> {
        let eras = self.eras_to(number);
        let boundary = self.boundary_in(&eras, number)?;
        let day = if self.is_daily() {
            boundary.meant
        } else {
            boundary.local
        };
        let (year, month, date) = civil(day.div_euclid(DAY));
        let mut text = String::with_capacity(22);
        push_two(&mut text, year / 100);
        push_two(&mut text, year % 100);
        text.push('-');
        push_two(&mut text, month);
        text.push('-');
        push_two(&mut text, date);
        if !self.is_daily() {
            text.push('T');
            push_clock(&mut text, boundary.local.rem_euclid(DAY));
            if was_shown_before(&eras, boundary) {
                let offset = boundary.local - boundary.instant;
                text.push(if offset < 0 { '-' } else { '+' });
                push_clock(&mut text, offset.abs());
            }
        }
        Some(text)
    }

    /// The number of the boundary with exactly this text: of one time that comes twice, and no other spelling of it.
    pub(crate) fn number(&self, text: &str) -> Option<i64> {
        let said = read(text)?;
        let daily = self.is_daily();
        if !said.exact || said.date_only != daily {
            return None;
        }
        let local = said.local + if daily { i64::from(self.cron.times[0]) * 60 } else { 0 };
        let eras = self.eras(|era| era.start > local + 2 * DAY);
        let first = eras.list.partition_point(|era| era.end <= local - 2 * DAY);
        let rank = self.rank(local);
        let is_match = self.local(rank) == local;
        for (place, era) in eras.list.iter().enumerate().skip(first) {
            if era.start >= local + 2 * DAY {
                break;
            }
            let moved = match daily {
                true => era.moved == Some(local),
                false => era.moved.is_some() && era.start + era.offset == local,
            };
            let number = match (era.from..era.to).contains(&rank) && is_match {
                _ if moved => era.before,
                true => era.before + i64::from(era.moved.is_some()) + rank - era.from,
                false => continue,
            };
            let boundary = Boundary {
                instant: local - era.offset,
                local,
                meant: local,
                era: place,
            };
            let second = !daily && was_shown_before(&eras, boundary);
            if said.offset == second.then_some(era.offset) {
                debug_assert_eq!(
                    self.name(number).as_deref(),
                    Some(text),
                    "names are read as they are written"
                );
                return Some(number);
            }
        }
        None
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

/// The clock showed this time in an earlier era.
fn was_shown_before(eras: &Eras, boundary: Boundary) -> bool {
    let earlier = eras.list[..boundary.era].iter().rev();
    // No clock has ever been put back by more than a day.
    earlier
        .take_while(|era| era.end > boundary.instant - 2 * DAY)
        .any(|era| shows(era, boundary.local))
}

fn shows(era: &Era, local: i64) -> bool {
    (era.start + era.offset..era.end + era.offset).contains(&local)
}
