//! How old the newest row is.

use super::of_table;
use crate::check::{Check, CheckResult};
use arrow_schema::{DataType, TimeUnit};
use jiff::Timestamp;
use larder_io_core::table::col;
use larder_io_core::{Error, ErrorKind, Result, duration};
use std::time::Duration;

/// Seconds of a day, as dates count them: without leap seconds.
const DAY: i64 = 86_400;

/// A value passes when the newest time in a column, a timestamp or a date, is at most this old. A timestamp without a zone is taken for UTC, a date for its
/// beginning. A table without rows, or with nulls alone, does not pass.
pub fn fresh(asset: impl Into<String>, column: impl Into<String>, at_most: Duration) -> Check {
    let column = column.into();
    let age = duration::text(at_most);
    let description = format!("the newest `{column}` is at most {age} old");
    of_table(asset, "fresh", description, 0, move |table, _| {
        let (column, age) = (column.clone(), age.clone());
        async move {
            let field = table.clone().select([&column])?;
            let field = field.schema().field(0).data_type().clone();
            let since = Timestamp::now() - at_most;
            let newer = table.filter(col(&column).gt_eq(raw(&column, &field, since)?))?;
            Ok(match newer.limit(1).count().await? {
                0 => CheckResult::failed(format!("no `{column}` is newer than {age}, that is since {since}")),
                _ => CheckResult::passed(),
            })
        }
    })
}

/// A time as a column counts it; rounded up, so that nothing older counts.
fn raw(column: &str, of: &DataType, time: Timestamp) -> Result<i64> {
    let nanos = time.as_nanosecond();
    let per = |unit: i128| i64::try_from(nanos.div_euclid(unit) + i128::from(nanos.rem_euclid(unit) > 0));
    let raw = match of {
        DataType::Timestamp(TimeUnit::Second, _) => per(1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => per(1_000_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => per(1_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => per(1),
        DataType::Date32 => per(i128::from(DAY) * 1_000_000_000),
        other => {
            let message = format!("`{column}` is of type {other}; how old it is can be told of timestamps and dates");
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
    };
    raw.map_err(|_| {
        Error::new(
            ErrorKind::InvalidDefinition,
            format!("{time} is out of the range of `{column}`"),
        )
    })
}
