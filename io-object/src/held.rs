//! A staged value whose bytes are in memory, to be read before it is published.

use crate::store::{Reader, within};
use async_trait::async_trait;
use bytes::Bytes;
use larder_io_core::{Result, Version};
use std::ops::Range;

/// Bytes that are not in the store yet.
pub(crate) struct InMemory {
    pub(crate) bytes: Bytes,
    pub(crate) version: Version,
}

#[async_trait]
impl Reader for InMemory {
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
        within(&range, self.size())?;
        Ok(self.bytes.slice(range.start as usize..range.end as usize))
    }

    fn stream(&self) -> larder_io_core::ByteStream {
        Box::pin(futures_util::stream::iter([Ok(self.bytes.clone())]))
    }

    fn map(&self, range: Range<u64>) -> Option<Bytes> {
        self.bytes.get(range.start as usize..range.end as usize)?;
        Some(self.bytes.slice(range.start as usize..range.end as usize))
    }
}
