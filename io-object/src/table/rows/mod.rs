//! Tables as rows: csv, ndjson and Avro.
//!
//! None of these formats has all of Arrow's types, so the receipt keeps the schema beside the data, and what was encoded
//! is decoded again and compared before anything is published: what would come back changed is refused (law 1).

mod avro;
mod avro_blocks;
mod csv;
mod csv_infer;
mod csv_tokens;
mod feed;
mod ndjson;
mod portable;
mod source;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use source::RowSource;
pub(super) use write::encode;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use feed::Feed;

/// Rows of a batch that is read.
const BATCH_ROWS: usize = 8192;
/// Bytes of one row at most, so that damage does not make a whole file one row.
const ROW_BYTES: usize = 64 << 20;

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFormat {
    /// RFC 4180 with a header; a null is empty, an empty text is quoted.
    Csv,
    /// One JSON object for each line.
    Ndjson,
    /// Avro object container files.
    Avro,
}

/// Batches as they are decoded. Errors are texts: the bytes are wrong, wherever they came from.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch, String>> + Send>;

/// Encodes batches one after the other.
trait Encoder: Send {
    /// What stands before the first row, and makes any later piece readable alone.
    fn header(&self) -> &[u8];

    /// The bytes of more rows.
    fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError>;
}

impl RowFormat {
    /// The format of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Csv, Self::Ndjson, Self::Avro]
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// The format's name, which is its suffix.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Avro => "avro",
        }
    }

    fn encoder(self, schema: &SchemaRef) -> Result<Box<dyn Encoder>, ArrowError> {
        Ok(match self {
            Self::Csv => Box::new(csv::CsvEncoder::new(schema)?),
            Self::Ndjson => Box::new(ndjson::NdjsonEncoder),
            Self::Avro => Box::new(avro::AvroEncoder::new(schema)?),
        })
    }

    /// Decodes rows of this schema.
    fn decode(self, feed: Feed, schema: &SchemaRef) -> Result<Batches, String> {
        match self {
            Self::Csv => csv::decode(feed, schema),
            Self::Ndjson => ndjson::decode(feed, schema),
            Self::Avro => avro::decode(feed, schema),
        }
    }

    /// The schema of rows that somebody else wrote: one that every row fits.
    fn infer(self, feed: Feed) -> Result<SchemaRef, String> {
        match self {
            Self::Csv => csv_infer::infer(feed),
            Self::Ndjson => ndjson::infer(feed),
            Self::Avro => avro::infer(feed),
        }
    }
}
