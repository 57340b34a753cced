//! What is told of a table besides its size: nulls, least and greatest value of each column, and its first rows.

use crate::cells;
use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{
    Array, ArrayRef, LargeStringArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray,
    downcast_primitive_array,
};
use arrow_schema::{DataType, SchemaRef};
use larder_io_core::Table;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::sync::Arc;

/// Columns of which anything is told.
pub(crate) const COLUMNS: usize = 200;
/// Bytes in memory up to which least and greatest values are looked for, so that large tables are not read for them.
const LOOKED_AT: usize = 64 << 20;
/// Characters of a cell that are kept.
const LONGEST: usize = 100;
/// Bytes of a preview as JSON; rows beyond are left out.
const PREVIEW_BYTES: usize = 8 << 10;

/// What is told of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TableFacts {
    /// Of each column, in their order; of the first 200.
    pub columns: Vec<ColumnFacts>,
    /// The first rows, as objects; texts are cut after 100 characters, and all of it after 8 KiB.
    pub preview: Vec<Json>,
}

/// What is told of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// Its type, as Arrow writes it.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many of its values are null.
    pub nulls: u64,
    /// The least value that is neither null nor NaN. None without such a value, for types that have no order, and for tables of more than 64 MiB in
    /// memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Json>,
    /// The greatest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Json>,
}

/// What is wanted of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) statistics: bool,
    pub(crate) preview_rows: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            statistics: true,
            preview_rows: 5,
        }
    }
}

impl Wanted {
    fn nothing(self) -> bool {
        !self.statistics && self.preview_rows == 0
    }
}

/// Gathers what is told of a table from its batches.
#[derive(Debug)]
pub(crate) struct Gathering {
    wanted: Wanted,
    rows: u64,
    bytes: usize,
    schema: Option<SchemaRef>,
    columns: Vec<Column>,
    preview: Vec<Json>,
    preview_bytes: usize,
    preview_full: bool,
}

#[derive(Debug, Default)]
struct Column {
    nulls: u64,
    /// Each in an array of one row.
    bounds: Option<[ArrayRef; 2]>,
}

impl Gathering {
    /// `None` where nothing is wanted.
    pub(crate) fn new(wanted: Wanted) -> Option<Self> {
        (!wanted.nothing()).then(|| Self {
            wanted,
            rows: 0,
            bytes: 0,
            schema: None,
            columns: Vec::new(),
            preview: Vec::new(),
            preview_bytes: 0,
            preview_full: false,
        })
    }

    /// Begins anew: the table is read from its first row again.
    pub(crate) fn restart(&mut self) {
        if let Some(anew) = Self::new(self.wanted) {
            *self = anew;
        }
    }

    /// Whether nothing was seen yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.schema.is_none()
    }

    pub(crate) fn add(&mut self, batch: &RecordBatch, bytes: usize) {
        self.rows += batch.num_rows() as u64;
        let schema = self.schema.get_or_insert_with(|| batch.schema());
        if self.wanted.statistics {
            let count = schema.fields().len().min(COLUMNS);
            self.columns.resize_with(count, Column::default);
            self.bytes = self.bytes.saturating_add(bytes);
            let looks = self.bytes <= LOOKED_AT;
            for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
                column.nulls += array.logical_null_count() as u64;
                if looks {
                    bounds(array, &mut column.bounds);
                }
            }
        }
        let missing = self.wanted.preview_rows.saturating_sub(self.preview.len());
        if missing > 0 && !self.preview_full && batch.num_rows() > 0 {
            self.show(&batch.slice(0, missing.min(batch.num_rows())));
        }
    }

    fn show(&mut self, batch: &RecordBatch) {
        // What cannot be shown is no reason to fail.
        let Ok(rows) = cells::rows(&Table::from(batch.clone())) else {
            self.preview_full = true;
            return;
        };
        for mut row in rows {
            cut(&mut row);
            self.preview_bytes += row.to_string().len();
            if self.preview_bytes > PREVIEW_BYTES {
                self.preview_full = true;
                return;
            }
            self.preview.push(row);
        }
    }

    /// What was gathered of a table of so many rows; nothing where others passed, in a scan that was given up or for a part of it.
    pub(crate) fn facts(&self, rows: Option<u64>) -> Option<TableFacts> {
        let schema = self.schema.as_ref()?;
        if rows.is_some_and(|rows| rows != self.rows) {
            return None;
        }
        let looked = self.bytes <= LOOKED_AT;
        let columns = self.columns.iter().zip(schema.fields()).map(|(column, field)| {
            let shown = |bound: usize| {
                let bounds = column.bounds.as_ref().filter(|_| looked)?;
                let mut shown = cells::json(bounds[bound].as_ref(), 0).ok()?;
                cut(&mut shown);
                Some(shown)
            };
            ColumnFacts {
                name: field.name().clone(),
                kind: field.data_type().to_string(),
                nulls: column.nulls,
                min: shown(0),
                max: shown(1),
            }
        });
        Some(TableFacts {
            columns: columns.collect(),
            preview: self.preview.clone(),
        })
    }
}

/// Widens bounds by the values of an array; of types without an order nothing is known.
fn bounds(array: &ArrayRef, known: &mut Option<[ArrayRef; 2]>) {
    let array = array.as_ref();
    let wider = downcast_primitive_array!(
        array => primitive(array, known.as_ref()),
        DataType::Utf8 => texts(array.as_string::<i32>().iter(), known.as_ref(), |bound| bound.as_string::<i32>().value(0), |text| Arc::new(StringArray::from(vec![text]))),
        DataType::LargeUtf8 => texts(array.as_string::<i64>().iter(), known.as_ref(), |bound| bound.as_string::<i64>().value(0), |text| Arc::new(LargeStringArray::from(vec![text]))),
        DataType::Utf8View => texts(array.as_string_view().iter(), known.as_ref(), |bound| bound.as_string_view().value(0), |text| Arc::new(StringViewArray::from(vec![text]))),
        _ => None,
    );
    if wider.is_some() {
        *known = wider;
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, known: Option<&[ArrayRef; 2]>) -> Option<[ArrayRef; 2]> {
    let before = known.map(|[min, max]| (min.as_primitive::<T>().value(0), max.as_primitive::<T>().value(0)));
    // NaN is no value here.
    let values = |range: Option<(T::Native, T::Native)>, value: T::Native| match range {
        None => value.partial_cmp(&value).map(|_| (value, value)),
        Some((min, max)) => Some((
            if value < min { value } else { min },
            if value > max { value } else { max },
        )),
    };
    let after = match array.null_count() {
        0 => array.values().iter().copied().fold(before, values),
        _ => array.iter().flatten().fold(before, values),
    };
    let (min, max) = after?;
    let kind = array.data_type().clone();
    let one =
        |value| -> ArrayRef { Arc::new(PrimitiveArray::<T>::from_iter_values([value]).with_data_type(kind.clone())) };
    Some([one(min), one(max)])
}

fn texts<'a>(
    values: impl Iterator<Item = Option<&'a str>>,
    known: Option<&'a [ArrayRef; 2]>,
    bound: impl Fn(&'a ArrayRef) -> &'a str,
    one: impl Fn(&str) -> ArrayRef,
) -> Option<[ArrayRef; 2]> {
    let before = known.map(|[min, max]| (bound(min), bound(max)));
    let (min, max) = values.flatten().fold(before, |range, text| {
        Some(range.map_or((text, text), |(min, max)| (min.min(text), max.max(text))))
    })?;
    Some([one(min), one(max)])
}

/// Cuts long texts, also within lists and objects.
fn cut(value: &mut Json) {
    match value {
        Json::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(LONGEST) {
                text.truncate(end);
                text.push('…');
            }
        }
        Json::Array(items) => items.iter_mut().for_each(cut),
        Json::Object(fields) => fields.values_mut().for_each(cut),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{BooleanArray, Date32Array, Float64Array, Int64Array};
    use serde_json::json;

    fn batch(numbers: Vec<Option<f64>>, texts: Vec<Option<&str>>, days: Vec<i32>) -> RecordBatch {
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true; days.len()]));
        RecordBatch::try_from_iter([
            ("n", Arc::new(Float64Array::from(numbers)) as ArrayRef),
            ("t", Arc::new(StringArray::from(texts))),
            ("d", Arc::new(Date32Array::from(days))),
            ("b", flags),
        ])
        .expect("fits")
    }

    fn of(batches: &[RecordBatch], wanted: Wanted) -> Gathering {
        let mut all = Gathering::new(wanted).expect("something is wanted");
        batches.iter().for_each(|batch| all.add(batch, 100));
        all
    }

    #[test]
    fn columns_are_told_over_all_batches() {
        let batches = [
            batch(vec![Some(f64::NAN), None], vec![Some("b"), None], vec![1, 2]),
            batch(vec![Some(-1.5), Some(f64::NAN)], vec![None, Some("")], vec![0, 2]),
            batch(vec![Some(2.0)], vec![Some("c")], vec![1]),
        ];
        let facts = of(&batches, Wanted::default())
            .facts(Some(5))
            .expect("all of it was seen");
        assert_eq!(
            serde_json::to_value(&facts.columns).expect("is JSON"),
            json!([
                { "name": "n", "type": "Float64", "nulls": 1, "min": -1.5, "max": 2.0 },
                { "name": "t", "type": "Utf8", "nulls": 2, "min": "", "max": "c" },
                { "name": "d", "type": "Date32", "nulls": 0, "min": "1970-01-01", "max": "1970-01-03" },
                { "name": "b", "type": "Boolean", "nulls": 0 },
            ])
        );
        assert_eq!(facts.preview.len(), 5);
        assert_eq!(
            facts.preview[0],
            json!({ "n": "NaN", "t": "b", "d": "1970-01-02", "b": true })
        );
        // A scan that was given up tells nothing.
        assert_eq!(of(&batches[..2], Wanted::default()).facts(Some(5)), None);
    }

    #[test]
    fn a_table_that_is_read_again_is_counted_once() {
        let one = batch(vec![None], vec![None], vec![7]);
        let mut all = of(std::slice::from_ref(&one), Wanted::default());
        all.restart();
        assert!(all.is_empty());
        all.add(&one, 100);
        let facts = all.facts(Some(1)).expect("all of it was seen");
        assert_eq!((facts.columns[0].nulls, facts.preview.len()), (1, 1));
    }

    #[test]
    fn what_is_large_is_told_in_part() {
        let long = "ä".repeat(200);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; 300]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![long.as_str(); 300]));
        let large = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).expect("fits");
        let wanted = Wanted {
            statistics: true,
            preview_rows: 300,
        };
        let mut all = Gathering::new(wanted).expect("something is wanted");
        all.add(&large, 100);
        let facts = all.facts(None).expect("was seen");
        assert_eq!(facts.columns[1].max, Some(format!("{}…", "ä".repeat(100)).into()));
        let shown = facts.preview.len();
        assert!((10..300).contains(&shown), "{shown}");
        all.add(&large, LOOKED_AT);
        let facts = all.facts(None).expect("was seen");
        assert_eq!(
            (&facts.columns[0].min, facts.columns[0].nulls, facts.preview.len()),
            (&None, 0, shown)
        );
    }

    #[test]
    fn nothing_is_gathered_that_nobody_wants() {
        let none = Wanted {
            statistics: false,
            preview_rows: 0,
        };
        assert!(Gathering::new(none).is_none());
        let one = batch(vec![None], vec![None], vec![7]);
        let facts = of(
            std::slice::from_ref(&one),
            Wanted {
                preview_rows: 0,
                ..Wanted::default()
            },
        )
        .facts(None)
        .expect("seen");
        assert!(facts.preview.is_empty() && facts.columns.len() == 4);
        let facts = of(
            &[one],
            Wanted {
                statistics: false,
                preview_rows: 1,
            },
        )
        .facts(None)
        .expect("seen");
        assert!(facts.preview.len() == 1 && facts.columns.is_empty());
    }
}
