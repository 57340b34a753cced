//! Large values: put together under `.larder/uploads`, published by a rewrite that takes a precondition and the receipt.

use super::Api;
use super::copy::Rewrite;
use super::http::encoded;
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use http::Method;
use larder_io_core::{Error, ErrorKind, Result, Version, WriteId};
use larder_io_object::error::error;
use larder_io_object::store::{Purpose, RECEIPT_ATTRIBUTE, Reader, Store, WRITE_ATTRIBUTE, version_of};
use larder_io_object::{Marks, Parts, UPLOADS, Upload, Written};
use object_store::gcp::GoogleCloudStorage;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{Attribute, GetOptions, ObjectStore, ObjectStoreExt, PutPayload};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OnceCell;

impl Api {
    pub(super) async fn begin_upload(&self, path: &Path, marks: &Marks, write: &WriteId) -> Result<Box<dyn Upload>> {
        let staged = Path::from(UPLOADS).join(write.as_str());
        let whole = self.whole(&staged);
        let id = self.objects.create_multipart(&whole).await.map_err(error)?;
        Ok(Box::new(Joined {
            api: self.clone(),
            to: self.whole(path),
            staged,
            marks: marks.clone(),
            parts: Parts::new(Arc::clone(&self.objects), whole, id, 0),
            tried: AtomicBool::new(false),
            joined: OnceCell::new(),
            published: None,
        }))
    }

    /// Aborts an upload; one that is gone counts as aborted.
    pub(super) async fn abort_upload(&self, whole: &Path, id: &str) -> Result<()> {
        gone(self.objects.abort_multipart(whole, &id.to_owned()).await.map_err(error))
    }

    /// Deletes one generation for good, also where the bucket keeps old ones; one that is gone counts as deleted.
    pub(super) async fn delete_generation(&self, whole: &Path, generation: &str) -> Result<()> {
        let (bucket, key) = (encoded(&self.bucket), encoded(whole.as_ref()));
        let path = format!("/storage/v1/b/{bucket}/o/{key}?generation={generation}");
        gone(
            self.http
                .send(Method::DELETE, &path, None, "removing a generation")
                .await
                .map(drop),
        )
    }

    /// The generation of an object that is not described any further.
    async fn live(&self, whole: &Path) -> Result<Option<String>> {
        match self.objects.head(whole).await {
            Ok(meta) => Ok(meta.version),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(other) => Err(error(other)),
        }
    }
}

fn gone(done: Result<()>) -> Result<()> {
    match done {
        Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// One upload.
struct Joined {
    api: Api,
    /// Where it is published.
    to: Path,
    /// Where it is put together, without the prefix.
    staged: Path,
    marks: Marks,
    parts: Parts<GoogleCloudStorage>,
    /// Whether putting it together was tried.
    tried: AtomicBool,
    /// The generation of what was put together.
    joined: OnceCell<String>,
    /// The generation that was published.
    published: Option<String>,
}

impl Joined {
    /// Puts the parts together, once.
    async fn join(&self) -> Result<&String> {
        self.joined.get_or_try_init(|| self.try_join()).await
    }

    async fn try_join(&self) -> Result<String> {
        self.tried.store(true, Ordering::Relaxed);
        let whole = self.parts.path();
        let parts = self.parts.sent()?;
        let generation = match self
            .api
            .objects
            .complete_multipart(whole, self.parts.id(), parts)
            .await
            .map_err(error)
        {
            Ok(done) => done.version,
            // An attempt before this one may have done it.
            Err(failed) if failed.kind() == ErrorKind::NotFound => return self.api.live(whole).await?.ok_or(failed),
            Err(failed) => return Err(failed),
        };
        generation.ok_or_else(|| {
            Error::new(
                ErrorKind::Unexpected,
                "the storage completed an upload and told no generation",
            )
        })
    }

    /// What the published value is described as, the receipt among it.
    fn description(&self, written: &Written<'_>) -> Value {
        let mut metadata = Map::new();
        let mut description = json!({ "contentType": "application/octet-stream" });
        for (name, value) in &self.marks.attributes {
            match name {
                Attribute::Metadata(name) => drop(metadata.insert(name.to_string(), value.as_ref().into())),
                Attribute::StorageClass => description["storageClass"] = value.as_ref().into(),
                Attribute::ContentType => description["contentType"] = value.as_ref().into(),
                _ => {}
            }
        }
        // One that is too large for metadata lies beside the value, under the write id.
        let (name, value) = match written.receipt {
            "" => (WRITE_ATTRIBUTE, written.write.as_str()),
            receipt => (RECEIPT_ATTRIBUTE, receipt),
        };
        metadata.insert(name.to_owned(), value.into());
        description["metadata"] = metadata.into();
        description
    }

    /// Whether this very write is what is published: an answer may have been lost.
    async fn landed(&self, written: &Written<'_>) -> Option<Version> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let got = self.api.objects.get_opts(&self.to, options).await.ok()?;
        let is = |name: &'static str, value: &str| {
            got.attributes
                .get(&Attribute::Metadata(name.into()))
                .is_some_and(|found| found.as_ref() == value)
        };
        let ours = is(RECEIPT_ATTRIBUTE, written.receipt) || is(WRITE_ATTRIBUTE, written.write.as_str());
        ours.then(|| version_of(got.meta.e_tag.clone(), got.meta.version.clone()).ok())
            .flatten()
    }

    /// Removes what was put together; what stays, gc finds.
    async fn clean(&self) {
        if let Some(generation) = self.joined.get() {
            let _ = self.api.delete_generation(self.parts.path(), generation).await;
        }
    }
}

#[async_trait]
impl Upload for Joined {
    fn write(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>> {
        self.parts.send(part)
    }

    async fn complete(&mut self, written: &Written<'_>) -> Result<Version> {
        if let Some(generation) = self.published.clone() {
            return self.api.version_at(&self.to, generation).await;
        }
        let generation = self.join().await?.clone();
        let rewrite = Rewrite {
            bucket: &self.api.bucket,
            from: self.parts.path(),
            generation: Some(&generation),
            to: &self.to,
            precondition: written.precondition,
            description: Some(self.description(written)),
            kms_key_name: self.api.config.kms_key_name.as_deref(),
        };
        match rewrite.run(&self.api.http).await {
            Ok(generation) => {
                self.published = Some(generation.clone());
                self.clean().await;
                self.api.version_at(&self.to, generation).await
            }
            Err(failed) => {
                let version = self.landed(written).await.ok_or(failed)?;
                self.clean().await;
                Ok(version)
            }
        }
    }

    async fn reader(&self) -> Result<Option<Arc<dyn Reader>>> {
        self.join().await?;
        self.api.plain.open(&self.staged, None, Purpose::Footer).await.map(Some)
    }

    async fn abort(&mut self) -> Result<()> {
        let whole = self.parts.path();
        if let Some(generation) = self.joined.get() {
            return self.api.delete_generation(whole, generation).await;
        }
        self.api.abort_upload(whole, self.parts.id()).await?;
        if !self.tried.load(Ordering::Relaxed) {
            return Ok(());
        }
        // It may have been put together, and the answer lost.
        match self.api.live(whole).await? {
            Some(generation) => self.api.delete_generation(whole, &generation).await,
            None => Ok(()),
        }
    }
}
