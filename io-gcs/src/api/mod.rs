//! What object_store's client of Google Cloud Storage lacks, over plain HTTP.

mod copy;
mod http;
mod settings;
#[cfg(test)]
mod tests;
mod unfinished;
mod upload;
mod versions;

use self::http::Http;
use crate::config::GcsConfig;
use crate::headers::Dressed;
use async_trait::async_trait;
use larder_io_core::{Error, ErrorKind, Finding, Precondition, Result, Version, WriteId};
use larder_io_object::error::error;
use larder_io_object::store::{parts_of, version_of};
use larder_io_object::{BucketStore, Marks, Unfinished, Upload, Vendor, VendorFeatures};
use object_store::gcp::GoogleCloudStorage;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use std::fmt;
use std::sync::Arc;

/// The extras of one bucket and prefix.
#[derive(Clone)]
pub(crate) struct Api {
    http: Http,
    objects: Arc<GoogleCloudStorage>,
    bucket: String,
    prefix: Path,
    config: Arc<GcsConfig>,
    /// The same place without extras, to read what is not published yet.
    plain: BucketStore,
}

impl Api {
    pub(crate) fn new(
        config: &GcsConfig,
        requests: &Dressed,
        objects: Arc<GoogleCloudStorage>,
        prefix: Path,
        plain: BucketStore,
    ) -> Result<Self> {
        let credentials = Arc::clone(objects.credentials());
        Ok(Self {
            http: Http::new(requests.client()?, credentials, config.address().to_owned()),
            objects,
            bucket: config.bucket.clone(),
            prefix,
            config: Arc::new(config.clone()),
            plain,
        })
    }

    /// A path with the prefix.
    fn whole(&self, path: &Path) -> Path {
        self.prefix.parts().chain(path.parts()).collect()
    }

    /// A name without the prefix; `None` when it only begins with the same letters.
    fn below(&self, name: &str) -> Option<Path> {
        let whole = Path::parse(name).ok()?;
        Some(Path::from_iter(whole.prefix_match(&self.prefix)?))
    }

    /// The version of a generation: as reading it tells, because the interfaces of Google have etags of their own.
    async fn version_at(&self, whole: &Path, generation: String) -> Result<Version> {
        let options = GetOptions {
            head: true,
            version: Some(generation.clone()),
            ..GetOptions::default()
        };
        match self.objects.get_opts(whole, options).await {
            Ok(got) => version_of(got.meta.e_tag, Some(generation)),
            // Replaced already, in a bucket that keeps no old generations.
            Err(object_store::Error::NotFound { .. }) => version_of(None, Some(generation)),
            Err(other) => Err(error(other)),
        }
    }
}

/// The generation that must be replaced; 0 stands for "there is none".
fn generation_of(precondition: &Precondition) -> Result<Option<String>> {
    match precondition {
        Precondition::None => Ok(None),
        Precondition::Absent => Ok(Some("0".to_owned())),
        Precondition::Unchanged(version) => match numbered(version) {
            Some(generation) => Ok(Some(generation)),
            None => Err(Error::new(
                ErrorKind::Conflict,
                format!("no generation of the bucket is called `{version}`"),
            )),
        },
    }
}

/// The generation of a version that came from a bucket.
fn numbered(version: &Version) -> Option<String> {
    parts_of(version)
        .1
        .filter(|generation| generation.parse::<u64>().is_ok())
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({}/{})", self.bucket, self.prefix)
    }
}

#[async_trait]
impl Vendor for Api {
    fn features(&self) -> VendorFeatures {
        let mut features = VendorFeatures::default();
        features.uploads = self.config.preconditions;
        features.receipt_at_completion = self.config.preconditions;
        features.versions = true;
        features.unfinished = true;
        features.purge = true;
        // Completed, moved to its place under the precondition, removed where it was, looked at.
        features.requests.complete = 4;
        features
    }

    async fn begin(&self, path: &Path, marks: &Marks, write: &WriteId) -> Result<Box<dyn Upload>> {
        self.begin_upload(path, marks, write).await
    }

    async fn copy(
        &self,
        from: &Path,
        version: Option<&Version>,
        to: &Path,
        precondition: &Precondition,
    ) -> Result<Version> {
        self.copy_any_size(from, version, to, precondition).await
    }

    async fn versions(&self, path: &Path) -> Result<Vec<Version>> {
        self.list_versions(path).await
    }

    async fn remove(&self, path: &Path, version: &Version) -> Result<()> {
        self.remove_version(path, version).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        self.list_unfinished().await
    }

    async fn abort(&self, upload: &Unfinished) -> Result<()> {
        self.abort_upload(&self.whole(&upload.path), &upload.id).await
    }

    async fn purge(&self, path: &Path) -> Result<()> {
        self.delete_generations(path).await
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        self.look_around().await
    }
}
