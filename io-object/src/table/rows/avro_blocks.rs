//! The container of an Avro file: its header and its blocks.
//!
//! Blocks are taken apart here, and each goes to arrow-avro as a file of its own with as many rows as a batch: its reader
//! never ends on a block that holds more bytes than rows, and believes whatever length a compressed block claims.

use super::ROW_BYTES;
use std::io::{BufRead, Read};

const MAGIC: &[u8; 4] = b"Obj\x01";
/// Bytes of a block up to which its compressed data is believed, however small it is.
const MOST_BLOCK_BYTES: u64 = 1 << 30;
/// How many times longer than its compressed data a block may be beyond that.
const MOST_COMPRESSION: u64 = 1 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

/// A container whose header was read.
pub(super) struct Blocks<R> {
    input: R,
    codec: Codec,
    sync: [u8; 16],
    /// The header of an uncompressed file with the same schema.
    header: Vec<u8>,
}

/// One block, as a file of its own.
pub(super) struct Block {
    pub(super) rows: usize,
    pub(super) file: Vec<u8>,
}

impl<R: BufRead> Blocks<R> {
    /// Reads the header.
    pub(super) fn open(mut input: R) -> Result<Self, String> {
        let magic: [u8; 4] = array(&mut input)?;
        if magic != *MAGIC {
            return Err("it does not begin with `Obj` and 1".to_owned());
        }
        let (mut schema, mut codec) = (None, Codec::Null);
        loop {
            let entries = match long(&mut input)? {
                0 => break,
                // A negative count is followed by the bytes of the entries.
                count if count < 0 => {
                    long(&mut input)?;
                    count.unsigned_abs()
                }
                count => count.unsigned_abs(),
            };
            for _ in 0..entries {
                let (name, value) = (bytes(&mut input)?, bytes(&mut input)?);
                match name.as_slice() {
                    b"avro.schema" => schema = Some(value),
                    b"avro.codec" => codec = Codec::of(&value)?,
                    _ => {}
                }
            }
        }
        let schema = schema.ok_or("its header has no schema")?;
        let sync = array(&mut input)?;
        let mut header = MAGIC.to_vec();
        put_long(&mut header, 1);
        put_bytes(&mut header, b"avro.schema");
        put_bytes(&mut header, &schema);
        put_long(&mut header, 0);
        header.extend(sync);
        Ok(Self {
            input,
            codec,
            sync,
            header,
        })
    }

    /// The header of an uncompressed file with the same schema: a file without rows.
    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The next block that has rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Block>, String> {
        loop {
            if self.input.fill_buf().map_err(|error| error.to_string())?.is_empty() {
                return Ok(None);
            }
            let rows = long(&mut self.input)?;
            let stored = bytes(&mut self.input)?;
            let sync: [u8; 16] = array(&mut self.input)?;
            if sync != self.sync {
                return Err("a block does not end with the file's own marker".to_owned());
            }
            let data = self.codec.decompress(stored)?;
            let rows = usize::try_from(rows).ok().filter(|rows| *rows <= data.len());
            let rows = rows.ok_or("a block claims more rows than it has bytes")?;
            if rows == 0 {
                continue;
            }
            let mut file = self.header.clone();
            put_long(&mut file, rows as i64);
            put_bytes(&mut file, &data);
            file.extend(self.sync);
            return Ok(Some(Block { rows, file }));
        }
    }
}

impl Codec {
    fn of(name: &[u8]) -> Result<Self, String> {
        match name {
            b"null" | b"" => Ok(Self::Null),
            b"deflate" => Ok(Self::Deflate),
            b"snappy" => Ok(Self::Snappy),
            b"zstandard" => Ok(Self::Zstandard),
            other => Err(format!(
                "its blocks are compressed by `{}`; null, deflate, snappy and zstandard are known",
                String::from_utf8_lossy(other)
            )),
        }
    }

    fn decompress(self, stored: Vec<u8>) -> Result<Vec<u8>, String> {
        let most = MOST_BLOCK_BYTES.max(stored.len() as u64 * MOST_COMPRESSION);
        let bounded = |reader: &mut dyn Read| {
            let mut data = Vec::new();
            reader
                .take(most + 1)
                .read_to_end(&mut data)
                .map_err(|error| format!("a block cannot be decompressed: {error}"))?;
            match data.len() as u64 > most {
                true => Err(format!("a block of {} bytes is longer than {most} bytes", stored.len())),
                false => Ok(data),
            }
        };
        match self {
            Self::Null => Ok(stored),
            Self::Deflate => bounded(&mut flate2::read::DeflateDecoder::new(stored.as_slice())),
            Self::Zstandard => {
                let mut decoder = zstd::Decoder::new(stored.as_slice()).map_err(|error| error.to_string())?;
                bounded(&mut decoder)
            }
            Self::Snappy => {
                // The sum of the data, in four bytes after it, is not compared: a receipt's hash is.
                let data = stored.len().checked_sub(4).and_then(|end| stored.get(..end));
                let data = data.ok_or("a block is too short")?;
                let wrong = |error: snap::Error| format!("a block cannot be decompressed: {error}");
                if snap::raw::decompress_len(data).map_err(wrong)? as u64 > most {
                    return Err(format!(
                        "a block of {} bytes claims to be longer than {most} bytes",
                        data.len()
                    ));
                }
                snap::raw::Decoder::new().decompress_vec(data).map_err(wrong)
            }
        }
    }
}

fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    input
        .read_exact(&mut bytes)
        .map_err(|_| "it ends too early".to_owned())?;
    Ok(bytes)
}

/// A zigzag number of seven bits for each byte.
fn long(input: &mut impl Read) -> Result<i64, String> {
    let mut number = 0_u64;
    for shift in (0..70).step_by(7) {
        let [byte] = array(input)?;
        number |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
        }
    }
    Err("a number is longer than ten bytes".to_owned())
}

fn bytes(input: &mut impl Read) -> Result<Vec<u8>, String> {
    let length = u64::try_from(long(input)?).map_err(|_| "a length is negative".to_owned())?;
    if length > ROW_BYTES as u64 {
        return Err(format!(
            "a block or a text of the header claims {length} bytes, more than 64 MiB"
        ));
    }
    let mut bytes = Vec::new();
    // What is claimed is not allocated before it is there.
    let read = input
        .take(length)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    match read as u64 == length {
        true => Ok(bytes),
        false => Err("it ends too early".to_owned()),
    }
}

fn put_long(output: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        output.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    output.push(rest as u8);
}

fn put_bytes(output: &mut Vec<u8>, bytes: &[u8]) {
    put_long(output, bytes.len() as i64);
    output.extend_from_slice(bytes);
}
