//! One figure with its formula.

use super::SizeUnits;
use serde::Serialize;

/// A quantity and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "unit", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Amount {
    /// Bytes.
    Bytes(u64),
    /// Bits per second.
    BitsPerSecond(u64),
    /// A number of something.
    Count(u64),
}

impl Amount {
    /// The quantity, whatever its unit.
    pub fn value(self) -> u64 {
        match self {
            Self::Bytes(value) | Self::BitsPerSecond(value) | Self::Count(value) => value,
        }
    }

    /// For people, bytes and rates in both kinds of units, the wanted one first: `73.2 GiB (78.6 GB)`.
    pub fn show(self, units: SizeUnits) -> String {
        match self {
            Self::Bytes(value) => units.both(value, "B"),
            Self::BitsPerSecond(value) => units.both(value, "bit/s"),
            Self::Count(value) => value.to_string(),
        }
    }
}

/// One figure with its formula.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Figure {
    /// The name: `memory_sequential`.
    pub name: &'static str,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
    /// How it was computed, in words and with the numbers put in.
    pub formula: String,
    /// Assets that it does not count, because they have what it needs not recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

impl Figure {
    pub(super) fn new(name: &'static str, amount: Amount, formula: String) -> Self {
        Self {
            name,
            amount,
            formula,
            without: Vec::new(),
        }
    }
}

/// `3`, `0.14`, `0.0027`: what was measured is rarely whole, and is shown as far as it matters.
pub(super) fn number(value: f64) -> String {
    let text = if value < 0.1 {
        format!("{value:.4}")
    } else {
        format!("{value:.2}")
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Terms of a sum; of many only the first ones, which are the largest.
pub(super) fn sum(terms: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = terms[..terms.len().min(SHOWN)].join(" + ");
    match terms.len().saturating_sub(SHOWN) {
        0 if terms.is_empty() => "0".to_owned(),
        0 => shown,
        more => format!("{shown} + {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sums_are_as_short_as_they_can_be() {
        let cases = [
            (3.0, "3"),
            (0.5, "0.5"),
            (1.0 / 7.0, "0.14"),
            (0.0027, "0.0027"),
            (21.998, "22"),
            (14_400.0, "14400"),
            (100.0, "100"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        let terms = ["a", "b", "c", "d", "e"].map(str::to_owned);
        let shown = [0, 1, 3, 5].map(|count| sum(&terms[..count]));
        assert_eq!(shown, ["0", "a", "a + b + c", "a + b + c + 2 more"]);
    }
}
