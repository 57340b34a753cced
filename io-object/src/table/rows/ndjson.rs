//! One JSON object for each line.

use super::feed::Feed;
use super::portable::{convert, portable_schema};
use super::{BATCH_ROWS, Batches, Encoder};
use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_json::reader::infer_json_schema;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{ArrowError, SchemaRef};
use std::sync::Arc;

pub(super) struct NdjsonEncoder;

impl Encoder for NdjsonEncoder {
    fn header(&self) -> &[u8] {
        &[]
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let rows = convert(batch, &portable_schema(batch.schema_ref()))?;
        // With its nulls, so that every line names every column.
        let mut writer = WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, LineDelimited>(Vec::new());
        writer.write(&rows)?;
        writer.finish()?;
        Ok(writer.into_inner())
    }
}

pub(super) fn decode(feed: Feed, schema: &SchemaRef) -> Result<Batches, String> {
    let reader = ReaderBuilder::new(portable_schema(schema))
        .with_batch_size(BATCH_ROWS)
        .with_strict_mode(true)
        .build(feed.of_lines())
        .map_err(|error| error.to_string())?;
    let schema = Arc::clone(schema);
    let batches = reader.map(move |batch| batch.and_then(|batch| convert(&batch, &schema)));
    Ok(Box::new(batches.map(|batch| batch.map_err(|error| error.to_string()))))
}

pub(super) fn infer(feed: Feed) -> Result<SchemaRef, String> {
    let (schema, _) = infer_json_schema(feed.of_lines(), None).map_err(|error| error.to_string())?;
    match schema.fields().is_empty() {
        true => Err("it has no columns".to_owned()),
        false => Ok(Arc::new(schema)),
    }
}
