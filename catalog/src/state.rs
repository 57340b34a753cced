//! The slim view of a partition, of which there may be a million.
//!
//! States are kept packed, many to a block, in the order of their partitions' texts: a row of the database for each would take
//! several times as long to read as there is time for.

use crate::partition_from_text;
use crate::time::from_micros;
use jiff::Timestamp;
use larder_io_core::{Error, ErrorKind, PartitionKey, Result};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What is known of one partition now, or of an asset without partitions. Cloning copies a pointer.
#[derive(Clone)]
pub struct State {
    block: Arc<Vec<u8>>,
    start: u32,
}

impl State {
    /// The partition; `None` for an asset without partitions.
    ///
    /// # Errors
    /// `InvalidData` when the catalogue is damaged.
    pub fn partition(&self) -> Result<Option<PartitionKey>> {
        partition_from_text(self.partition_text())
    }

    /// The partition as [`partition_text`](crate::partition_text) writes it: to compare it without making a key.
    pub fn partition_text(&self) -> &str {
        self.packed().partition
    }

    /// Whether there is a value: it was materialized, and not deleted since.
    pub fn is_live(&self) -> bool {
        self.packed().event != 0
    }

    /// What tells the value from others; `None` without a value.
    pub fn data_version(&self) -> Option<Cow<'_, str>> {
        self.packed().texts[0].text()
    }

    /// The hash of what the value was computed from; `None` without a value, and where it is not known.
    pub fn fingerprint(&self) -> Option<Cow<'_, str>> {
        self.packed().texts[1].text()
    }

    /// The version of the code that made the value.
    pub fn code_version(&self) -> Option<Cow<'_, str>> {
        self.packed().texts[2].text()
    }

    /// The data version of the last observation since the last materialization.
    pub fn observed(&self) -> Option<Cow<'_, str>> {
        self.packed().texts[3].text()
    }

    /// When the value was published; without a value, when the last thing happened.
    pub fn at(&self) -> Timestamp {
        from_micros(self.packed().at).unwrap_or_default()
    }

    /// Whether the last attempt to make it failed; an older value may be there.
    pub fn failed(&self) -> bool {
        self.packed().failed
    }

    /// The event of the materialization.
    pub(crate) fn event(&self) -> i64 {
        self.packed().event
    }

    fn packed(&self) -> Packed<'_> {
        // Blocks are checked as they are read.
        Packed::read(&mut &self.block[self.start as usize..]).unwrap_or_default()
    }
}

/// Gathers states from blocks into larger ones: thousands of small allocations would take longer than all the rest.
#[derive(Default)]
pub(crate) struct Gathered {
    states: Vec<State>,
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

/// Bytes that are gathered before they are shared. glibc gives memory back to the system at each free of 64 KiB or more, and touching
/// new pages takes longer than all that is put into them.
const GATHER: usize = 32 << 10;

impl Gathered {
    pub(crate) fn add(&mut self, block: &[u8]) -> Result<()> {
        if self.bytes.len() + block.len() > GATHER {
            self.share();
            self.bytes.reserve_exact(GATHER.max(block.len()));
        }
        let base = self.bytes.len();
        let mut rest = block;
        while !rest.is_empty() {
            let start = base + block.len() - rest.len();
            self.starts.push(u32::try_from(start).map_err(|_| damaged())?);
            Packed::read(&mut rest).ok_or_else(damaged)?;
        }
        self.bytes.extend_from_slice(block);
        Ok(())
    }

    fn share(&mut self) {
        let block = Arc::new(std::mem::take(&mut self.bytes));
        let state = |start| State {
            block: Arc::clone(&block),
            start,
        };
        self.states.extend(self.starts.drain(..).map(state));
    }

    pub(crate) fn finish(mut self) -> Vec<State> {
        self.share();
        self.states
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("partition", &self.partition_text())
            .field("data_version", &self.data_version())
            .field("fingerprint", &self.fingerprint())
            .field("code_version", &self.code_version())
            .field("observed", &self.observed())
            .field("at", &self.at())
            .field("failed", &self.failed())
            .finish()
    }
}

pub(crate) fn damaged() -> Error {
    Error::new(
        ErrorKind::InvalidData,
        "the catalogue has a block of states that is none",
    )
}

/// A text; 64 hexadecimal digits take half of their room.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) enum PackedText<'a> {
    #[default]
    None,
    Hash(&'a [u8; 32]),
    Text(&'a str),
}

impl<'a> PackedText<'a> {
    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::None => None,
            Self::Hash(bytes) => {
                let digit = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
                Some(bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect())
            }
            Self::Text(text) => Some(Cow::Borrowed(text)),
        }
    }

    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        Some(match take::<1>(bytes)? {
            [0] => Self::None,
            [1] => Self::Hash(take::<32>(bytes)?),
            [2] => {
                let len = u32::from_le_bytes(*take(bytes)?);
                Self::Text(text(bytes, len as usize)?)
            }
            _ => return None,
        })
    }

    fn write(text: Option<&str>, bytes: &mut Vec<u8>) {
        match (text, text.and_then(unhex)) {
            (None, _) => bytes.push(0),
            (_, Some(hash)) => {
                bytes.push(1);
                bytes.extend_from_slice(&hash);
            }
            (Some(text), None) => {
                bytes.push(2);
                bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// The bytes of 64 lower-case hexadecimal digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(bytes)
}

/// The fields of a state within its block.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Packed<'a> {
    pub(crate) partition: &'a str,
    pub(crate) event: i64,
    pub(crate) at: i64,
    pub(crate) failed: bool,
    texts: [PackedText<'a>; 4],
}

impl<'a> Packed<'a> {
    pub(crate) fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let failed = match take::<1>(bytes)? {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let at = i64::from_le_bytes(*take(bytes)?);
        let event = i64::from_le_bytes(*take(bytes)?);
        let len = u16::from_le_bytes(*take(bytes)?);
        Some(Self {
            failed,
            at,
            event,
            partition: text(bytes, usize::from(len))?,
            texts: [
                PackedText::read(bytes)?,
                PackedText::read(bytes)?,
                PackedText::read(bytes)?,
                PackedText::read(bytes)?,
            ],
        })
    }

    pub(crate) fn to_slot(self) -> Slot {
        let [data_version, fingerprint, code_version, observed] =
            self.texts.map(|text| text.text().map(Cow::into_owned));
        Slot {
            event: self.event,
            at: self.at,
            failed: self.failed,
            data_version,
            fingerprint,
            code_version,
            observed,
        }
    }
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}

fn text<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a str> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    std::str::from_utf8(taken).ok()
}

/// A state that is being changed.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Slot {
    /// The event of the materialization that is live; 0 for none.
    pub(crate) event: i64,
    pub(crate) at: i64,
    pub(crate) failed: bool,
    pub(crate) data_version: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) code_version: Option<String>,
    pub(crate) observed: Option<String>,
}

impl Slot {
    pub(crate) fn write(&self, partition: &str, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.failed));
        bytes.extend_from_slice(&self.at.to_le_bytes());
        bytes.extend_from_slice(&self.event.to_le_bytes());
        // A key has 1,024 bytes at most, and escapes double them.
        bytes.extend_from_slice(&(partition.len() as u16).to_le_bytes());
        bytes.extend_from_slice(partition.as_bytes());
        for text in [
            &self.data_version,
            &self.fingerprint,
            &self.code_version,
            &self.observed,
        ] {
            PackedText::write(text.as_deref(), bytes);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = Option<String>> {
        prop::option::of("[0-9a-f]{64}|[0-9a-fA-F]{63,65}|\\PC{0,9}")
    }

    #[test]
    fn many_blocks_are_gathered_in_order() {
        let mut gathered = Gathered::default();
        for block in 0..60 {
            let mut bytes = Vec::new();
            for number in 0..50 {
                let at = block * 50 + number;
                let slot = Slot {
                    at,
                    observed: Some("o".repeat(at as usize % 90)),
                    ..Slot::default()
                };
                slot.write(&format!("n={at:05}"), &mut bytes);
            }
            gathered.add(&bytes).unwrap();
        }
        let states = gathered.finish();
        assert_eq!(states.len(), 3000);
        for (number, state) in states.iter().enumerate() {
            assert_eq!(state.partition_text(), format!("n={number:05}"));
            assert_eq!(state.observed().unwrap().len(), number % 90);
        }
    }

    proptest! {
        #[test]
        fn a_slot_comes_back(
            partition in "\\PC{0,40}", event in 0_i64.., at in any::<i64>(), failed in any::<bool>(),
            texts in [texts(), texts(), texts(), texts()],
        ) {
            let [data_version, fingerprint, code_version, observed] = texts;
            let slot = Slot { event, at, failed, data_version, fingerprint, code_version, observed };
            let mut bytes = Vec::new();
            slot.write(&partition, &mut bytes);
            let mut rest = &bytes[..];
            let packed = Packed::read(&mut rest).unwrap();
            prop_assert_eq!((packed.partition, rest.len()), (&*partition, 0));
            prop_assert_eq!(packed.to_slot(), slot);
            for len in 1..bytes.len() {
                prop_assert!(Gathered::default().add(&bytes[..len]).is_err());
            }
        }

        #[test]
        fn hostile_blocks_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut gathered = Gathered::default();
            if gathered.add(&bytes).is_ok() {
                gathered.finish().iter().for_each(|state| drop(format!("{state:?} {:?}", state.partition())));
            }
        }
    }
}
