//! One line of the result: what was measured, beside whom, with which aim.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Amount {
    /// Time.
    Seconds(f64),
    /// Memory.
    Bytes(u64),
    /// Why there is no measurement.
    Missing(String),
}

impl From<Duration> for Amount {
    fn from(time: Duration) -> Self {
        Self::Seconds(time.as_secs_f64())
    }
}

impl Amount {
    /// The number in seconds or bytes.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Bytes(bytes) => Some(*bytes as f64),
            Self::Missing(_) => None,
        }
    }

    /// The number with the unit that suits `of`, so that what stands together has one unit.
    pub(super) fn shown(&self, of: f64) -> String {
        let (number, unit) = match self {
            Self::Missing(_) => return "missing".to_owned(),
            Self::Bytes(bytes) => return format!("{:.0} MiB", *bytes as f64 / f64::from(1 << 20)),
            Self::Seconds(seconds) if of >= 1.0 => return format!("{seconds:.3} s"),
            Self::Seconds(seconds) if of >= 1e-3 => (seconds * 1e3, "ms"),
            Self::Seconds(seconds) => (seconds * 1e6, "us"),
        };
        let decimals = match number {
            hundreds if hundreds >= 100.0 => 0,
            tens if tens >= 10.0 => 1,
            _ => 2,
        };
        format!("{number:.decimals$} {unit}")
    }
}

/// What larder shall reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Aim {
    /// As it is told: `<= 1.1`, `< 5 ms`.
    pub(super) text: String,
    /// The most that larder may take, in seconds or bytes.
    pub(super) most: f64,
    /// Whether larder took no more.
    pub(super) reached: bool,
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The operation. Rows of others follow the row of larder and name the same one.
    pub(super) what: String,
    /// Who did it, in a row of others.
    pub(super) by: Option<String>,
    /// By larder.
    pub(super) larder: Option<Amount>,
    /// By the bare library, or by whom `by` names.
    pub(super) other: Option<Amount>,
    /// What larder shall reach.
    pub(super) aim: Option<Aim>,
}

impl Row {
    /// How much more larder takes than the bare library.
    pub(super) fn ratio(&self) -> Option<f64> {
        Some(self.larder.as_ref()?.number()? / self.other.as_ref()?.number()?)
    }

    /// Whether an aim was missed.
    pub(super) fn missed(&self) -> bool {
        self.aim.as_ref().is_some_and(|aim| !aim.reached)
    }
}

/// A measurement beside its bare one, and how many times as much it may take.
pub(super) fn against(what: &str, ours: Duration, bare: Duration, limit: f64) -> Row {
    let (ours, bare) = (ours.as_secs_f64(), bare.as_secs_f64());
    Row {
        what: what.to_owned(),
        by: None,
        larder: Some(Amount::Seconds(ours)),
        other: Some(Amount::Seconds(bare)),
        aim: Some(Aim {
            text: format!("<= {limit}"),
            most: limit * bare,
            reached: ours <= limit * bare,
        }),
    }
}

/// A measurement with a limit of its own.
pub(super) fn limited(what: &str, measured: impl Into<Amount>, limit: impl Into<Amount>, reach: &str) -> Row {
    let (measured, limit) = (measured.into(), limit.into());
    let most = limit.number().unwrap_or(f64::INFINITY);
    Row {
        aim: Some(Aim {
            text: reach.to_owned(),
            most,
            reached: measured.number().is_some_and(|measured| measured <= most),
        }),
        ..told(what, measured)
    }
}

/// A measurement without an aim.
pub(super) fn told(what: &str, measured: impl Into<Amount>) -> Row {
    Row {
        what: what.to_owned(),
        by: None,
        larder: Some(measured.into()),
        other: None,
        aim: None,
    }
}

/// What another one takes for the same, which is no aim.
pub(super) fn beside(what: &str, by: &str, other: impl Into<Amount>) -> Row {
    Row {
        what: what.to_owned(),
        by: Some(by.to_owned()),
        larder: None,
        other: Some(other.into()),
        aim: None,
    }
}

/// Prints lines as a table.
pub(super) fn print(title: &str, rows: &[Row]) {
    print!("\n{title}\n{}", table(rows));
}

/// The operations in order, each with its rows: larder's, then those of others.
pub(super) fn operations(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|_, next| next.by.is_some())
}

fn table(rows: &[Row]) -> String {
    let mut lines = format!(
        "{:<50} {:>12} {:>12} {:>7}   {:<10}\n",
        "what", "larder", "bare", "ratio", "reach"
    );
    let mut missing: Vec<&str> = Vec::new();
    for operation in operations(rows) {
        let most = largest(operation);
        for row in operation {
            let what = match &row.by {
                Some(by) => format!("  the same by {by}"),
                None => row.what.clone(),
            };
            let shown = |amount: &Option<Amount>| amount.as_ref().map_or(String::new(), |amount| amount.shown(most));
            let ratio = row.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let reach = row.aim.as_ref().map_or("", |aim| &aim.text);
            let mark = if row.missed() { "  MISSED" } else { "" };
            let line = format!(
                "{what:<50} {:>12} {:>12} {ratio:>7}   {reach:<10}{mark}",
                shown(&row.larder),
                shown(&row.other)
            );
            lines.push_str(line.trim_end());
            lines.push('\n');
            for amount in [&row.larder, &row.other].into_iter().flatten() {
                if let Amount::Missing(why) = amount
                    && !missing.contains(&why.as_str())
                {
                    missing.push(why);
                }
            }
        }
    }
    missing
        .iter()
        .for_each(|why| lines.push_str(&format!("missing: {why}\n")));
    lines
}

/// The largest number of rows that are shown together, aims counted.
pub(super) fn largest(rows: &[Row]) -> f64 {
    let amounts = rows.iter().flat_map(|row| [&row.larder, &row.other]).flatten();
    let aims = rows.iter().filter_map(|row| Some(row.aim.as_ref()?.most));
    let numbers = amounts.filter_map(Amount::number).chain(aims);
    numbers.filter(|number| number.is_finite()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn says_what_was_missed_and_what_is_missing() {
        let rows = [
            against("store", SECOND * 3, SECOND * 2, 1.1),
            beside("store", "Polars", Amount::Missing("Polars: no module".to_owned())),
            beside("store", "DuckDB", Duration::from_millis(2500)),
            limited("peak", Amount::Bytes(64 << 20), Amount::Bytes(64 << 20), "<= 64 MiB"),
        ];
        let text = table(&rows);
        let lines: Vec<&str> = text.lines().collect();
        let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
        assert_eq!(
            words(1),
            ["store", "3.000", "s", "2.000", "s", "1.50", "<=", "1.1", "MISSED"]
        );
        assert_eq!(words(2), ["the", "same", "by", "Polars", "missing"], "and not zero");
        assert_eq!(words(3), ["the", "same", "by", "DuckDB", "2.500", "s"]);
        assert_eq!(
            words(4),
            ["peak", "64", "MiB", "<=", "64", "MiB"],
            "the limit itself is reached"
        );
        assert_eq!(lines[5], "missing: Polars: no module");
    }

    #[test]
    fn what_was_not_measured_reaches_nothing() {
        let row = limited("peak", Amount::Missing("why".to_owned()), SECOND, "<= 1 s");
        assert!(row.missed());
        assert_eq!(row.ratio(), None);
    }

    #[test]
    fn what_stands_together_has_one_unit() {
        assert_eq!(Amount::Seconds(0.614).shown(2.0), "0.614 s");
        assert_eq!(Amount::Seconds(0.614).shown(0.7), "614 ms");
        assert_eq!(Amount::Seconds(0.000_35).shown(0.001), "0.35 ms");
        assert_eq!(Amount::Seconds(14.06e-6).shown(14.06e-6), "14.1 us");
    }

    #[test]
    fn rows_of_others_belong_to_the_one_before() {
        let rows = [
            told("a", SECOND),
            told("b", SECOND),
            beside("b", "x", SECOND),
            beside("b", "y", SECOND),
            told("c", SECOND),
        ];
        let lengths: Vec<usize> = operations(&rows).map(<[Row]>::len).collect();
        assert_eq!(lengths, [1, 3, 1]);
    }
}
