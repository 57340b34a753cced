//! Files that somebody else wrote below the same ground.

use super::reader::FileReader;
use super::{TableFile, TableFiles};
use crate::error::error;
use crate::sink::Sink;
use crate::table::ParquetSource;
use futures_util::TryStreamExt;
use larder_io_core::{Error, ErrorKind, Result, WriteId};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use std::sync::Arc;

impl TableFiles {
    /// Makes a Parquet file that others wrote, and may write again, one of its own: its bytes are copied as they are, hashed, and as durable as all
    /// that is written here. The other one stays.
    ///
    /// # Errors
    /// `NotFound` when it is not there; `InvalidData` when it has another size than was said, or is no Parquet file; whatever the storage gives.
    ///
    /// # Cancel safety
    /// As [`TableFiles::write`].
    pub async fn adopt(&self, path: &Path, write: &WriteId, from: &Path, bytes: u64) -> Result<TableFile> {
        let found = self.ground().objects.get(from).await.map_err(error)?;
        if found.meta.size != bytes {
            let message = format!(
                "`{from}` has {} bytes, not the {bytes} that were written",
                found.meta.size
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        let mut chunks = found.into_stream();
        let mut sink = Sink::new(&self.core, path.clone(), write.clone());
        let copied = async {
            while let Some(chunk) = chunks.try_next().await.map_err(error)? {
                sink.push(chunk).await?;
            }
            Ok(())
        };
        if let Err(failed) = copied.await {
            sink.abort().await;
            return Err(failed);
        }
        let (copied, stored_hash) = self.settle(sink, path, write).await?;
        let source = ParquetSource::open(Arc::new(FileReader::new(self.ground(), path.clone(), copied))).await?;
        let metadata = source.metadata();
        Ok(TableFile {
            path: path.clone(),
            bytes: copied,
            rows: u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0),
            stored_hash,
            metadata,
        })
    }
}
