//! What storing or loading a value takes of the storage and of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What managers count for whoever hands it to them in a context: requests, and the bytes that they hold in buffers of their own.
///
/// A manager that is not reached by requests counts none; one that does not know what it holds tells nothing of it.
#[derive(Debug, Default)]
pub struct Usage {
    requests: AtomicU64,
    buffered: AtomicU64,
    most_buffered: AtomicU64,
}

impl Usage {
    /// Counts requests that are sent.
    pub fn add_requests(&self, count: u64) {
        self.requests.fetch_add(count, Ordering::Relaxed);
    }

    /// Requests that were sent so far; those that a client repeated by itself count once.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The most bytes that were held at one moment. Not the value itself, nor the asset's own memory: what is encoded and waits to be sent, was read
    /// to be decoded, and is decoded and waits to be taken.
    pub fn most_buffered(&self) -> u64 {
        self.most_buffered.load(Ordering::Relaxed)
    }

    /// A buffer, empty as yet.
    pub fn buffer(self: &Arc<Self>) -> Buffered {
        Buffered {
            usage: Arc::clone(self),
            bytes: 0,
        }
    }
}

/// Bytes that somebody holds; none any more when it is dropped.
#[derive(Debug)]
pub struct Buffered {
    usage: Arc<Usage>,
    bytes: u64,
}

impl Buffered {
    /// So many bytes are held now.
    pub fn set(&mut self, bytes: u64) {
        let now = match bytes.checked_sub(self.bytes) {
            Some(more) => self.usage.buffered.fetch_add(more, Ordering::Relaxed) + more,
            None => {
                self.usage.buffered.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
                0
            }
        };
        self.bytes = bytes;
        self.usage.most_buffered.fetch_max(now, Ordering::Relaxed);
    }

    /// One that holds so many bytes.
    #[must_use]
    pub fn of(mut self, bytes: u64) -> Self {
        self.set(bytes);
        self
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_what_was_held_at_one_moment() {
        let usage = Arc::<Usage>::default();
        let mut one = usage.buffer().of(10);
        let other = usage.buffer().of(5);
        one.set(2);
        drop(other);
        one.set(8);
        assert_eq!(usage.most_buffered(), 15);
        drop(one);
        let _last = usage.buffer().of(15);
        assert_eq!(usage.most_buffered(), 15, "nothing of the others is held any more");
    }
}
