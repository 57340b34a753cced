//! What statistics of groups of rows (files, row groups, pages) tell of a predicate without reading a row.

use super::predicate::{Comparison, Literal, Predicate};
use arrow_array::{Array, ArrayRef, BooleanArray, Scalar, UInt64Array};
use arrow_ord::cmp;
use std::cmp::Ordering;

/// What is known of one column in each group of rows; each list has one entry for each group.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bounds {
    /// No value is below it, in the column's own type; null where that is not known. NaN does not count as a value.
    pub min: ArrayRef,
    /// No value is above it; null where that is not known. NaN does not count as a value.
    pub max: ArrayRef,
    /// How many values are null; null where that is not known.
    pub nulls: UInt64Array,
}

impl Bounds {
    /// Bounds of as many groups as the lists are long.
    pub fn new(min: ArrayRef, max: ArrayRef, nulls: UInt64Array) -> Self {
        Self { min, max, nulls }
    }
}

/// Statistics of groups of rows.
pub trait Statistics {
    /// How many rows each group has, where that is known.
    fn rows(&self) -> Vec<Option<u64>>;

    /// What is known of a column; `None` for nothing.
    fn bounds(&self, column: &str) -> Option<Bounds>;
}

/// What the rows of a group can be for a predicate, as far as its statistics tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    truthy: bool,
    falsy: bool,
    null: bool,
}

impl Verdict {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        truthy: true,
        falsy: true,
        null: true,
    };

    const NULL: Self = Self {
        truthy: false,
        falsy: false,
        null: true,
    };

    /// No row matches.
    pub fn never(self) -> bool {
        !self.truthy
    }

    /// Every row matches.
    pub fn always(self) -> bool {
        !self.falsy && !self.null
    }

    fn negate(self) -> Self {
        Self {
            truthy: self.falsy,
            falsy: self.truthy,
            null: self.null,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            truthy: self.truthy && other.truthy,
            falsy: self.falsy || other.falsy,
            null: self.null || other.null,
        }
    }
}

impl Predicate {
    /// What the rows of each group can be for this predicate. A column or literal that it does not understand is unknown.
    pub fn verdicts(&self, statistics: &dyn Statistics) -> Vec<Verdict> {
        let rows = statistics.rows();
        match self {
            Self::Compare {
                column,
                comparison,
                literal,
            } => {
                let bounds = statistics
                    .bounds(column)
                    .filter(|bounds| bounds.nulls.len() == rows.len());
                let known = bounds.and_then(|bounds| compare(&bounds, &rows, *comparison, literal));
                known.unwrap_or_else(|| vec![Verdict::UNKNOWN; rows.len()])
            }
            Self::IsNull(column) => {
                let bounds = statistics
                    .bounds(column)
                    .filter(|bounds| bounds.nulls.len() == rows.len());
                let verdict = |(group, rows): (usize, &Option<u64>)| {
                    let nulls = bounds.as_ref().and_then(|bounds| value(&bounds.nulls, group));
                    Verdict {
                        truthy: nulls != Some(0),
                        falsy: nulls.is_none() || *rows != nulls,
                        null: false,
                    }
                };
                rows.iter().enumerate().map(verdict).collect()
            }
            Self::Not(inner) => inner.verdicts(statistics).into_iter().map(Verdict::negate).collect(),
            Self::And(left, right) => {
                let both = left.verdicts(statistics).into_iter().zip(right.verdicts(statistics));
                both.map(|(left, right)| left.and(right)).collect()
            }
            // Either is not (neither).
            Self::Or(left, right) => {
                let both = left.verdicts(statistics).into_iter().zip(right.verdicts(statistics));
                both.map(|(left, right)| left.negate().and(right.negate()).negate())
                    .collect()
            }
        }
    }

    /// Comparisons for equality that every matching row fulfils, such as a bloom filter can refute.
    pub fn equalities(&self) -> Vec<(&str, &Literal)> {
        let mut equalities = Vec::new();
        for part in self.conjuncts() {
            if let Self::Compare {
                column,
                comparison: Comparison::Eq,
                literal,
            } = part
            {
                equalities.push((column.as_str(), literal));
            }
        }
        equalities
    }
}

fn value(numbers: &UInt64Array, at: usize) -> Option<u64> {
    numbers.is_valid(at).then(|| numbers.value(at))
}

/// `None` when the literal or the bounds are of a type that cannot be compared.
fn compare(bounds: &Bounds, rows: &[Option<u64>], comparison: Comparison, literal: &Literal) -> Option<Vec<Verdict>> {
    let floats = bounds.min.data_type().is_floating();
    if matches!(literal, Literal::Float(number) if number.is_nan()) {
        return None;
    }
    let lows = orders(&bounds.min, literal)?;
    let highs = orders(&bounds.max, literal)?;
    if lows.len() != rows.len() || highs.len() != rows.len() {
        return None;
    }
    let verdict = |group: usize| {
        let nulls = value(&bounds.nulls, group);
        // Without rows both are 0: then the bounds may still say which value the group is for.
        if nulls.is_some() && nulls == rows[group] && nulls != Some(0) {
            return Verdict::NULL;
        }
        let null = nulls != Some(0);
        match (lows[group], highs[group]) {
            (Some(low), Some(high)) => between(low, high, comparison, floats, null),
            _ => Verdict {
                null,
                ..Verdict::UNKNOWN
            },
        }
    };
    Some((0..rows.len()).map(verdict).collect())
}

/// What values between two bounds can be. Floats may be NaN besides, which is above every literal.
fn between(low: Ordering, high: Ordering, comparison: Comparison, nan: bool, null: bool) -> Verdict {
    use Ordering::{Equal, Greater, Less};
    let equal = low != Greater && high != Less;
    let other = !(low == Equal && high == Equal) || nan;
    let (truthy, falsy) = match comparison {
        Comparison::Eq => (equal, other),
        Comparison::NotEq => (other, equal),
        Comparison::Lt => (low == Less, high != Less || nan),
        Comparison::LtEq => (low != Greater, high == Greater || nan),
        Comparison::Gt => (high == Greater || nan, low != Greater),
        Comparison::GtEq => (high != Less || nan, low == Less),
    };
    Verdict { truthy, falsy, null }
}

/// How each value compares with a literal; `None` where it is null or NaN.
fn orders(values: &ArrayRef, literal: &Literal) -> Option<Vec<Option<Ordering>>> {
    let values = super::predicate::ordered(values);
    let literal = Scalar::new(super::predicate::ordered(&literal.array(values.data_type())?));
    let less = cmp::lt(&values, &literal).ok()?;
    let equal = cmp::eq(&values, &literal).ok()?;
    let ordinary = not_nan(&values);
    let order = |at: usize| match (less.is_valid(at) && ordinary.value(at), less.value(at), equal.value(at)) {
        (false, ..) => None,
        (_, true, _) => Some(Ordering::Less),
        (_, _, true) => Some(Ordering::Equal),
        _ => Some(Ordering::Greater),
    };
    Some((0..values.len()).map(order).collect())
}

/// NaN equals itself here, so that only being above infinity tells it.
fn not_nan(values: &ArrayRef) -> BooleanArray {
    let all = || BooleanArray::from(vec![true; values.len()]);
    if !values.data_type().is_floating() {
        return all();
    }
    let infinity = Literal::Float(f64::INFINITY).array(values.data_type());
    let known = infinity.and_then(|infinity| cmp::lt_eq(values, &Scalar::new(infinity)).ok());
    known.unwrap_or_else(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::col;
    use arrow_array::{Float64Array, Int64Array, StringArray};
    use std::sync::Arc;

    /// Four groups: known, of one value, all null, unknown.
    struct Known;

    impl Statistics for Known {
        fn rows(&self) -> Vec<Option<u64>> {
            vec![Some(4), Some(2), Some(3), None]
        }

        fn bounds(&self, column: &str) -> Option<Bounds> {
            let nulls = UInt64Array::from(vec![Some(1), Some(0), Some(3), None]);
            let (min, max): (ArrayRef, ArrayRef) = match column {
                "n" => (
                    Arc::new(Int64Array::from(vec![Some(3), Some(7), None, None])),
                    Arc::new(Int64Array::from(vec![Some(9), Some(7), None, None])),
                ),
                "f" => (
                    Arc::new(Float64Array::from(vec![Some(-0.0), Some(7.0), None, Some(f64::NAN)])),
                    Arc::new(Float64Array::from(vec![Some(9.0), Some(7.0), None, Some(f64::NAN)])),
                ),
                "t" => (
                    Arc::new(StringArray::from(vec![Some("b"), Some("c"), None, None])),
                    Arc::new(StringArray::from(vec![Some("d"), Some("c"), None, None])),
                ),
                _ => return None,
            };
            Some(Bounds::new(min, max, nulls))
        }
    }

    #[test]
    fn decides_only_what_it_knows() {
        // For each group: n(ever), a(lways), or neither.
        for (predicate, wanted) in [
            (col("n").gt(9), "nnn."),
            (col("n").gt_eq(9), ".nn."),
            (col("n").gt(2), ".an."),
            (col("n").eq(7), ".an."),
            (col("n").eq(2), "nnn."),
            (col("n").not_eq(2), ".an."),
            (col("n").not_eq(7), ".nn."),
            (col("n").lt(4), ".nn."),
            (col("n").lt_eq(7), ".an."),
            (col("n").gt(2).negate(), "nnn."),
            (col("n").is_null(), ".na."),
            (col("n").is_not_null(), ".an."),
            (col("n").gt(9).or(col("t").eq("c")), ".an."),
            (col("n").gt(2).and(col("t").gt("z")), "nnn."),
            // A NaN may be there besides, and is the greatest.
            (col("f").gt(9.0), "..n."),
            (col("f").lt(0.0), "nnn."),
            (col("f").eq(0.0), ".nn."),
            (col("f").gt(-1.0), ".an."),
            (col("f").lt(100.0), "..n."),
            (col("f").eq(f64::NAN), "...."),
            (col("other").eq(1), "...."),
            (col("n").eq("a text"), "...."),
        ] {
            let verdicts = predicate.verdicts(&Known).into_iter();
            let found: String = verdicts
                .map(|verdict| match (verdict.never(), verdict.always()) {
                    (true, _) => 'n',
                    (_, true) => 'a',
                    _ => '.',
                })
                .collect();
            assert_eq!(found, wanted, "{predicate:?}");
        }
    }

    /// A group without rows that is for one value, as a partition's, and one of which nothing else is known.
    struct Empty;

    impl Statistics for Empty {
        fn rows(&self) -> Vec<Option<u64>> {
            vec![Some(0), Some(0)]
        }

        fn bounds(&self, _: &str) -> Option<Bounds> {
            let value: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None]));
            let nulls = UInt64Array::from(vec![Some(0), Some(0)]);
            Some(Bounds::new(Arc::clone(&value), value, nulls))
        }
    }

    #[test]
    fn a_group_without_rows_is_for_its_value() {
        let verdicts = |predicate: Predicate| -> Vec<(bool, bool)> {
            let verdicts = predicate.verdicts(&Empty).into_iter();
            verdicts.map(|verdict| (verdict.never(), verdict.always())).collect()
        };
        assert_eq!(verdicts(col("n").eq(7)), [(false, true), (false, false)]);
        assert_eq!(verdicts(col("n").eq(8)), [(true, false), (false, false)]);
    }

    #[test]
    fn finds_what_every_match_equals() {
        let predicate = col("a").eq(1).and(col("b").eq("x").and(col("c").gt(2)));
        let names: Vec<&str> = predicate.equalities().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(predicate.clone().or(predicate).equalities().is_empty());
    }
}
