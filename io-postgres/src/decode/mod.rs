//! Binary COPY as batches. What comes is not trusted (law 16): the table may have been changed by others.

mod column;

use crate::encode::{HEADER, TRAILER};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, SchemaRef};
use column::Column;
use larder_io_core::{Error, ErrorKind, Result};
use std::collections::VecDeque;

/// Rows of a batch, unless its bytes are many.
const ROWS: usize = 8192;
/// Bytes after which a batch ends.
const BYTES: usize = 4 << 20;
/// A value in PostgreSQL is smaller.
const LARGEST: usize = 1 << 30;

/// Makes batches of a stream, piece by piece.
pub(crate) struct Decoder {
    schema: SchemaRef,
    columns: Vec<Column>,
    /// The beginning of what has not come to its end yet.
    rest: Vec<u8>,
    state: State,
    rows: usize,
    bytes: usize,
    most_rows: usize,
    ready: VecDeque<RecordBatch>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Header,
    Rows,
    Ended,
}

impl Decoder {
    /// Begins to read rows of a schema.
    ///
    /// # Errors
    /// `InvalidData` for a type that is never stored.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self> {
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column::new(field))
            .collect::<Result<Vec<_>>>()?;
        // Keys of a dictionary count what is in one batch: so many rows have at most as many values.
        let most_rows = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Dictionary(keys, _) => match **keys {
                DataType::Int8 => 1 << 7,
                DataType::UInt8 => 1 << 8,
                _ => ROWS,
            },
            _ => ROWS,
        });
        let most_rows = most_rows.min().unwrap_or(ROWS);
        Ok(Self {
            schema,
            columns,
            rest: Vec::new(),
            state: State::Header,
            rows: 0,
            bytes: 0,
            most_rows,
            ready: VecDeque::new(),
        })
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// `InvalidData` for what is not as the server writes it, or does not fit the schema.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<()> {
        // The server sends a row at a time, so that there is seldom a rest.
        if self.rest.is_empty() {
            let taken = self.take(piece)?;
            self.rest.extend_from_slice(&piece[taken..]);
        } else {
            let mut whole = std::mem::take(&mut self.rest);
            whole.extend_from_slice(piece);
            let taken = self.take(&whole)?;
            whole.drain(..taken);
            self.rest = whole;
        }
        match self.rest.len() > LARGEST.saturating_mul(2) {
            true => Err(broken("a row does not end")),
            false => Ok(()),
        }
    }

    /// The next batch that is whole.
    pub(crate) fn next(&mut self) -> Option<RecordBatch> {
        self.ready.pop_front()
    }

    /// Ends, when no more comes; the last rows become ready.
    ///
    /// # Errors
    /// `InvalidData` when the stream's own end has not come.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.state != State::Ended {
            return Err(broken("the rows break off"));
        }
        self.flush()
    }

    /// Reads what is whole; gives how many bytes that was.
    fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        if self.state == State::Header {
            let Some(header) = bytes.get(..HEADER.len()) else {
                return Ok(0);
            };
            if header != HEADER {
                return Err(broken("it begins with something else"));
            }
            self.state = State::Rows;
            at = HEADER.len();
        }
        while self.state == State::Rows {
            let Some(length) = self.row(&bytes[at..])? else { break };
            at += length;
        }
        match self.state == State::Ended && at < bytes.len() {
            true => Err(broken("something follows its end")),
            false => Ok(at),
        }
    }

    /// Reads one row, if it is whole; gives its length.
    fn row(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some(&[high, low]) = bytes.first_chunk::<2>() else {
            return Ok(None);
        };
        if [high, low] == TRAILER {
            self.state = State::Ended;
            return Ok(Some(2));
        }
        if usize::from(u16::from_be_bytes([high, low])) != self.columns.len() {
            return Err(broken("a row has another number of columns"));
        }
        // First whether it is whole, so that no column gets a value more than another.
        let mut end = 2;
        for _ in 0..self.columns.len() {
            match length(&bytes[end..])? {
                None => return Ok(None),
                Some(length) => end += 4 + length.unwrap_or(0),
            }
            if bytes.len() < end {
                return Ok(None);
            }
        }
        let mut at = 2;
        for column in &mut self.columns {
            let value = length(&bytes[at..])?
                .flatten()
                .map(|length| &bytes[at + 4..at + 4 + length]);
            at += 4 + value.map_or(0, <[u8]>::len);
            column.push(value)?;
        }
        self.rows += 1;
        self.bytes += end;
        if self.rows >= self.most_rows || self.bytes >= BYTES {
            self.flush()?;
        }
        Ok(Some(end))
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Column::finish).collect::<Result<_>>()?;
        let rows = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &rows)
            .map_err(|error| broken("a column has a null where none may be, or another type").with_source(error))?;
        self.ready.push_back(batch);
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

/// The length in front of a value: `None` where it is cut off, `Some(None)` for null.
fn length(bytes: &[u8]) -> Result<Option<Option<usize>>> {
    let Some(length) = bytes.first_chunk::<4>() else {
        return Ok(None);
    };
    match i32::from_be_bytes(*length) {
        -1 => Ok(Some(None)),
        length => match usize::try_from(length) {
            Ok(length) if length <= LARGEST => Ok(Some(Some(length))),
            _ => Err(broken("a value has a length that cannot be")),
        },
    }
}

/// The error of rows that are not as they were stored.
pub(super) fn broken(what: &str) -> Error {
    let message = format!(
        "the stored rows are not as larder wrote them: {what}; restore an old version or materialize the asset again"
    );
    Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests;
