//! Uploads in parts.

use super::BucketStore;
use crate::error::error;
use crate::store::{Reader, Upload, Written, version_of};
use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use larder_io_core::{Error, ErrorKind, Precondition, Result, Version, WriteId};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, MultipartUpload, PutPayload};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The parts of one upload, sent through object_store and collected for the vendor's own completion.
pub struct Parts<M> {
    store: Arc<M>,
    path: Path,
    id: MultipartId,
    first: usize,
    next: usize,
    sent: Arc<Mutex<Vec<Option<PartId>>>>,
}

impl<M: MultipartStore> Parts<M> {
    /// Parts of the upload `id` of the whole path (prefix included), numbered from `first`.
    pub fn new(store: Arc<M>, path: Path, id: MultipartId, first: usize) -> Self {
        Self {
            store,
            path,
            id,
            first,
            next: 0,
            sent: Arc::default(),
        }
    }

    /// Sends the next part.
    pub fn send(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>> {
        let index = self.next;
        self.next += 1;
        let (store, path, id, sent) = (
            Arc::clone(&self.store),
            self.path.clone(),
            self.id.clone(),
            Arc::clone(&self.sent),
        );
        let number = self.first.wrapping_add(index);
        async move {
            let part = store.put_part(&path, &id, number, part).await.map_err(error)?;
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            let len = sent.len().max(index + 1);
            sent.resize_with(len, || None);
            sent[index] = Some(part);
            Ok(())
        }
        .boxed()
    }

    /// The parts in order.
    ///
    /// # Errors
    /// `Unexpected` when one was not sent.
    pub fn sent(&self) -> Result<Vec<PartId>> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Option<Vec<PartId>> = sent.iter().cloned().collect();
        all.filter(|parts| parts.len() == self.next)
            .ok_or_else(|| Error::new(ErrorKind::Unexpected, "a part of the upload was never sent"))
    }

    /// The store.
    pub fn store(&self) -> &Arc<M> {
        &self.store
    }

    /// The whole path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The vendor's id of the upload.
    pub fn id(&self) -> &MultipartId {
        &self.id
    }
}

impl<M> fmt::Debug for Parts<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({}, {} sent)", self.path, self.next)
    }
}

/// An upload as object_store has it: completed whatever is there.
pub(crate) struct PlainUpload {
    /// A mutex that is never locked makes the upload `Sync`, which object_store does not ask of it.
    parts: Mutex<Box<dyn MultipartUpload>>,
}

impl PlainUpload {
    pub(crate) fn new(parts: Box<dyn MultipartUpload>) -> Self {
        Self {
            parts: Mutex::new(parts),
        }
    }

    fn parts(&mut self) -> &mut Box<dyn MultipartUpload> {
        self.parts.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Upload for PlainUpload {
    fn write(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>> {
        let part = self.parts().put_part(part);
        async move { part.await.map_err(error) }.boxed()
    }

    async fn complete(&mut self, written: &Written<'_>) -> Result<Version> {
        if *written.precondition != Precondition::None {
            let message = "this store cannot complete an upload under a precondition; store without one, or a value below the part size";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let result = self.parts().complete().await.map_err(error)?;
        // Some servers tell this of buckets without versions here, and nothing on reads.
        version_of(result.e_tag, result.version.filter(|version| version != "null"))
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts().abort().await.map_err(error)
    }
}

/// An upload whose receipt is kept beside the value, unless it can be sent when the upload completes.
pub(super) struct WithReceipt {
    store: BucketStore,
    inner: Box<dyn Upload>,
    path: Path,
    write: String,
    at_completion: bool,
    receipt_stored: bool,
}

impl WithReceipt {
    pub(super) fn new(
        store: BucketStore,
        inner: Box<dyn Upload>,
        path: &Path,
        write: &WriteId,
        at_completion: bool,
    ) -> Self {
        Self {
            store,
            inner,
            path: path.clone(),
            write: write.as_str().to_owned(),
            at_completion,
            receipt_stored: false,
        }
    }
}

#[async_trait]
impl Upload for WithReceipt {
    fn write(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>> {
        self.inner.write(part)
    }

    async fn complete(&mut self, written: &Written<'_>) -> Result<Version> {
        if self.at_completion && self.store.carries(written.receipt) {
            return self.inner.complete(written).await;
        }
        // Before the value: a value without its receipt would be seen by readers, the other way round is garbage.
        self.receipt_stored = true;
        self.store.put_receipt(written).await?;
        self.inner
            .complete(&Written {
                receipt: "",
                ..*written
            })
            .await
    }

    async fn reader(&self) -> Result<Option<Arc<dyn Reader>>> {
        self.inner.reader().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await?;
        // An upload that is gone may have become the value, when the answer was lost: then the receipt is in use. From
        // here on it cannot any more.
        match self.receipt_stored && !self.store.is_published(&self.path, &self.write).await? {
            true => self.store.delete_receipt(&self.write).await,
            false => Ok(()),
        }
    }
}
