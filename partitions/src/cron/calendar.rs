//! Counting the days of a schedule without walking through them.
//!
//! The calendar repeats after 400 years: 146,097 days, which are whole weeks. How many days of each of those 4,800 months
//! fit is summed up once; a day's number and the day of a number follow by one look into a month.

use super::Days;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;
const MONTHS: i64 = 4_800;

/// The days of a schedule, numbered; number 0 is the first on or after 2000-01-01.
pub(crate) struct Calendar {
    /// The days of each month that fit; bit 0 is the first.
    masks: Vec<u32>,
    /// How many days fit in the months before; one more than there are months.
    before: Vec<i64>,
}

impl Calendar {
    pub(crate) fn new(days: Days) -> Self {
        let weekdays = |first: usize| {
            (0..31)
                .filter(|day| days.of_week >> ((first + day) % 7) & 1 == 1)
                .fold(0_u32, |mask, day| mask | 1 << day)
        };
        // For each weekday that a month may begin with.
        let by_first: [u32; 7] = std::array::from_fn(weekdays);
        let masks: Vec<u32> = (0..MONTHS).map(|month| mask(&days, &by_first, month)).collect();
        let mut before = vec![0];
        before.extend(masks.iter().scan(0, |sum, mask| {
            *sum += i64::from(mask.count_ones());
            Some(*sum)
        }));
        Self { masks, before }
    }

    fn all(&self) -> i64 {
        self.before[MONTHS as usize]
    }

    /// How many days that fit come before a day since 1970, and whether it fits itself.
    pub(crate) fn rank(&self, day: i64) -> (i64, bool) {
        let (year, month, date) = civil(day);
        let month = (year - 2000) * 12 + month - 1;
        let (cycle, place) = (month.div_euclid(MONTHS), month.rem_euclid(MONTHS));
        let mask = self.masks[place as usize];
        let earlier = (mask & ((1 << (date - 1)) - 1)).count_ones();
        let rank = cycle * self.all() + self.before[place as usize] + i64::from(earlier);
        (rank, mask >> (date - 1) & 1 == 1)
    }

    /// The day since 1970 with so many before it.
    pub(crate) fn day(&self, rank: i64) -> i64 {
        let (cycle, rest) = (rank.div_euclid(self.all()), rank.rem_euclid(self.all()));
        let place = self.before.partition_point(|before| *before <= rest) - 1;
        let mut mask = self.masks[place];
        for _ in self.before[place]..rest {
            mask &= mask - 1;
        }
        let month = cycle * MONTHS + place as i64;
        days(2000 + month.div_euclid(12), month.rem_euclid(12) + 1, 1) + i64::from(mask.trailing_zeros())
    }
}

/// The days of a month since 2000-01 that fit.
fn mask(fit: &Days, by_first: &[u32; 7], month: i64) -> u32 {
    let (year, month) = (2000 + month.div_euclid(12), month.rem_euclid(12) + 1);
    if fit.months >> month & 1 == 0 {
        return 0;
    }
    let first = days(year, month, 1);
    let length = days(year + month / 12, month % 12 + 1, 1) - first;
    // 1970-01-01 was a Thursday.
    let weekday = (first + 4).rem_euclid(7) as usize;
    let (of_month, of_week) = ((fit.of_month >> 1) as u32, by_first[weekday]);
    let fits = if fit.either {
        of_month | of_week
    } else {
        of_month & of_week
    };
    fits & ((1_u64 << length) - 1) as u32
}

/// Days since 1970-01-01, by Howard Hinnant's `days_from_civil`.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day, by his `civil_from_days`.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = ((shifted + 2) % 12 + 1, of_year - (153 * shifted + 2) / 5 + 1);
    (era * 400 + year + i64::from(month <= 2), month, day)
}
