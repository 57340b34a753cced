//! Values that tell whether they are whole.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use larder_io_core::{AssetValue, Blob, Error, ErrorKind, Form, Result, Table, TableStream, Value};
use std::sync::Arc;

/// Makes values of one form from a seed. Every part of a value repeats the seed, and its length follows from it, so
/// that reading one back tells the seed, or that parts are missing or mixed.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    form: Form,
    words: usize,
}

impl Probe {
    /// Makes small values.
    pub fn new(form: Form) -> Self {
        Self { form, words: 64 }
    }

    /// Makes values of about so many bytes before encoding.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.words = bytes / 8;
        self
    }

    /// The form of the values.
    pub fn form(self) -> Form {
        self.form
    }

    fn length(self, seed: u64) -> usize {
        self.words + (seed % 17) as usize * 3
    }

    /// Makes the value of a seed.
    pub fn make(self, seed: u64) -> Value {
        match self.form {
            Form::Table => Table::from(batch(seed, self.length(seed))).into_value(),
            Form::Blob => Blob::from(blob(seed, self.length(seed))).into_value(),
            _ => vec![seed; self.length(seed)].into_value(),
        }
    }

    /// Makes the value of a seed as a stream that is read once, in `parts` parts; with `fails` an error comes in place
    /// of the last one. `None` for objects, which have no stream.
    pub fn stream(self, seed: u64, parts: usize, fails: bool) -> Option<Value> {
        let sizes = split(self.length(seed), parts);
        let broken = || Error::new(ErrorKind::AssetFailed, "the stream broke on purpose");
        match self.form {
            Form::Table => {
                let last = sizes.len() - 1;
                let batches = sizes
                    .into_iter()
                    .enumerate()
                    .map(move |(index, size)| match fails && index == last {
                        true => Err(broken()),
                        false => Ok(batch(seed, size)),
                    });
                Some(TableStream::from_iter(schema(), batches).into_value())
            }
            Form::Blob => {
                let last = sizes.len() - 1;
                let chunks = sizes
                    .into_iter()
                    .enumerate()
                    .map(move |(index, size)| match fails && index == last {
                        true => Err(broken()),
                        false => Ok(blob(seed, size)),
                    });
                Some(Blob::from_stream(stream::iter(chunks).boxed()).into_value())
            }
            _ => None,
        }
    }

    /// Makes a stream that gives one part and then nothing more, ever.
    pub fn stuck(self, seed: u64) -> Option<Value> {
        match self.form {
            Form::Table => {
                let first = stream::iter([Ok(batch(seed, self.words))]);
                Some(TableStream::new(schema(), first.chain(stream::pending())).into_value())
            }
            Form::Blob => {
                let first = stream::iter([Ok(blob(seed, self.words))]);
                Some(Blob::from_stream(first.chain(stream::pending()).boxed()).into_value())
            }
            _ => None,
        }
    }

    /// Reads a value back and gives its seed.
    ///
    /// # Errors
    /// Those of reading it.
    ///
    /// # Panics
    /// When the value is not whole, with `law` in front of the message.
    pub async fn try_read(self, law: u8, value: Value) -> Result<u64> {
        let words: Vec<u64> = match self.form {
            Form::Table => {
                let table = Table::from_value(value).await?;
                let columns = table.batches().iter().flat_map(|batch| {
                    let (left, right) = (batch.column(0), batch.column(1));
                    let left = left.as_primitive::<Int64Type>().values().to_vec();
                    let right = right.as_primitive::<Int64Type>().values().to_vec();
                    left.into_iter().zip(right)
                });
                columns
                    .map(|(left, right)| match left == right {
                        true => left as u64,
                        false => panic!("law {law}: a row mixes two values, {left} and {right}"),
                    })
                    .collect()
            }
            Form::Blob => {
                let bytes = Blob::from_value(value).await?.bytes().await?;
                let (words, rest) = bytes.as_chunks::<8>();
                assert!(rest.is_empty(), "law {law}: the blob of {} bytes is cut", bytes.len());
                words.iter().map(|word| u64::from_le_bytes(*word)).collect()
            }
            _ => Vec::from_value(value).await?,
        };
        let Some(seed) = words.first().copied() else {
            panic!("law {law}: the {} came back empty", self.form)
        };
        if let Some(other) = words.iter().find(|word| **word != seed) {
            panic!("law {law}: the {} mixes two values, {seed} and {other}", self.form);
        }
        let (found, whole) = (words.len(), self.length(seed));
        check_eq!(
            found,
            whole,
            "law {law}: the {} of seed {seed} has another length",
            self.form
        );
        Ok(seed)
    }

    /// As [`Probe::try_read`], but it must be readable.
    pub async fn read(self, law: u8, value: Value) -> u64 {
        let read = self.try_read(law, value).await;
        read.unwrap_or_else(|error| panic!("law {law}: a published {} cannot be read: {error:?}", self.form))
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("seed", DataType::Int64, false),
        Field::new("again", DataType::Int64, false),
    ]))
}

fn batch(seed: u64, rows: usize) -> RecordBatch {
    let seeds: ArrayRef = Arc::new(Int64Array::from_value(seed as i64, rows));
    let again: ArrayRef = Arc::new(Int64Array::from_value(seed as i64, rows));
    RecordBatch::try_new(schema(), vec![seeds, again]).expect("the columns fit the schema")
}

fn blob(seed: u64, words: usize) -> Bytes {
    seed.to_le_bytes().repeat(words).into()
}

/// Cuts a length into so many parts, none of them empty.
fn split(length: usize, parts: usize) -> Vec<usize> {
    let each = length / parts;
    let mut sizes = vec![each; parts];
    sizes[parts - 1] += length - each * parts;
    sizes
}
