//! Multipart uploads: parts go straight to their place in a staged file.

use crate::error::to_object_store;
use crate::publish::StagedFile;
use crate::store::{DurableFs, blocking, put_result};
use async_trait::async_trait;
use futures_util::FutureExt;
use larder_io_core::{Error, ErrorKind, Precondition, Result};
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, UploadPart};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// An upload of object_store. Parts may be written at once and finish in any order.
pub(crate) struct FileUpload {
    path: Path,
    attributes: BTreeMap<String, String>,
    offset: u64,
    staged: Arc<Mutex<Option<StagedFile>>>,
}

impl FileUpload {
    pub(crate) async fn start(store: &DurableFs, path: Path, attributes: BTreeMap<String, String>) -> Result<Self> {
        // Refuses a bad name before anything is written.
        store.tree.names.public(&path)?;
        let staged = store.blocking(StagedFile::create).await?;
        Ok(Self {
            path,
            attributes,
            offset: 0,
            staged: Arc::new(Mutex::new(Some(staged))),
        })
    }

    async fn with_staged<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Option<StagedFile>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let staged = Arc::clone(&self.staged);
        blocking(move || work(&mut *lock(&staged)?)).await
    }
}

fn lock(staged: &Mutex<Option<StagedFile>>) -> Result<std::sync::MutexGuard<'_, Option<StagedFile>>> {
    staged
        .lock()
        .map_err(|_| Error::new(ErrorKind::Unexpected, "a part of the upload panicked"))
}

fn over() -> Error {
    Error::new(ErrorKind::Unsupported, "the upload was completed or aborted already")
}

impl fmt::Debug for FileUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileUpload({}, {} bytes)", self.path, self.offset)
    }
}

#[async_trait]
impl MultipartUpload for FileUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (mut offset, path) = (self.offset, self.path.clone());
        self.offset += data.content_length() as u64;
        let staged = Arc::clone(&self.staged);
        let write = blocking(move || {
            let mut staged = lock(&staged)?;
            let staged = staged.as_mut().ok_or_else(over)?;
            for chunk in &data {
                staged.write_at(offset, chunk)?;
                offset += chunk.len() as u64;
            }
            Ok(())
        });
        write
            .map(move |result| result.map_err(|error| to_object_store(error, &path)))
            .boxed()
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let (path, attributes) = (self.path.clone(), self.attributes.clone());
        let done = self.with_staged(move |slot| {
            let mut staged = slot.take().ok_or_else(over)?;
            let version = staged.seal(&path, attributes)?;
            staged.publish(&path, &Precondition::None, None)?;
            Ok(put_result(&version))
        });
        done.await.map_err(|error| to_object_store(error, &self.path))
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        let done = self.with_staged(|slot| slot.take().map_or(Ok(()), |mut staged| staged.discard()));
        done.await.map_err(|error| to_object_store(error, &self.path))
    }
}
