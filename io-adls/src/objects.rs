//! object_store's client, with deletes of our own.

use crate::rest::Api;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use larder_io_core::ErrorKind;
use object_store::azure::MicrosoftAzure;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Deletes on their way at once.
const AT_ONCE: usize = 8;

/// A container.
#[derive(Debug)]
pub(crate) struct Objects {
    inner: Arc<MicrosoftAzure>,
    api: Api,
}

impl Objects {
    pub(crate) fn new(inner: Arc<MicrosoftAzure>, api: Api) -> Self {
        Self { inner, api }
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

async fn delete(api: Api, path: Path) -> Result<Path> {
    match api.delete(&path, &[]).await {
        Ok(()) => Ok(path),
        Err(missing) if missing.kind() == ErrorKind::NotFound => Err(Error::NotFound {
            path: path.to_string(),
            source: missing.to_string().into(),
        }),
        Err(refused) => Err(wrapped(refused)),
    }
}

fn wrapped(error: larder_io_core::Error) -> Error {
    Error::Generic {
        store: "MicrosoftAzure",
        source: Box::new(error),
    }
}

/// Refuses names that Azure would change: it drops dots at the end of a segment.
/// <https://learn.microsoft.com/en-us/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#blob-names>
pub(crate) fn representable(path: &Path) -> larder_io_core::Result<()> {
    match path.parts().find(|part| part.as_ref().ends_with('.')) {
        Some(part) => {
            let message = format!(
                "Azure cannot have `{path}`: the segment `{}` ends with a dot; rename it",
                part.as_ref()
            );
            Err(larder_io_core::Error::new(ErrorKind::InvalidDefinition, message))
        }
        None => Ok(()),
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        representable(location).map_err(wrapped)?;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let api = self.api.clone();
        let deleted = locations.map(move |location| {
            let api = api.clone();
            async move { delete(api, location?).await }
        });
        deleted.buffered(AT_ONCE).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
