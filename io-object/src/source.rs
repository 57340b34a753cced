//! A stored blob as a source.

use crate::store::Reader;
use async_trait::async_trait;
use larder_io_core::{BlobSource, ByteStream, Result};
use std::sync::Arc;

/// A stored blob; every reading reads the version that was opened.
pub(crate) struct StoredBlob(pub(crate) Arc<dyn Reader>);

#[async_trait]
impl BlobSource for StoredBlob {
    fn size(&self) -> Option<u64> {
        Some(self.0.size())
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn open(&self) -> Result<ByteStream> {
        Ok(self.0.stream())
    }
}
