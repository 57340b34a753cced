//! Stores whose requests are counted for one value.

use crate::marks::Marks;
use crate::store::{Reader, Upload, Written};
use crate::vendor::{Requests, Unfinished, Vendor, VendorFeatures};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use larder_io_core::{Finding, Precondition, Result, Usage, Version, WriteId};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result as Stored, UploadPart,
};
use std::fmt;
use std::sync::Arc;

/// A store of which each call counts as a request, and each page of a list.
pub(crate) struct Counted {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) requests: Requests,
    pub(crate) usage: Arc<Usage>,
}

impl Counted {
    /// Counts the pages of a list as they come.
    fn pages<T: 'static>(&self, entries: BoxStream<'static, T>) -> BoxStream<'static, T> {
        self.usage.add_requests(1);
        let (usage, page, mut seen) = (Arc::clone(&self.usage), self.requests.page, 0);
        let counted = entries.inspect(move |_| {
            seen += 1;
            if seen > page {
                usage.add_requests(1);
                seen = 1;
            }
        });
        counted.boxed()
    }
}

/// Without the client, which would show the proxy's password.
impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Stored<PutResult> {
        self.usage.add_requests(1);
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Stored<Box<dyn MultipartUpload>> {
        self.usage.add_requests(self.requests.begin);
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(CountedParts {
            inner,
            abort: self.requests.begin,
            usage: Arc::clone(&self.usage),
        }))
    }

    // Without `get_ranges`: what it is made of comes through here.
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Stored<GetResult> {
        self.usage.add_requests(1);
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Stored<Path>>) -> BoxStream<'static, Stored<Path>> {
        let usage = Arc::clone(&self.usage);
        let counted = locations.inspect(move |_| usage.add_requests(1));
        self.inner.delete_stream(counted.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Stored<ObjectMeta>> {
        self.pages(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Stored<ObjectMeta>> {
        self.pages(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Stored<ListResult> {
        self.usage.add_requests(1);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Stored<()> {
        self.usage.add_requests(1);
        self.inner.copy_opts(from, to, options).await
    }
}

struct CountedParts {
    inner: Box<dyn MultipartUpload>,
    abort: u64,
    usage: Arc<Usage>,
}

impl fmt::Debug for CountedParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl MultipartUpload for CountedParts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.usage.add_requests(1);
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Stored<PutResult> {
        self.usage.add_requests(1);
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Stored<()> {
        self.usage.add_requests(self.abort);
        self.inner.abort().await
    }
}

/// A vendor of which each call counts as a request.
#[derive(Debug)]
pub(crate) struct CountedVendor {
    pub(crate) inner: Arc<dyn Vendor>,
    pub(crate) usage: Arc<Usage>,
}

#[async_trait]
impl Vendor for CountedVendor {
    fn features(&self) -> VendorFeatures {
        self.inner.features()
    }

    async fn begin(&self, path: &Path, marks: &Marks, write: &WriteId) -> Result<Box<dyn Upload>> {
        let requests = self.inner.features().requests;
        self.usage.add_requests(requests.begin);
        let inner = self.inner.begin(path, marks, write).await?;
        Ok(Box::new(CountedUpload {
            inner,
            requests,
            usage: Arc::clone(&self.usage),
        }))
    }

    async fn copy(
        &self,
        from: &Path,
        version: Option<&Version>,
        to: &Path,
        precondition: &Precondition,
    ) -> Result<Version> {
        self.usage.add_requests(1);
        self.inner.copy(from, version, to, precondition).await
    }

    async fn versions(&self, path: &Path) -> Result<Vec<Version>> {
        self.usage.add_requests(1);
        self.inner.versions(path).await
    }

    async fn remove(&self, path: &Path, version: &Version) -> Result<()> {
        self.usage.add_requests(1);
        self.inner.remove(path, version).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        self.usage.add_requests(1);
        self.inner.unfinished().await
    }

    async fn abort(&self, upload: &Unfinished) -> Result<()> {
        self.usage.add_requests(1);
        self.inner.abort(upload).await
    }

    async fn purge(&self, path: &Path) -> Result<()> {
        self.usage.add_requests(1);
        self.inner.purge(path).await
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        self.usage.add_requests(1);
        self.inner.survey().await
    }
}

struct CountedUpload {
    inner: Box<dyn Upload>,
    requests: Requests,
    usage: Arc<Usage>,
}

#[async_trait]
impl Upload for CountedUpload {
    fn write(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>> {
        self.usage.add_requests(1);
        self.inner.write(part)
    }

    async fn complete(&mut self, written: &Written<'_>) -> Result<Version> {
        self.usage.add_requests(self.requests.complete);
        self.inner.complete(written).await
    }

    async fn reader(&self) -> Result<Option<Arc<dyn Reader>>> {
        self.inner.reader().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.usage.add_requests(self.requests.begin);
        self.inner.abort().await
    }
}
