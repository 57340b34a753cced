//! Buffers that are used again: a part of several megabytes that is freed and made anew for each part costs its page faults
//! each time, and leaves holes in the heap that grow to more than the parts themselves.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that are kept at most; more than are under way at once.
const KEPT: usize = 16;

/// Buffers that wait to be used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// An empty buffer with room for `bytes`.
    pub(super) fn take(&self, bytes: usize) -> Vec<u8> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = kept.unwrap_or_default();
        buffer.reserve_exact(bytes);
        buffer
    }

    /// The bytes of a buffer, which comes back when nobody has them any more.
    pub(super) fn lend(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            buffer,
            pool: self.clone(),
        })
    }
}

struct Lent {
    buffer: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut kept = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_nobody_has_it() {
        let pool = Pool::default();
        let mut buffer = pool.take(100);
        buffer.extend_from_slice(b"abc");
        let at = buffer.as_ptr();
        let lent = pool.lend(buffer);
        let part = lent.slice(1..);
        drop(lent);
        let other = pool.take(10);
        assert_ne!(other.as_ptr(), at, "a slice of it is still there");
        assert_eq!(&part[..], b"bc");
        drop(part);
        let again = pool.take(10);
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
        assert!(again.capacity() >= 100);
    }
}
