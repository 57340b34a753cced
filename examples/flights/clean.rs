//! The flights that took place, with types and nulls in place of text and `NA`.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, RecordBatch, Scalar, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::nullif::nullif;
use futures_util::StreamExt;
use larder::prelude::*;
use larder::table::col;
use std::sync::Arc;

/// The flights that departed, in published order, read and written batch by batch: `NA` is null, times and delays are
/// integers, cancelled flights (no `dep_time`) are dropped, and `time_hour` became the timestamp `scheduled_hour_utc`.
#[asset(group = "clean")]
pub(crate) async fn flights(#[from("raw/flights")] published: TableStream) -> Result<TableStream> {
    let fields: Vec<Field> = published.schema().fields().iter().map(|field| cleaned(field)).collect();
    let schema = Arc::new(Schema::new(fields));
    let wanted = Arc::clone(&schema);
    let departed = col("dep_time").not_eq("NA");
    let batches = published.map(move |batch| clean(&departed.filter(&batch?)?, &wanted));
    Ok(TableStream::new(schema, batches))
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
