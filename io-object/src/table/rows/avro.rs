//! Avro object container files.

use super::avro_blocks::Blocks;
use super::feed::Feed;
use super::portable::{convert, portable_schema};
use super::{Batches, Encoder};
use arrow_array::RecordBatch;
use arrow_avro::compression::CompressionCodec;
use arrow_avro::reader::{Reader, ReaderBuilder};
use arrow_avro::writer::format::AvroOcfFormat;
use arrow_avro::writer::{Writer, WriterBuilder};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex};

pub(super) struct AvroEncoder {
    writer: Writer<Shared, AvroOcfFormat>,
    output: Shared,
    schema: SchemaRef,
    header: Vec<u8>,
}

/// Where the writer writes, and from where finished blocks are taken.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        self.0
            .lock()
            .map(|mut bytes| std::mem::take(&mut *bytes))
            .unwrap_or_default()
    }
}

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut output = self.0.lock().map_err(|_| io::Error::other("the encoder stopped"))?;
        output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AvroEncoder {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        names(schema.fields())?;
        let schema = avro_schema(schema);
        let output = Shared::default();
        let writer = WriterBuilder::new(schema.as_ref().clone())
            // The codec that every reader has to have: <https://avro.apache.org/docs/1.12.0/specification/#required-codecs>
            .with_compression(Some(CompressionCodec::Deflate))
            .build::<_, AvroOcfFormat>(output.clone())?;
        Ok(Self {
            writer,
            header: output.take(),
            output,
            schema,
        })
    }
}

impl Encoder for AvroEncoder {
    fn header(&self) -> &[u8] {
        &self.header
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        self.writer.write(&convert(batch, &self.schema)?)?;
        Ok(self.output.take())
    }
}

/// Refuses names that Avro has not, which would be written as others.
/// <https://avro.apache.org/docs/1.12.0/specification/#names>
fn names(fields: &Fields) -> Result<(), ArrowError> {
    for field in fields {
        let name = field.name();
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
            return Err(ArrowError::SchemaError(format!(
                "column `{name}` has no name of Avro, which are letters, digits and `_`; rename it, or use ndjson or parquet"
            )));
        }
        match field.data_type() {
            DataType::Struct(fields) => names(fields)?,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                names(&Fields::from(vec![Arc::clone(item)]))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The types that Avro has: whole numbers of 32 and 64 bits, moments by milli-, micro- or nanosecond.
fn avro_schema(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let data_type = match field.data_type() {
            DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => DataType::Int32,
            DataType::UInt32 => DataType::Int64,
            // Every value fits, as far as there are digits.
            DataType::UInt64 => DataType::Decimal128(20, 0),
            DataType::Float16 => DataType::Float32,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    };
    let fields: Fields = portable_schema(schema).fields().iter().map(field).collect();
    Arc::new(Schema::new(fields))
}

/// A reader of a whole file in memory.
fn reader(file: Vec<u8>, rows: usize) -> Result<Reader<Cursor<Vec<u8>>>, String> {
    let builder = ReaderBuilder::new().with_batch_size(rows.max(1));
    builder.build(Cursor::new(file)).map_err(|error| error.to_string())
}

pub(super) fn decode(feed: Feed, schema: &SchemaRef) -> Result<Batches, String> {
    let mut blocks = Blocks::open(feed)?;
    let schema = Arc::clone(schema);
    let mut next = move || {
        let Some(block) = blocks.next()? else { return Ok(None) };
        let batch = reader(block.file, block.rows)?.next().transpose();
        let batch = batch.map_err(|error| error.to_string())?.ok_or("a block has no rows")?;
        convert(&batch, &schema).map(Some).map_err(|error| error.to_string())
    };
    Ok(Box::new(std::iter::from_fn(move || next().transpose())))
}

pub(super) fn infer(feed: Feed) -> Result<SchemaRef, String> {
    let schema = reader(Blocks::open(feed)?.header().to_vec(), 1)?.schema();
    match schema.fields().is_empty() {
        true => Err("it has no columns".to_owned()),
        false => Ok(Arc::new(schema.as_ref().clone())),
    }
}
