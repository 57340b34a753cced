//! One field of a schedule, as a mask of numbers.

use larder_io_core::nearest;

/// What a field may hold.
pub(super) struct Field {
    name: &'static str,
    low: u64,
    high: u64,
    /// The first stands for `low`.
    words: &'static [&'static str],
}

/// What it held.
pub(super) struct Numbers {
    pub(super) mask: u64,
    /// It began with `*`: it restricts nothing, or only by a step.
    pub(super) star: bool,
}

impl Field {
    pub(super) const MINUTE: Self = Self::numbers("minute", 0, 59);
    pub(super) const HOUR: Self = Self::numbers("hour", 0, 23);
    pub(super) const DAY: Self = Self::numbers("day of month", 1, 31);
    pub(super) const MONTH: Self = Self {
        words: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
        ..Self::numbers("month", 1, 12)
    };
    pub(super) const WEEKDAY: Self = Self {
        words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
        ..Self::numbers("day of week", 0, 7)
    };

    const fn numbers(name: &'static str, low: u64, high: u64) -> Self {
        Self {
            name,
            low,
            high,
            words: &[],
        }
    }

    pub(super) fn read(&self, text: &str) -> Result<Numbers, String> {
        let mut mask = 0;
        for item in text.split(',') {
            mask |= self
                .item(item)
                .map_err(|problem| format!("the {} `{text}` {problem}", self.name))?;
        }
        Ok(Numbers {
            mask,
            star: text.starts_with('*'),
        })
    }

    fn item(&self, item: &str) -> Result<u64, String> {
        let (range, step) = item
            .split_once('/')
            .map_or((item, None), |(range, step)| (range, Some(step)));
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (self.number(low)?, self.number(high)?),
            None if range == "*" => (self.low, self.high),
            // `5/15` is from 5 on, by 15.
            None => {
                let low = self.number(range)?;
                (low, if step.is_some() { self.high } else { low })
            }
        };
        if low > high {
            return Err(format!("has the range `{range}`, which ends before it begins"));
        }
        let step = match step.map(str::parse::<usize>) {
            None => 1,
            Some(Ok(step)) if step > 0 => step,
            Some(_) => return Err(format!("has a step in `{item}` that is no number above 0")),
        };
        Ok((low..=high).step_by(step).fold(0, |mask, number| mask | 1 << number))
    }

    fn number(&self, text: &str) -> Result<u64, String> {
        let (low, high) = (self.low, self.high);
        let lower = text.to_ascii_lowercase();
        if let Some(place) = self.words.iter().position(|word| *word == lower) {
            return Ok(low + place as u64);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (low..=high).contains(&number) => Ok(number),
            Ok(_) if digits => Err(format!("has {text}, which is not in {low}..{high}")),
            _ => {
                let near = nearest(&lower, self.words.iter().copied());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                Err(format!("has `{text}`, which is no number{near}"))
            }
        }
    }
}
