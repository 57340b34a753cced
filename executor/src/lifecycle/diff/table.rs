//! Tables beside each other: their columns, and their rows as a bag.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use futures_util::stream::TryStreamExt;
use larder_io_core::{ContentHash, Error, ErrorKind, Result, Scan, Table, TableSource};
use std::collections::HashMap;
use std::sync::Arc;

/// Where tables differ.
#[derive(Debug)]
#[non_exhaustive]
pub struct TableDifference {
    /// Columns that are not in both, or of another type.
    pub columns: Vec<ColumnDifference>,
    /// The columns by which rows were compared: those that both have, of the same type.
    pub compared: Vec<String>,
    /// Rows of the first that the second does not have.
    pub removed: u64,
    /// Rows of the second that the first does not have.
    pub added: u64,
    /// Rows that both have.
    pub same: u64,
    /// Some of the rows that are not in the second, with the columns that were compared.
    pub removed_rows: Table,
    /// Some of the rows that are not in the first.
    pub added_rows: Table,
}

/// A column that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDifference {
    /// Its name.
    pub name: String,
    /// Its type in the first; `None` where it is not there.
    pub was: Option<String>,
    /// Its type in the second.
    pub is: Option<String>,
}

/// `None` for equal columns and the same rows, in any order.
pub(super) async fn compare(
    one: &dyn TableSource,
    other: &dyn TableSource,
    limit: usize,
) -> Result<Option<TableDifference>> {
    let (from, to) = (one.schema(), other.schema());
    let columns = columns(&from, &to);
    let common: Vec<&Field> = from
        .fields()
        .iter()
        .filter(|field| {
            to.field_with_name(field.name())
                .is_ok_and(|other| other.data_type() == field.data_type())
        })
        .map(AsRef::as_ref)
        .collect();
    // Nullability differs in the columns; rows may be compared all the same.
    let fields = common.iter().map(|field| (*field).clone().with_nullable(true));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    if schema.fields().is_empty() {
        // By nothing no row is the same as another.
        let (removed, added) = (count(one).await?, count(other).await?);
        let none = || Table::new(Arc::clone(&schema), Vec::new());
        return Ok(Some(TableDifference {
            columns,
            compared: Vec::new(),
            removed,
            added,
            same: 0,
            removed_rows: none()?,
            added_rows: none()?,
        }));
    }
    let mut rows = Rows::new(Arc::clone(&schema))?;
    let mut counts: HashMap<Hash, u64> = HashMap::new();
    rows.each(one, |hash, _, _| {
        *counts.entry(hash).or_default() += 1;
        true
    })
    .await?;
    let (mut added, mut same, mut added_rows) = (0, 0, Vec::new());
    rows.each(other, |hash, batch, row| {
        match counts.get_mut(&hash).filter(|count| **count > 0) {
            Some(count) => {
                *count -= 1;
                same += 1;
            }
            None => {
                added += 1;
                if added_rows.len() < limit {
                    added_rows.push(batch.slice(row, 1));
                }
            }
        }
        true
    })
    .await?;
    counts.retain(|_, count| *count > 0);
    let removed: u64 = counts.values().sum();
    let mut removed_rows = Vec::new();
    let wanted = limit.min(usize::try_from(removed).unwrap_or(usize::MAX));
    if wanted > 0 {
        rows.each(one, |hash, batch, row| {
            if let Some(count) = counts.get_mut(&hash).filter(|count| **count > 0) {
                *count -= 1;
                removed_rows.push(batch.slice(row, 1));
            }
            removed_rows.len() < wanted
        })
        .await?;
    }
    if columns.is_empty() && removed == 0 && added == 0 {
        return Ok(None);
    }
    Ok(Some(TableDifference {
        columns,
        compared: schema.fields().iter().map(|field| field.name().clone()).collect(),
        removed,
        added,
        same,
        removed_rows: Table::new(Arc::clone(&schema), removed_rows)?,
        added_rows: Table::new(schema, added_rows)?,
    }))
}

async fn count(source: &dyn TableSource) -> Result<u64> {
    let mut batches = source.scan(Scan::all()).await?;
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
    }
    Ok(rows)
}

fn columns(from: &Schema, to: &Schema) -> Vec<ColumnDifference> {
    let kind = |field: &Field| match field.is_nullable() {
        true => field.data_type().to_string(),
        false => format!("{} not null", field.data_type()),
    };
    let there = |schema: &Schema, name: &str| schema.field_with_name(name).ok().map(kind);
    let names = from.fields().iter().map(|field| field.name());
    let new = to.fields().iter().map(|field| field.name());
    let new = new.filter(|name| from.field_with_name(name).is_err());
    let all = names.chain(new).map(|name| ColumnDifference {
        name: name.clone(),
        was: there(from, name),
        is: there(to, name),
    });
    all.filter(|column| column.was != column.is).collect()
}

/// 128 bits: that two different rows meet by chance is out of the question.
type Hash = [u8; 16];

/// Rows as hashes of all their values.
struct Rows {
    schema: SchemaRef,
    converter: RowConverter,
}

impl Rows {
    fn new(schema: SchemaRef) -> Result<Self> {
        let fields = schema.fields().iter();
        for field in fields.clone() {
            if !RowConverter::supports_fields(&[SortField::new(field.data_type().clone())]) {
                let message = format!(
                    "rows cannot be compared by the column `{}`, which is of type {}",
                    field.name(),
                    field.data_type()
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        }
        let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(wrong)?;
        Ok(Self { schema, converter })
    }

    /// Gives each row, until it is enough.
    async fn each(
        &mut self,
        source: &dyn TableSource,
        mut row: impl FnMut(Hash, &RecordBatch, usize) -> bool,
    ) -> Result<()> {
        let names = self.schema.fields().iter().map(|field| field.name().clone());
        let mut batches = source.scan(Scan::all().select(names)).await?;
        while let Some(batch) = batches.try_next().await? {
            let columns: Vec<ArrayRef> = batch.columns().to_vec();
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(wrong)?;
            let rows = self.converter.convert_columns(batch.columns()).map_err(wrong)?;
            let hashes: Vec<Hash> = rows.iter().map(|row| hash(row.as_ref())).collect();
            for (index, hash) in hashes.into_iter().enumerate() {
                if !row(hash, &batch, index) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn hash(bytes: &[u8]) -> Hash {
    let mut hash = Hash::default();
    let whole = ContentHash::of(bytes);
    hash.copy_from_slice(&whole.as_bytes()[..16]);
    hash
}

fn wrong(error: ArrowError) -> Error {
    let message = format!("rows cannot be compared: {error}");
    Error::new(ErrorKind::Unsupported, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int64Array, StringArray};

    fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
        Table::from(
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
                .expect("fits"),
        )
    }

    fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(values))
    }

    fn numbers(table: &Table) -> Vec<i64> {
        let batches = table.batches().iter();
        let of = |batch: &RecordBatch| {
            let column = batch.column(0).as_any().downcast_ref::<Int64Array>().expect("are ints");
            column.values().to_vec()
        };
        batches.flat_map(of).collect()
    }

    #[tokio::test]
    async fn rows_are_a_bag() {
        let one = table(vec![("n", ints([1, 2, 2, 3]))]);
        let other = table(vec![("n", ints([3, 2, 1, 2]))]);
        assert!(compare(&one, &other, 10).await.expect("compares").is_none());
        let other = table(vec![("n", ints([2, 3, 4, 4, 5]))]);
        let found = compare(&one, &other, 2).await.expect("compares").expect("differ");
        assert_eq!((found.removed, found.added, found.same), (2, 3, 2));
        assert_eq!(
            (numbers(&found.removed_rows), numbers(&found.added_rows)),
            (vec![1, 2], vec![4, 4])
        );
        assert_eq!((found.columns, found.compared), (vec![], vec!["n".to_owned()]));
    }

    #[tokio::test]
    async fn columns_that_differ_are_told_and_the_others_compared() {
        let texts = |values: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from_iter_values(values)) };
        let one = table(vec![
            ("n", ints([1, 2])),
            ("gone", ints([7, 7])),
            ("kind", ints([0, 0])),
        ]);
        let other = table(vec![
            ("kind", texts(["a", "b"])),
            ("n", ints([2, 3])),
            ("new", ints([7, 7])),
        ]);
        let found = compare(&one, &other, 10).await.expect("compares").expect("differ");
        let told: Vec<_> = found
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.was.as_deref(), column.is.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("gone", Some("Int64"), None),
                ("kind", Some("Int64"), Some("Utf8")),
                ("new", None, Some("Int64"))
            ]
        );
        assert_eq!(found.compared, ["n"]);
        assert_eq!((found.removed, found.added, found.same), (1, 1, 1));
    }

    #[tokio::test]
    async fn without_a_common_column_no_row_is_the_same() {
        let (one, other) = (table(vec![("a", ints([1, 2]))]), table(vec![("b", ints([1]))]));
        let found = compare(&one, &other, 10).await.expect("compares").expect("differ");
        assert_eq!((found.removed, found.added, found.same), (2, 1, 0));
    }

    #[tokio::test]
    async fn nulls_and_nan_are_values() {
        let floats = |values: [Option<f64>; 3]| -> ArrayRef { Arc::new(Float64Array::from_iter(values)) };
        let one = table(vec![("x", floats([None, Some(f64::NAN), Some(0.0)]))]);
        let other = table(vec![("x", floats([Some(0.0), None, Some(f64::NAN)]))]);
        assert!(compare(&one, &other, 10).await.expect("compares").is_none());
        let other = table(vec![("x", floats([Some(-0.0), None, None]))]);
        let found = compare(&one, &other, 10).await.expect("compares").expect("differ");
        assert_eq!((found.removed, found.added), (2, 2));
    }
}
