//! The bytes of a pickle, taken piece by piece; what they claim is checked against what is left.

use super::decode::utf8;
use super::{Error, shown};

/// A place in the bytes of a pickle.
#[derive(Debug)]
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the frame at hand ends, or has ended.
    frame: usize,
}

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, frame: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length);
        match end.and_then(|end| Some((end, self.bytes.get(self.at..end)?))) {
            Some((end, _)) if self.at < self.frame && self.frame < end => {
                Err(Error::new("a value goes beyond the frame it lies in"))
            }
            Some((end, bytes)) => {
                self.at = end;
                Ok(bytes)
            }
            None => Err(Error::new(format!(
                "the pickle is cut short: {length} bytes needed, {} left",
                self.left()
            ))),
        }
    }

    /// Takes the length of a frame, which must be there whole and not lie in another.
    pub(super) fn begin_frame(&mut self) -> Result<(), Error> {
        let length = self.length::<8>()?;
        if self.at < self.frame {
            return Err(Error::new("a frame begins within another"));
        }
        if length > self.left() {
            return Err(Error::new(format!(
                "the pickle is cut short: a frame of {length} bytes is not there"
            )));
        }
        self.frame = self.at.saturating_add(length);
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?
            .try_into()
            .map_err(|_| Error::new("the pickle is cut short"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Error> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, Error> {
        self.array().map(f64::from_be_bytes)
    }

    /// Takes a length of `N` bytes, and then that many bytes.
    pub(super) fn sized<const N: usize>(&mut self) -> Result<&'a [u8], Error> {
        let length = self.length::<N>()?;
        self.take(length)
    }

    /// Takes a length of `N` bytes, at most 8.
    fn length<const N: usize>(&mut self) -> Result<usize, Error> {
        let bytes = self.array::<N>()?;
        let length = bytes
            .iter()
            .rev()
            .fold(0, |length: u64, byte| (length << 8) | u64::from(*byte));
        usize::try_from(length).map_err(|_| Error::new(format!("a length of {length} bytes is past the end")))
    }

    /// Takes the bytes up to the next line feed, which is taken too but not given.
    pub(super) fn line(&mut self) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return Err(Error::new("the pickle is cut short: a line does not end"));
        };
        let line = self.take(length.saturating_add(1))?;
        Ok(line.get(..length).unwrap_or_default())
    }

    /// Takes a line of text.
    pub(super) fn text_line(&mut self) -> Result<&'a str, Error> {
        utf8(self.line()?)
    }

    /// Takes a line that is a decimal number.
    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T, Error> {
        let line = self.text_line()?;
        line.parse()
            .map_err(|_| Error::new(format!("`{}` is no number that fits here", shown(line))))
    }
}
