//! csv: a header, a comma between fields, one line for each row; a null is empty, an empty text is quoted.

use super::csv_tokens::{Record, Tokens};
use super::feed::Feed;
use super::portable::{convert, convert_column, portable_schema};
use super::{BATCH_ROWS, Batches, Encoder};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, FixedSizeBinaryArray, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

/// Bytes of text after which a batch ends, whatever its rows.
const BATCH_BYTES: usize = 16 << 20;

pub(super) struct CsvEncoder {
    header: Vec<u8>,
    schema: SchemaRef,
}

impl CsvEncoder {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        let mut header = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            if field.data_type().is_nested() {
                let problem = format!(
                    "column `{}` is a {}, for which csv has no notation; use ndjson, Avro or parquet",
                    field.name(),
                    field.data_type()
                );
                return Err(ArrowError::SchemaError(problem));
            }
            separate(&mut header, index);
            put(&mut header, Some(field.name()));
        }
        header.push(b'\n');
        Ok(Self {
            header,
            schema: portable_schema(schema),
        })
    }
}

impl Encoder for CsvEncoder {
    fn header(&self) -> &[u8] {
        &self.header
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let rows = convert(batch, &self.schema)?;
        let columns: Vec<StringArray> = rows.columns().iter().map(texts).collect::<Result<_, _>>()?;
        let mut bytes = Vec::new();
        for row in 0..rows.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                separate(&mut bytes, index);
                put(&mut bytes, column.is_valid(row).then(|| column.value(row)));
            }
            bytes.push(b'\n');
        }
        Ok(bytes)
    }
}

fn separate(bytes: &mut Vec<u8>, index: usize) {
    if index > 0 {
        bytes.push(b',');
    }
}

fn put(bytes: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return };
    let plain = !text.is_empty() && !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
        // Programs that trim fields leave quoted ones as they are; a mark at the beginning of a file is none there.
        && !text.starts_with([' ', '\t', '\u{feff}'])
        && !text.ends_with([' ', '\t']);
    if plain {
        return bytes.extend_from_slice(text.as_bytes());
    }
    bytes.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            bytes.push(b'"');
        }
        bytes.push(byte);
    }
    bytes.push(b'"');
}

/// Values as text.
fn texts(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    fn hex<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> StringArray {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
        let text = |bytes: &[u8]| {
            bytes
                .iter()
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                .collect::<String>()
        };
        values.map(|value| value.map(text)).collect()
    }
    Ok(match column.data_type() {
        DataType::Utf8 => column.as_string().clone(),
        DataType::Binary => hex(column.as_binary::<i32>().iter()),
        DataType::FixedSizeBinary(_) => hex(column.as_fixed_size_binary().iter()),
        _ => cast(column, &DataType::Utf8)?.as_string().clone(),
    })
}

/// Values of a text. A text that is none is an error that shows it.
fn values(field: &Field, texts: StringArray, first_row: u64) -> Result<ArrayRef, String> {
    let wanted = field.data_type();
    let wrong = |row: usize, text: &str| {
        let shown: String = text.chars().take(40).collect();
        let row = first_row + row as u64;
        format!("row {row}, column `{}`: {shown:?} is no {wanted}", field.name())
    };
    let bytes = || -> Result<Vec<Option<Vec<u8>>>, String> {
        let unhex = |(row, text): (usize, Option<&str>)| match text {
            Some(text) => unhex(text).map(Some).ok_or_else(|| wrong(row, text)),
            None => Ok(None),
        };
        texts.iter().enumerate().map(unhex).collect()
    };
    match wanted {
        DataType::Utf8 => Ok(Arc::new(texts)),
        DataType::Binary => Ok(Arc::new(bytes()?.iter().map(Option::as_deref).collect::<BinaryArray>())),
        DataType::FixedSizeBinary(width) => {
            let values = bytes()?.into_iter();
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, *width)
                .map(|array| Arc::new(array) as ArrayRef)
                .map_err(|error| format!("column `{}`: {error}", field.name()))
        }
        DataType::Null => match texts.iter().enumerate().find_map(|(row, text)| Some((row, text?))) {
            Some((row, text)) => Err(wrong(row, text)),
            None => Ok(Arc::new(arrow_array::NullArray::new(texts.len()))),
        },
        _ => {
            let texts: ArrayRef = Arc::new(texts);
            convert_column(&texts, wanted).map_err(|error| {
                // The same again, with a null for what fits no value, to say where it is.
                let nulls = cast(&texts, wanted).ok();
                let texts = texts.as_string::<i32>();
                let row =
                    nulls.and_then(|values| (0..texts.len()).find(|row| texts.is_valid(*row) && values.is_null(*row)));
                row.map_or_else(
                    || format!("column `{}`: {error}", field.name()),
                    |row| wrong(row, texts.value(row)),
                )
            })
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

/// Reads the header.
pub(super) fn header(tokens: &mut Tokens<Feed>) -> Result<Vec<String>, String> {
    let mut record = Record::default();
    if !tokens.next(&mut record)? || record.blank() {
        return Err("it has no header".to_owned());
    }
    let name = |index| Ok(record.field(index)?.unwrap_or_default().to_owned());
    (0..record.len()).map(name).collect()
}

pub(super) fn decode(feed: Feed, schema: &SchemaRef) -> Result<Batches, String> {
    let mut tokens = Tokens::new(feed);
    let names = header(&mut tokens)?;
    if !names.iter().eq(schema.fields().iter().map(|field| field.name())) {
        let wanted: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
        return Err(format!("its header is {names:?} instead of {wanted:?}"));
    }
    let mut texts = Texts {
        tokens,
        columns: names.len(),
        rows: 0,
    };
    let (schema, portable) = (Arc::clone(schema), portable_schema(schema));
    let next = move || {
        let first_row = texts.rows + 1;
        let columns = texts.next().transpose()?;
        Some(columns.and_then(|columns| typed(columns, &portable, &schema, first_row)))
    };
    Ok(Box::new(std::iter::from_fn(next)))
}

fn typed(
    columns: Vec<StringArray>,
    portable: &SchemaRef,
    schema: &SchemaRef,
    first_row: u64,
) -> Result<RecordBatch, String> {
    let columns = columns.into_iter().zip(portable.fields());
    let columns: Vec<ArrayRef> = columns
        .map(|(texts, field)| values(field, texts, first_row))
        .collect::<Result<_, _>>()?;
    // Nullability is checked when the declared types are back.
    let shown: Schema = Schema::new(
        portable
            .fields()
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(true))
            .collect::<Vec<_>>(),
    );
    RecordBatch::try_new(Arc::new(shown), columns)
        .and_then(|batch| convert(&batch, schema))
        .map_err(|error| error.to_string())
}

/// Records as columns of text.
pub(super) struct Texts {
    tokens: Tokens<Feed>,
    columns: usize,
    /// Rows that were read.
    rows: u64,
}

impl Texts {
    pub(super) fn new(tokens: Tokens<Feed>, columns: usize) -> Self {
        Self {
            tokens,
            columns,
            rows: 0,
        }
    }

    /// The next rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<StringArray>>, String> {
        let mut columns: Vec<StringBuilder> = (0..self.columns).map(|_| StringBuilder::new()).collect();
        let (mut record, mut rows, mut bytes) = (Record::default(), 0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES && self.tokens.next(&mut record)? {
            // In a table of one column an empty line is a null, else nothing.
            if record.blank() && self.columns != 1 {
                continue;
            }
            if record.len() != self.columns {
                let (found, wanted) = (record.len(), self.columns);
                return Err(format!("line {}: {found} fields instead of {wanted}", record.line));
            }
            for (index, column) in columns.iter_mut().enumerate() {
                column.append_option(record.field(index)?);
            }
            rows += 1;
            bytes += record.bytes();
        }
        self.rows += rows as u64;
        Ok((rows > 0).then(|| columns.iter_mut().map(StringBuilder::finish).collect()))
    }
}
