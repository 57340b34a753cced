//! Statistics of files: written from a Parquet footer, read to know which files a predicate can leave out.
//! <https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics>

mod written;

pub(crate) use written::written;

use arrow_array::{UInt64Array, new_null_array};
use arrow_schema::{DataType, Schema, TimeUnit};
use deltalake_core::kernel::Add;
use larder_io_core::{Bounds, Literal, Predicate, Statistics, Verdict};
use serde_json::{Value as Json, json};
use std::cmp::Ordering;

/// A bound that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scalar {
    Int(i64),
    Text(String),
    Bool(bool),
}

fn compare(one: &Scalar, other: &Scalar) -> Ordering {
    one.order(other).unwrap_or(Ordering::Equal)
}

impl Scalar {
    fn json(&self, data_type: &DataType) -> Json {
        match (self, data_type) {
            (Self::Int(days), DataType::Date32) => {
                let date = i32::try_from(*days).ok().and_then(date);
                date.map_or(Json::Null, |date| json!(date.to_string()))
            }
            (Self::Int(count), DataType::Timestamp(_, zone)) => {
                let zone = if zone.is_some() { "Z" } else { "" };
                let moment = jiff::Timestamp::from_microsecond(*count).ok();
                let shown = moment.map(|moment| moment.to_zoned(jiff::tz::TimeZone::UTC).datetime());
                shown.map_or(Json::Null, |shown| json!(format!("{shown:.6}{zone}")))
            }
            (Self::Int(number), _) => json!(number),
            (Self::Text(text), _) => json!(text),
            (Self::Bool(truth), _) => json!(truth),
        }
    }

    /// A bound of the log. `upper` bounds of timestamps that were cut off to milliseconds are a millisecond higher.
    fn of_json(value: &Json, data_type: &DataType, upper: bool) -> Option<Self> {
        match data_type {
            DataType::Boolean => value.as_bool().map(Self::Bool),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => value.as_i64().map(Self::Int),
            DataType::Utf8 => value.as_str().map(|text| Self::Text(text.to_owned())),
            DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let text = value.as_str()?;
                let count = Self::of_text(text, data_type)?;
                let cut = upper
                    && text
                        .split('.')
                        .nth(1)
                        .is_none_or(|part| part.bytes().take_while(u8::is_ascii_digit).count() <= 3);
                match (count, data_type) {
                    (Self::Int(count), DataType::Timestamp(..)) if cut => Some(Self::Int(count.saturating_add(999))),
                    (count, _) => Some(count),
                }
            }
            _ => None,
        }
    }

    /// A value of a partition, as the protocol writes it.
    fn of_text(text: &str, data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Boolean => text.parse().ok().map(Self::Bool),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => text.parse().ok().map(Self::Int),
            DataType::Utf8 => Some(Self::Text(text.to_owned())),
            DataType::Date32 => {
                let date: jiff::civil::Date = text.parse().ok()?;
                let since = jiff::civil::Date::constant(1970, 1, 1).until(date).ok()?;
                Some(Self::Int(i64::from(since.get_days())))
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
                    let shown: jiff::civil::DateTime = text.parse().ok()?;
                    Some(shown.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
                })?;
                Some(Self::Int(moment.as_microsecond()))
            }
            _ => None,
        }
    }

    fn literal(self) -> Literal {
        match self {
            Self::Int(number) => Literal::Int(number),
            Self::Text(text) => Literal::Text(text),
            Self::Bool(truth) => Literal::Bool(truth),
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => Some(one.cmp(other)),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

fn date(days: i32) -> Option<jiff::civil::Date> {
    let since = jiff::Span::new().try_days(days).ok()?;
    jiff::civil::Date::constant(1970, 1, 1).checked_add(since).ok()
}

/// A file and what the log says of its columns.
pub(crate) struct FileStats<'f> {
    add: &'f Add,
    stats: Json,
    schema: &'f Schema,
}

impl<'f> FileStats<'f> {
    /// The statistics of a file of a table of this natural schema.
    pub(crate) fn new(add: &'f Add, schema: &'f Schema) -> Self {
        let stats = add.stats.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self {
            add,
            stats: stats.unwrap_or_default(),
            schema,
        }
    }

    /// Rows in the file before any are deleted by a vector.
    pub(crate) fn records(&self) -> Option<u64> {
        self.stats["numRecords"].as_u64()
    }

    /// Rows of the table in it.
    pub(crate) fn rows(&self) -> Option<u64> {
        let deleted = self
            .add
            .deletion_vector
            .as_ref()
            .map_or(0, |vector| vector.cardinality.unsigned_abs());
        self.records()?.checked_sub(deleted)
    }

    /// [`records`](Self::records), or more than there can be.
    fn many(&self) -> u64 {
        self.records().unwrap_or(u64::MAX)
    }

    /// What its rows can be for a predicate.
    pub(crate) fn verdict(&self, predicate: &Predicate) -> Verdict {
        let verdicts = predicate.verdicts(self);
        verdicts.first().copied().unwrap_or(Verdict::UNKNOWN)
    }
}

/// One group of rows: those of the file, also the deleted ones.
impl Statistics for FileStats<'_> {
    fn rows(&self) -> Vec<Option<u64>> {
        vec![Some(self.many())]
    }

    fn bounds(&self, column: &str) -> Option<Bounds> {
        let data_type = self.schema.field_with_name(column).ok()?.data_type();
        let literals = match self.add.partition_values.get(column).map(Option::as_deref) {
            Some(None | Some("")) => (None, None, Some(self.many())),
            Some(Some(text)) => {
                let value = Scalar::of_text(text, data_type)?;
                (Some(value.clone()), Some(value), Some(0))
            }
            None => (
                Scalar::of_json(&self.stats["minValues"][column], data_type, false),
                Scalar::of_json(&self.stats["maxValues"][column], data_type, true),
                self.stats["nullCount"][column].as_u64(),
            ),
        };
        let (min, max, nulls) = literals;
        let array = |bound: Option<Scalar>| {
            let literal = bound.and_then(|bound| bound.literal().array(data_type));
            literal.unwrap_or_else(|| new_null_array(data_type, 1))
        };
        Some(Bounds::new(array(min), array(max), UInt64Array::from(vec![nulls])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::Field;
    use larder_io_core::col;
    use std::collections::HashMap;

    fn schema() -> Schema {
        let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("t", DataType::Utf8, true),
            Field::new("at", moment, true),
            Field::new("p", DataType::Date32, true),
            Field::new("f", DataType::Float64, true),
        ])
    }

    fn add(stats: &str, partition: Option<&str>) -> Add {
        let mut add = Add {
            stats: Some(stats.to_owned()),
            ..Add::default()
        };
        add.partition_values = HashMap::from([("p".to_owned(), partition.map(str::to_owned))]);
        add
    }

    #[test]
    fn decides_only_what_it_knows() {
        let stats = r#"{"numRecords":4,"minValues":{"n":3,"t":"b","at":"2024-01-01T00:00:00.000Z","f":1.0},
            "maxValues":{"n":9,"t":"d","at":"2024-01-01T05:00:00.123Z","f":2.0},"nullCount":{"n":0,"t":1,"at":0,"f":0}}"#;
        let (schema, add) = (schema(), add(stats, Some("2024-01-31")));
        let file = FileStats::new(&add, &schema);
        let at = |millis: i64| 1_704_067_200_000_000 + millis * 1000;
        for (predicate, never, always) in [
            (col("n").gt(9), true, false),
            (col("n").gt_eq(9), false, false),
            (col("n").gt(2), false, true),
            (col("n").eq(2), true, false),
            (col("n").not_eq(2), false, true),
            (col("n").gt(2).negate(), true, false),
            (col("t").gt("a"), false, false),
            (col("t").gt("e"), true, false),
            (col("t").is_null(), false, false),
            (col("n").is_null(), true, false),
            (col("n").is_not_null(), false, true),
            (col("at").lt(at(0)), true, false),
            // Cut off to milliseconds, the last moment may be later by up to one.
            (col("at").gt(at(5 * 3_600_000 + 123)), false, false),
            (col("at").gt(at(5 * 3_600_000 + 124)), true, false),
            (col("p").eq(19753), false, true),
            (col("p").eq(19754), true, false),
            (col("f").gt(5.0), false, false),
            (col("n").gt(9).or(col("p").eq(19753)), false, true),
            (col("n").gt(9).and(col("p").eq(19753)), true, false),
        ] {
            let verdict = file.verdict(&predicate);
            assert_eq!((verdict.never(), verdict.always()), (never, always), "{predicate:?}");
        }
    }

    #[test]
    fn knows_nothing_without_statistics() {
        let (schema, add) = (schema(), add("nonsense", None));
        let file = FileStats::new(&add, &schema);
        assert_eq!(file.rows(), None);
        let verdict = file.verdict(&col("n").gt(5));
        assert!(!verdict.never() && !verdict.always());
        assert!(file.verdict(&col("p").eq(3)).never(), "a null equals nothing");
        assert!(file.verdict(&col("p").is_null()).always());
    }
}
