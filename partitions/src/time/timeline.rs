//! Every boundary of a schedule in a time zone, numbered from the year 1 on.
//!
//! Between two changes of a zone's clock, an *era*, boundaries are plain calendar arithmetic. So the number of boundaries up
//! to an instant, and the instant of the n-th, take one search among eras (two a year at most) and one in the calendar.
//!
//! What happens when the clock is changed:
//! - A schedule of every hour follows the clock: a time that is skipped has no boundary, one that is shown twice has two.
//! - Any other schedule means a time once a day: of a time shown twice the first counts. A skipped time moves to the end of
//!   the gap, unless a boundary is there already; if its whole date was skipped, there is none.
//!
//! Windows are what lies between neighbours, so they tile time whatever the clock does.

use super::{seconds, zone::zone};
use crate::cron::{Calendar, Cron, DAY, days};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_io_core::Result;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};

/// A schedule in a zone. Equal ones are one in memory, so that thousands of assets share what was computed.
pub(crate) struct Timeline {
    pub(super) cron: Cron,
    pub(super) zone: TimeZone,
    pub(super) zone_name: String,
    pub(super) calendar: Calendar,
    /// As far as anybody asked; replaced by a longer one, never changed.
    eras: RwLock<Arc<Eras>>,
}

pub(super) struct Eras {
    pub(super) list: Vec<Era>,
    /// The last era ends at the end of time.
    complete: bool,
}

/// A time in which the zone's offset stays the same. Times are seconds since 1970, `local` ones as the clock shows them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Era {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) offset: i64,
    /// The matches of the calendar that are boundaries.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The time of the clock whose boundary moved to `start`, because it was skipped.
    pub(super) moved: Option<i64>,
    /// How many boundaries come before this era.
    pub(super) before: i64,
}

impl Era {
    pub(super) fn count(&self) -> i64 {
        i64::from(self.moved.is_some()) + self.to - self.from
    }
}

/// A boundary: its instant, the time that the clock shows, and the time that the schedule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boundary {
    pub(super) instant: i64,
    pub(super) local: i64,
    pub(super) meant: i64,
    pub(super) era: usize,
}

impl Timeline {
    /// The schedule and the zone.
    pub(super) fn meaning(&self) -> String {
        format!("{} in {}", self.cron.as_str(), self.zone_name)
    }

    /// The timeline of a schedule in a zone.
    pub(crate) fn of(cron: Cron, zone_name: &str) -> Result<Arc<Self>> {
        type Known = Mutex<HashMap<(Cron, String), Weak<Timeline>>>;
        static KNOWN: OnceLock<Known> = OnceLock::new();
        let (zone, zone_name) = zone(zone_name)?;
        let key = (cron.clone(), zone_name.clone());
        let known = KNOWN.get_or_init(Known::default);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(timeline) = known.get(&key).and_then(Weak::upgrade) {
            return Ok(timeline);
        }
        let timeline = Arc::new(Self {
            calendar: Calendar::new(cron.days),
            cron,
            zone,
            zone_name,
            eras: RwLock::new(Arc::new(Eras {
                list: Vec::new(),
                complete: false,
            })),
        });
        known.retain(|_, timeline| timeline.strong_count() > 0);
        known.insert(key, Arc::downgrade(&timeline));
        Ok(timeline)
    }

    pub(crate) fn is_daily(&self) -> bool {
        self.cron.is_daily()
    }

    /// Calendar matches before a time of the clock.
    pub(super) fn rank(&self, local: i64) -> i64 {
        let (before, fits) = self.calendar.rank(local.div_euclid(DAY));
        let time = local.rem_euclid(DAY);
        let times = &self.cron.times;
        let earlier = if fits {
            times.partition_point(|minute| i64::from(*minute) * 60 < time)
        } else {
            0
        };
        before * times.len() as i64 + earlier as i64
    }

    /// The time of a calendar match.
    pub(super) fn local(&self, rank: i64) -> i64 {
        let times = self.cron.times.len() as i64;
        let minute = self.cron.times[rank.rem_euclid(times) as usize];
        self.calendar.day(rank.div_euclid(times)) * DAY + i64::from(minute) * 60
    }

    /// Eras until `enough` says so, or all there are.
    pub(super) fn eras(&self, enough: impl Fn(&Era) -> bool) -> Arc<Eras> {
        let mut eras = self.eras.read().unwrap_or_else(PoisonError::into_inner).clone();
        while !eras.complete && !eras.list.last().is_some_and(&enough) {
            // Twenty years more than anybody asked for, then twice that.
            let reached = eras.list.last().map_or(days(2030, 1, 1) * DAY, |era| era.end);
            let more = eras
                .list
                .last()
                .map_or(0, |_| (reached - days(2010, 1, 1) * DAY).max(20 * 366 * DAY));
            eras = Arc::new(self.build(reached + more));
            *self.eras.write().unwrap_or_else(PoisonError::into_inner) = eras.clone();
        }
        eras
    }

    fn build(&self, until: i64) -> Eras {
        let mut list: Vec<Era> = Vec::new();
        let offset_at = |instant: Timestamp| i64::from(self.zone.to_offset(instant).seconds());
        let mut offset = offset_at(Timestamp::MIN);
        let mut start = days(1, 1, 1) * DAY - offset;
        // The latest time that any clock has shown, where counting goes on.
        let mut frontier = start + offset;
        let last = seconds(Timestamp::MAX).0;
        let mut transitions = self.zone.following(Timestamp::MIN);
        loop {
            let next = transitions.find(|next| i64::from(next.offset().seconds()) != offset);
            let end = next.as_ref().map_or(last, |next| seconds(next.timestamp()).0);
            if end > start {
                let before = list.last().map_or(0, |era| era.before + era.count());
                list.push(self.era(start, end, offset, frontier, before));
                frontier = frontier.max(end + offset);
            }
            let Some(next) = next else {
                return Eras { list, complete: true };
            };
            if end >= until {
                return Eras { list, complete: false };
            }
            (start, offset) = (end.max(start), i64::from(next.offset().seconds()));
        }
    }

    fn era(&self, start: i64, end: i64, offset: i64, frontier: i64, before: i64) -> Era {
        let (begins, ends) = (self.rank(start + offset), self.rank(end + offset));
        let mut era = Era {
            start,
            end,
            offset,
            from: begins,
            to: ends,
            moved: None,
            before,
        };
        if !self.cron.every_hour {
            era.from = self.rank(frontier.max(start + offset));
            era.to = era.to.max(era.from);
            if begins > self.rank(frontier) {
                let skipped = self.local(begins - 1);
                let date = skipped - skipped.rem_euclid(DAY);
                let no_such_date = date >= frontier && date + DAY <= start + offset;
                let taken = self.local(begins) == start + offset;
                era.moved = (!no_such_date && !taken).then_some(skipped);
            }
        }
        era
    }

    /// How many boundaries are at or before an instant.
    pub(crate) fn up_to(&self, instant: Timestamp) -> i64 {
        self.up_to_second(seconds(instant).0)
    }

    /// How many boundaries are before an instant.
    pub(crate) fn before(&self, instant: Timestamp) -> i64 {
        let (second, fraction) = seconds(instant);
        self.up_to_second(second - i64::from(!fraction))
    }

    fn up_to_second(&self, second: i64) -> i64 {
        let eras = self.eras(|era| era.end > second);
        let Some(era) = eras.list[..eras.list.partition_point(|era| era.start <= second)].last() else {
            return 0;
        };
        let passed = (self.rank(second + era.offset + 1) - era.from).clamp(0, era.to - era.from);
        era.before + i64::from(era.moved.is_some()) + passed
    }

    /// The boundary of a number; `None` beyond the years 1 to 9999.
    pub(super) fn boundary(&self, number: i64) -> Option<Boundary> {
        self.boundary_in(&self.eras_to(number), number)
    }

    /// Eras that have the boundary of a number, if there is one.
    pub(super) fn eras_to(&self, number: i64) -> Arc<Eras> {
        self.eras(|era| era.before + era.count() > number)
    }

    pub(super) fn boundary_in(&self, eras: &Eras, number: i64) -> Option<Boundary> {
        let place = eras.list.partition_point(|era| era.before <= number).checked_sub(1)?;
        let era = &eras.list[place];
        let within = number - era.before;
        if within >= era.count() {
            return None;
        }
        let boundary = |local: i64, meant: i64| Boundary {
            instant: local - era.offset,
            local,
            meant,
            era: place,
        };
        match era.moved {
            Some(meant) if within == 0 => Some(boundary(era.start + era.offset, meant)),
            moved => {
                let local = self.local(era.from + within - i64::from(moved.is_some()));
                Some(boundary(local, local))
            }
        }
    }

    /// The instant of a boundary.
    pub(crate) fn instant(&self, number: i64) -> Option<Timestamp> {
        Timestamp::from_second(self.boundary(number)?.instant).ok()
    }
}

impl PartialEq for Timeline {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.zone_name == other.zone_name && self.cron == other.cron)
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timeline({} in {})", self.cron, self.zone_name)
    }
}
