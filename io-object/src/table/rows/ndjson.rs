//! One JSON object for each line.

use super::feed::Feed;
use super::portable::{convert, portable_schema};
use super::{BATCH_ROWS, Batches, Encoder};
use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_json::reader::infer_json_schema_from_iterator;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::HashSet;
use std::fmt;
use std::io::BufRead;
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
        // A column of texts and numbers is one of texts.
        .with_coerce_primitive(true)
        .build(feed.of_lines()?)
        .map_err(|error| error.to_string())?;
    let schema = Arc::clone(schema);
    let batches = reader.map(move |batch| batch.and_then(|batch| convert(&batch, &schema)));
    Ok(Box::new(batches.map(|batch| batch.map_err(|error| error.to_string()))))
}

/// The columns in the order in which lines first name them.
pub(super) fn infer(feed: Feed) -> Result<SchemaRef, String> {
    let mut names: Vec<String> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    let lines = feed.of_lines()?.lines().enumerate().filter_map(|(index, line)| {
        let wrong = |error: &dyn std::fmt::Display| ArrowError::JsonError(format!("line {}: {error}", index + 1));
        let line = match line {
            Ok(line) if line.trim().is_empty() => return None,
            Ok(line) => line,
            Err(error) => return Some(Err(wrong(&error))),
        };
        match serde_json::from_str::<Names>(&line) {
            Ok(Names(line)) => names.extend(line.into_iter().filter(|name| known.insert(name.clone()))),
            Err(error) => return Some(Err(wrong(&error))),
        }
        Some(serde_json::from_str::<serde_json::Value>(&line).map_err(|error| wrong(&error)))
    });
    let schema = infer_json_schema_from_iterator(lines).map_err(|error| error.to_string())?;
    let fields: Vec<Field> = names
        .iter()
        .filter_map(|name| schema.field_with_name(name).ok().cloned())
        .collect();
    match fields.is_empty() {
        true => Err("it has no columns".to_owned()),
        false => Ok(Arc::new(Schema::new(fields))),
    }
}

/// The names of an object's members, in order.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
