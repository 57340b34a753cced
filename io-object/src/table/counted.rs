//! A file for the tests of formats.

use crate::store::Reader;
use async_trait::async_trait;
use bytes::Bytes;
use larder_io_core::{ByteStream, Result, Version};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file in memory that counts what is read of it.
pub(super) struct Counted {
    bytes: Bytes,
    version: Version,
    read: Arc<AtomicU64>,
}

impl Counted {
    /// A reader of `bytes`, and the bytes that were read through it.
    pub(super) fn reader(bytes: &Bytes) -> (Arc<dyn Reader>, Arc<AtomicU64>) {
        let read = Arc::new(AtomicU64::new(0));
        let reader = Self {
            bytes: bytes.clone(),
            version: Version::from_text("1"),
            read: Arc::clone(&read),
        };
        (Arc::new(reader), read)
    }
}

#[async_trait]
impl Reader for Counted {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn version(&self) -> &Version {
        &self.version
    }

    fn modified_millis(&self) -> i64 {
        0
    }

    fn receipt(&self) -> Option<&str> {
        None
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
        Ok(self.bytes.slice(range.start as usize..range.end as usize))
    }

    fn stream(&self) -> ByteStream {
        Box::pin(futures_util::stream::iter([Ok(self.bytes.clone())]))
    }
}
