//! What runs at once, and how much memory that takes.

use super::figure::sum;
use super::{Load, SizeUnits};
use std::collections::BTreeMap;

/// Bytes of each step's values, the largest first, and how many steps are alike.
pub(super) struct Steps {
    factor: f64,
    sizes: Vec<(f64, u64)>,
}

impl Steps {
    pub(super) fn of(loads: &[Load], factor: f64) -> Self {
        let mut together: BTreeMap<usize, f64> = BTreeMap::new();
        let mut sizes = Vec::new();
        for load in loads {
            match load.step {
                Some(step) => *together.entry(step).or_default() += load.largest as f64 * load.assets as f64,
                None => sizes.push((load.largest as f64, load.assets)),
            }
        }
        sizes.extend(together.into_values().map(|bytes| (bytes, 1)));
        sizes.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self { factor, sizes }
    }

    pub(super) fn count(&self) -> u64 {
        self.sizes.iter().fold(0, |sum, (_, alike)| sum.saturating_add(*alike))
    }

    /// The sizes of the largest steps, and how many are alike of each.
    fn largest(&self, mut at_once: u64) -> impl Iterator<Item = (f64, u64)> {
        self.sizes.iter().map_while(move |(bytes, alike)| {
            let taken = at_once.min(*alike);
            at_once -= taken;
            (taken > 0).then_some((*bytes, taken))
        })
    }

    /// Bytes of memory while so many of the largest run.
    pub(super) fn peak(&self, at_once: u64) -> f64 {
        self.factor
            * self
                .largest(at_once)
                .map(|(bytes, taken)| bytes * taken as f64)
                .sum::<f64>()
    }

    /// How many of the largest are within so many bytes at once.
    pub(super) fn fitting(&self, budget: f64) -> u64 {
        let (mut left, mut count) = (budget, 0_u64);
        for (bytes, alike) in &self.sizes {
            let each = bytes * self.factor;
            let fit = if each > 0.0 {
                ((left / each).floor() as u64).min(*alike)
            } else {
                *alike
            };
            count = count.saturating_add(fit);
            left -= each * fit as f64;
            if fit < *alike {
                break;
            }
        }
        count
    }

    pub(super) fn terms(&self, at_once: u64, units: SizeUnits) -> String {
        let terms: Vec<String> = self
            .largest(at_once)
            .map(|(bytes, taken)| match taken {
                1 => units.bytes(bytes as u64),
                taken => format!("{taken} × {}", units.bytes(bytes as u64)),
            })
            .collect();
        sum(&terms)
    }
}
