//! Whether rows are told apart by some of their columns.

use super::{of_table, quoted, strings};
use crate::check::{Check, CheckResult};
use arrow_row::{RowConverter, SortField};
use futures_util::TryStreamExt;
use larder_io_core::table::LazyTable;
use larder_io_core::{Error, ErrorKind, Result};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// A value passes when no two rows have the same values in these columns. Nulls are equal to each other.
///
/// It keeps a random hash of 128 bits of every row: 20 to 39 bytes for each, 17 in a table of hashes that is between 7/16 and 7/8 full. That two of a million million different rows have the same hash is less likely
/// than one in a hundred million million.
pub fn unique<S: Into<String>>(asset: impl Into<String>, columns: impl IntoIterator<Item = S>) -> Check {
    let columns = strings(columns);
    let description = format!("no two rows have the same {}", quoted(&columns));
    of_table(asset, "unique", description, 0, move |table, _| {
        let columns = columns.clone();
        async move { count(table, &columns).await }
    })
}

async fn count(table: LazyTable, columns: &[String]) -> Result<CheckResult> {
    let table = table.select(columns.iter().cloned())?;
    let fields = table.schema().fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(|error| unsupported(columns, &error))?;
    let hashers = [RandomState::new(), RandomState::new()];
    let (mut seen, mut rows, mut again, mut first) = (HashSet::new(), 0_u64, 0_u64, None);
    let mut batches = table.stream().await?;
    while let Some(batch) = batches.try_next().await? {
        let converted = converter
            .convert_columns(batch.columns())
            .map_err(|error| unsupported(columns, &error))?;
        for row in &converted {
            let [high, low] = [0, 1].map(|of: usize| u128::from(hashers[of].hash_one(row.as_ref())));
            if !seen.insert(high << 64 | low) {
                again += 1;
                first = first.or(Some(rows));
            }
            rows += 1;
        }
    }
    let result = match first {
        None => CheckResult::passed(),
        Some(first) => CheckResult::failed(format!(
            "{again} of {rows} rows repeat another in {}; the first of them is row {first}, counted from 0",
            quoted(columns)
        )),
    };
    Ok(result.with_metadata("repeated_rows", again).with_metadata("rows", rows))
}

fn unsupported(columns: &[String], error: &arrow_schema::ArrowError) -> Error {
    let message = format!("rows cannot be compared by {}: {error}", quoted(columns));
    Error::new(ErrorKind::Unsupported, message)
}
