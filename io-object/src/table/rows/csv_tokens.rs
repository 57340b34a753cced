//! Records of RFC 4180. Written here because readers at hand do not tell a quoted empty field, which is an empty text,
//! from an empty one, which is a null.

use super::ROW_BYTES;
use std::io::BufRead;

/// Where the reader is within a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote within a quoted field: the end of it, or the first of two.
    Quote,
}

/// Reads records from bytes.
pub(super) struct Tokens<R> {
    input: R,
    /// The line that comes next, from 1.
    line: u64,
    after_return: bool,
    begun: bool,
}

/// One record: the text of all fields, where each ends, and whether it was quoted.
#[derive(Default)]
pub(super) struct Record {
    text: Vec<u8>,
    ends: Vec<(usize, bool)>,
    /// The line in which it begins.
    pub(super) line: u64,
}

impl Record {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field; `None` for a null.
    pub(super) fn field(&self, index: usize) -> Result<Option<&str>, String> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, quoted) = self.ends[index];
        if start == end && !quoted {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.text[start..end]);
        text.map(Some)
            .map_err(|_| format!("line {}: field {} is no UTF-8", self.line, index + 1))
    }

    /// Whether it is an empty line.
    pub(super) fn blank(&self) -> bool {
        matches!(self.ends[..], [(0, false)])
    }

    /// Bytes of text.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    fn end_field(&mut self, quoted: bool) {
        self.ends.push((self.text.len(), quoted));
    }
}

impl<R: BufRead> Tokens<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: 1,
            after_return: false,
            begun: false,
        }
    }

    /// Reads the next record, blank lines among them; false at the end.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, String> {
        record.text.clear();
        record.ends.clear();
        record.line = self.line;
        let (mut state, mut quoted) = (State::Start, false);
        loop {
            let buffer = self.input.fill_buf().map_err(|error| error.to_string())?;
            if buffer.is_empty() {
                return match state {
                    State::Quoted => Err(format!("a quoted field in or after line {} never ends", record.line)),
                    State::Start if record.ends.is_empty() => Ok(false),
                    _ => {
                        record.end_field(quoted);
                        Ok(true)
                    }
                };
            }
            let mut used = 0;
            // A byte order mark, which other programs put first.
            if !self.begun {
                self.begun = true;
                used = if buffer.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            }
            let mut ended = false;
            for byte in &buffer[used..] {
                used += 1;
                let second = std::mem::take(&mut self.after_return) && *byte == b'\n';
                if second && state != State::Quoted {
                    // The second half of a line's end.
                    continue;
                }
                match (state, byte) {
                    (State::Quoted, b'"') => state = State::Quote,
                    (State::Quoted, byte) => {
                        self.line += u64::from(*byte == b'\n');
                        record.text.push(*byte);
                    }
                    (State::Quote, b'"') => {
                        record.text.push(b'"');
                        state = State::Quoted;
                    }
                    (State::Start, b'"') => (state, quoted) = (State::Quoted, true),
                    (_, b',') => {
                        record.end_field(quoted);
                        (state, quoted) = (State::Start, false);
                    }
                    (_, b'\n' | b'\r') => {
                        self.after_return = *byte == b'\r';
                        self.line += 1;
                        record.end_field(quoted);
                        ended = true;
                        break;
                    }
                    (State::Quote, _) => return Err(format!("line {}: text follows a closing quote", self.line)),
                    (_, byte) => {
                        state = State::Plain;
                        record.text.push(*byte);
                    }
                }
            }
            self.input.consume(used);
            if record.text.len() > ROW_BYTES {
                return Err(format!(
                    "the record that begins in line {} is longer than 64 MiB",
                    record.line
                ));
            }
            if ended {
                return Ok(true);
            }
        }
    }
}
