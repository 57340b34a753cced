//! The flights that took place, with types and nulls in place of text and `NA`.

use crate::columns::column;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, Int32Array, RecordBatch, Scalar, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::nullif::nullif;
use futures_util::TryStreamExt;
use larder::partitions::TimePartitions;
use larder::prelude::*;
use larder::table::col;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The days of the year, as New York counts them.
pub(crate) fn days() -> TimePartitions {
    Partitioning::daily("2013-01-01")
        .time_zone("America/New_York")
        .end("2014-01-01")
}

/// The flights that departed on each day, in published order: `NA` is null, times and delays are integers, cancelled flights
/// (no `dep_time`) are dropped, and `time_hour` became the timestamp `scheduled_hour_utc`. One pass over the published rows makes
/// all days that are asked for.
#[asset(group = "clean", partitions = days())]
pub(crate) async fn flights(
    ctx: &AssetContext,
    #[from("raw/flights")] mut published: TableStream,
) -> Result<Partitions<Table>> {
    let fields: Vec<Field> = published.schema().fields().iter().map(|field| cleaned(field)).collect();
    let schema = Arc::new(Schema::new(fields));
    let asked = ctx.partitions().into_iter().flat_map(|days| days.iter());
    let mut days: BTreeMap<PartitionKey, Vec<RecordBatch>> = asked.map(|day| (day, Vec::new())).collect();
    let departed = col("dep_time").not_eq("NA");
    while let Some(batch) = published.try_next().await? {
        let batch = clean(&departed.filter(&batch)?, &schema)?;
        for (day, rows) in by_day(&batch)? {
            // A day that was not asked for stays as it is.
            if let Some(batches) = days.get_mut(&day) {
                batches.push(rows);
            }
        }
    }
    days.into_iter()
        .map(|(day, batches)| Ok((day, Table::new(Arc::clone(&schema), batches)?)))
        .collect()
}

/// Rows that follow each other and are of one day.
fn by_day(batch: &RecordBatch) -> Result<Vec<(PartitionKey, RecordBatch)>> {
    let years = column::<Int32Array>(batch, "year")?.values();
    let months = column::<Int32Array>(batch, "month")?.values();
    let days = column::<Int32Array>(batch, "day")?.values();
    let dates: Vec<(i32, i32, i32)> = years
        .iter()
        .zip(months)
        .zip(days)
        .map(|((y, m), d)| (*y, *m, *d))
        .collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for of_day in dates.chunk_by(|one, next| one == next) {
        let (year, month, day) = of_day[0];
        let key = PartitionKey::single("date", format!("{year:04}-{month:02}-{day:02}"))?;
        parts.push((key, batch.slice(start, of_day.len())));
        start += of_day.len();
    }
    Ok(parts)
}

/// What becomes of a column: the ones with `NA` get the type of their values, the rest stays.
fn cleaned(raw: &Field) -> Field {
    match raw.name().as_str() {
        // Cancelled flights are dropped, so each of the rest has one.
        name @ "dep_time" => Field::new(name, DataType::Int32, false),
        name @ ("dep_delay" | "arr_time" | "arr_delay" | "air_time") => Field::new(name, DataType::Int32, true),
        name @ "tailnum" => Field::new(name, DataType::Utf8, true),
        "time_hour" => {
            let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            Field::new("scheduled_hour_utc", utc, false)
        }
        _ => raw.clone(),
    }
}

fn clean(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(column, field)| {
            convert(column, field).context(format!("the column `{}` of clean/flights", field.name()))
        })
        .collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

fn convert(raw: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    // A value that does not parse is damage, not a missing value.
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    match field.data_type() {
        // The cast knows no zone by name without a zone database, but it honours the `Z` of each text.
        DataType::Timestamp(unit, Some(zone)) => {
            let instants = cast_with_options(raw, &DataType::Timestamp(*unit, None), &strict)?;
            let instants = instants.as_primitive::<TimestampMicrosecondType>().clone();
            Ok(Arc::new(instants.with_timezone(Arc::clone(zone))))
        }
        wanted if field.is_nullable() => {
            let missing = arrow_ord::cmp::eq(raw, &Scalar::new(StringArray::from(vec!["NA"])))?;
            Ok(cast_with_options(&nullif(raw, &missing)?, wanted, &strict)?)
        }
        wanted => Ok(cast_with_options(raw, wanted, &strict)?),
    }
}
