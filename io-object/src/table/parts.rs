//! What an encoder writes, in parts on their way to storage.

use crate::sink::part_bytes;
use bytes::Bytes;
use larder_io_core::{Buffered, Usage};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::mpsc;

/// Bytes of the first buffer: small values must not cost a whole part.
const SMALL_BYTES: usize = 64 << 10;

/// Gathers what an encoder writes into parts and hands them over, waiting when nobody takes them.
pub(super) struct PartWriter {
    first_bytes: usize,
    parts: usize,
    filling: Buffer,
    /// Buffers of parts that were written.
    free: Free,
    to_sink: mpsc::Sender<Bytes>,
    usage: Option<Arc<Usage>>,
}

impl PartWriter {
    pub(super) fn new(first_bytes: usize, to_sink: mpsc::Sender<Bytes>, usage: Option<Arc<Usage>>) -> Self {
        Self {
            first_bytes,
            parts: 0,
            filling: Buffer::default(),
            free: Free::default(),
            to_sink,
            usage,
        }
    }

    /// Counts what else is held on the way, if anybody asks.
    pub(super) fn counter(&self) -> Option<Buffered> {
        self.usage.as_ref().map(Usage::buffer)
    }

    fn send(&mut self) -> io::Result<()> {
        let part = self.free.part(std::mem::take(&mut self.filling));
        self.parts += 1;
        let closed = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the write was stopped");
        self.to_sink.blocking_send(part).map_err(closed)
    }

    /// Hands over what is left.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.filling.bytes.is_empty() {
            true => Ok(()),
            false => self.send(),
        }
    }
}

impl io::Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = part_bytes(self.first_bytes, self.parts);
        if self.filling.bytes.capacity() == 0
            && let Some(free) = self.free.take(limit)
        {
            self.filling = free;
        }
        let length = self.filling.bytes.len();
        let taken = bytes.len().min(limit - length);
        if length + taken > self.filling.bytes.capacity() {
            let wanted = match self.parts {
                0 => (length + taken).max(length * 2).max(SMALL_BYTES).min(limit),
                _ => limit,
            };
            self.filling.bytes.reserve_exact(wanted - length);
            let counter = self.counter();
            self.filling.count(counter);
        }
        self.filling.bytes.extend_from_slice(&bytes[..taken]);
        if self.filling.bytes.len() == limit {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Memory of a part, with what counts it.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    held: Option<Buffered>,
}

impl Buffer {
    /// Tells what it holds now, by a counter if it has none yet.
    fn count(&mut self, counter: Option<Buffered>) {
        self.held = self.held.take().or(counter);
        if let Some(held) = &mut self.held {
            held.set(self.bytes.capacity() as u64);
        }
    }
}

/// Buffers that parts gave back, no more than there were parts at once. One thread fills a part and another drops it, where an allocator gives little back
/// to others.
#[derive(Debug, Default)]
struct Free(Arc<Mutex<Vec<Buffer>>>);

impl Free {
    /// One of so many bytes or more. What is too small is dropped: parts grow.
    fn take(&self, bytes: usize) -> Option<Buffer> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.retain(|buffer| buffer.bytes.capacity() >= bytes);
        free.pop()
    }

    /// Bytes that give their buffer back once nobody has them, while there is anybody to use it.
    fn part(&self, buffer: Buffer) -> Bytes {
        Bytes::from_owner(Lent {
            buffer,
            to: Arc::downgrade(&self.0),
        })
    }
}

struct Lent {
    buffer: Buffer,
    to: Weak<Mutex<Vec<Buffer>>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(free) = self.to.upgrade() {
            self.buffer.bytes.clear();
            let buffer = std::mem::take(&mut self.buffer);
            free.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn buffers_come_back_when_their_parts_are_gone() {
        let (to_sink, mut from_writer) = mpsc::channel(8);
        let usage = Arc::<Usage>::default();
        let mut writer = PartWriter::new(100_000, to_sink, Some(Arc::clone(&usage)));
        let (mut written, mut read) = (Vec::new(), 0);
        let mut held: Option<(Bytes, Vec<u8>)> = None;
        for number in 0..20_u8 {
            let bytes = vec![number; 50_000];
            written.extend_from_slice(&bytes);
            writer.write_all(&bytes).expect("is taken");
            while let Ok(part) = from_writer.try_recv() {
                let here = written[read..read + part.len()].to_vec();
                assert_eq!(part, here);
                read += part.len();
                if let Some((before, was)) = held.replace((part, here)) {
                    assert_eq!(before, was, "a part that is held is not written over");
                }
            }
        }
        assert_eq!(read, written.len());
        let free = Arc::clone(&writer.free.0);
        let kept = |free: &Mutex<Vec<Buffer>>| free.lock().expect("is not poisoned").len();
        assert_eq!(kept(&free), 1, "one is filled while another is held");
        assert_eq!(usage.most_buffered(), 200_000, "both, at their limit");
        drop((writer, free));
        drop(held);
        let last = usage.buffer().of(200_000);
        assert_eq!(
            usage.most_buffered(),
            200_000,
            "nothing outlives the writer and its parts"
        );
        drop(last);
    }

    #[test]
    fn a_part_that_grew_gets_a_buffer_that_holds_it() {
        let free = Free::default();
        let of = |bytes| Buffer {
            bytes: Vec::with_capacity(bytes),
            held: None,
        };
        drop(free.part(of(10)));
        assert!(free.take(100).is_none());
        drop(free.part(of(100)));
        assert!(free.take(50).expect("is there").bytes.capacity() >= 100);
        assert!(
            free.0.lock().expect("is not poisoned").is_empty(),
            "one too small was dropped"
        );
    }
}
