//! Ready-made checks. Each names its asset, and is made blocking by [`Check::blocking`]; two of a kind for one asset need names: [`Check::named`].
//!
//! | check | a value passes when |
//! |---|---|
//! | [`not_null`] | no row has a null in these columns |
//! | [`unique`] | no two rows have the same values in these columns |
//! | [`in_range`] | a column lies between two bounds, these included |
//! | [`rows_match`] | every row matches a predicate |
//! | [`row_count`] | it has so many rows |
//! | [`row_count_near`] | it has about as many rows as the values before it |
//! | [`fresh`] | the newest time in a column is not older than that |
//! | [`schema`] | it has these columns |
//!
//! They read only the columns that they look at, and let the manager leave out what cannot matter (row groups, files), where it knows. What they
//! find stands in the check's metadata.

mod count;
mod time;
mod unique;

pub use count::{row_count, row_count_near};
pub use time::fresh;
pub use unique::unique;

use super::{Check, CheckResult};
use crate::context::AssetContext;
use arrow_schema::SchemaRef;
use futures_util::TryStreamExt;
use larder_io_core::table::{self, LazyTable, Literal, Predicate, Scan, TableSource, TableStream, col};
use larder_io_core::{AssetValue, Error, ErrorKind, Result, Value};
use std::future::Future;
use std::sync::Arc;

/// A check of a table.
fn of_table<F, Fut>(asset: impl Into<String>, name: &str, description: String, history: usize, ask: F) -> Check
where
    F: Fn(LazyTable, Arc<AssetContext>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<CheckResult>> + Send + 'static,
{
    let ask = Arc::new(ask);
    Check::builder(name)
        .asset(asset)
        .description(description)
        .history(history)
        .input::<LazyTable>("table")
        .function(move |mut args| {
            let (context, ask) = (args.context(), Arc::clone(&ask));
            async move { ask(args.input().await?, context).await }
        })
}

fn quoted(columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    quoted.join(", ")
}

fn strings<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Vec<String> {
    columns.into_iter().map(Into::into).collect()
}

/// Rows that must not be there.
async fn none_of(table: &LazyTable, rows: Predicate, what: &str) -> Result<CheckResult> {
    let (wrong, all) = (table.clone().filter(rows)?.count().await?, table.count().await?);
    let result = match wrong {
        0 => CheckResult::passed(),
        wrong => CheckResult::failed(format!("{wrong} of {all} rows {what}")),
    };
    Ok(result.with_metadata("wrong_rows", wrong).with_metadata("rows", all))
}

/// A value passes when no row has a null in these columns.
pub fn not_null<S: Into<String>>(asset: impl Into<String>, columns: impl IntoIterator<Item = S>) -> Check {
    let columns = strings(columns);
    let description = format!("no nulls in {}", quoted(&columns));
    of_table(asset, "not_null", description, 0, move |table, _| {
        let columns = columns.clone();
        async move {
            let (mut result, mut found) = (CheckResult::passed(), Vec::new());
            for column in &columns {
                let nulls = table.clone().filter(col(column).is_null())?.count().await?;
                result = result.with_metadata(column, nulls);
                if nulls > 0 {
                    found.push(format!("{nulls} in `{column}`"));
                }
            }
            result.passed = found.is_empty();
            match result.passed {
                true => Ok(result),
                false => Ok(result.with_message(format!("nulls: {}", found.join(", ")))),
            }
        }
    })
}

/// A value passes when a column lies between two bounds, these included. Nulls do not count; NaN is greater than any number.
pub fn in_range(
    asset: impl Into<String>,
    column: impl Into<String>,
    least: impl Into<Literal>,
    most: impl Into<Literal>,
) -> Check {
    let (column, least, most) = (column.into(), least.into(), most.into());
    let description = format!("`{column}` is from {} to {}", shown(&least), shown(&most));
    let what = format!("have `{column}` outside of {} to {}", shown(&least), shown(&most));
    let outside = col(&column).lt(least).or(col(&column).gt(most));
    of_table(asset, "in_range", description, 0, move |table, _| {
        let (outside, what) = (outside.clone(), what.clone());
        async move { none_of(&table, outside, &what).await }
    })
}

fn shown(literal: &Literal) -> String {
    match literal {
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Float(value) => value.to_string(),
        Literal::Text(value) => format!("`{value}`"),
        other => format!("{other:?}"),
    }
}

/// A value passes when every row matches. Where nulls make it neither true nor false, a row does not match.
pub fn rows_match(asset: impl Into<String>, predicate: Predicate) -> Check {
    let description = format!("every row matches {predicate:?}");
    of_table(asset, "rows_match", description, 0, move |table, _| {
        let predicate = predicate.clone();
        async move {
            let matching = table.clone().filter(predicate)?.count().await?;
            let all = table.count().await?;
            let wrong = all.saturating_sub(matching);
            let result = match wrong {
                0 => CheckResult::passed(),
                wrong => CheckResult::failed(format!("{wrong} of {all} rows do not match")),
            };
            Ok(result.with_metadata("wrong_rows", wrong).with_metadata("rows", all))
        }
    })
}

/// A value passes when it has these columns: the same names in any order, the same types, no nulls where none may be. Where only the data can tell whether there
/// are nulls, the data is read.
pub fn schema(asset: impl Into<String>, columns: SchemaRef) -> Check {
    let description = format!("the columns are {}", names(&columns));
    of_table(asset, "schema", description, 0, move |table, _| {
        let columns = Arc::clone(&columns);
        async move {
            let Value::Table(source) = table.into_value() else {
                return Err(Error::new(ErrorKind::Unexpected, "a table is no table"));
            };
            match conforms(source, &columns).await {
                Ok(()) => Ok(CheckResult::passed()),
                Err(error) if error.kind() == ErrorKind::AssetFailed => Ok(CheckResult::failed(error.message())),
                Err(error) => Err(error),
            }
        }
    })
}

async fn conforms(source: Arc<dyn TableSource>, columns: &SchemaRef) -> Result<()> {
    // Of a kind that no manager gives for its own troubles.
    let checked = table::conforming(Arc::clone(&source), columns, ErrorKind::AssetFailed)?;
    if checked.schema() != source.schema() {
        let batches = TableStream::new(checked.schema(), checked.scan(Scan::all()).await?);
        batches.try_for_each(|_| async { Ok(()) }).await?;
    }
    Ok(())
}

fn names(schema: &SchemaRef) -> String {
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    quoted(&names)
}
