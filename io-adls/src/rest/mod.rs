//! The Blob API over plain HTTP, for what object_store has no words for.
//! <https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-rest-api>

mod client;
mod copy;
mod list;
mod sas;
mod survey;
mod upload;

pub(crate) use client::Api;

use crate::config::AdlsConfig;
use crate::signed::Signed;
use async_trait::async_trait;
use client::Headers;
use larder_io_core::{Finding, Precondition, Result, Version, WriteId};
use larder_io_object::{Marks, Upload, Vendor, VendorFeatures};
use object_store::azure::{AzureCredentialProvider, MicrosoftAzure};
use object_store::path::Path;
use std::fmt;
use std::sync::Arc;

/// The extras of one container and prefix.
#[derive(Clone)]
pub(crate) struct Rest {
    api: Api,
    objects: Arc<MicrosoftAzure>,
    prefix: Path,
    provider: Option<AzureCredentialProvider>,
    config: Arc<AdlsConfig>,
}

impl Rest {
    pub(crate) fn new(
        config: &AdlsConfig,
        signed: &Signed,
        api: Api,
        objects: Arc<MicrosoftAzure>,
        prefix: Path,
    ) -> Self {
        Self {
            api,
            objects,
            prefix,
            provider: signed.provider().cloned(),
            config: Arc::new(config.clone()),
        }
    }

    fn whole(&self, path: &Path) -> Path {
        Path::from_iter(self.prefix.parts().chain(path.parts()))
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rest({:?}/{})", self.api, self.prefix)
    }
}

/// `If-Match` and `If-None-Match`.
fn conditions(precondition: &Precondition) -> Headers {
    let pair = |name: &str, value: String| vec![(name.to_owned(), value)];
    match precondition {
        Precondition::None => Headers::new(),
        Precondition::Absent => pair("if-none-match", "*".to_owned()),
        Precondition::Unchanged(version) => {
            let e_tag = larder_io_object::store::parts_of(version).0;
            e_tag.map_or_else(Headers::new, |e_tag| pair("if-match", e_tag))
        }
    }
}

#[async_trait]
impl Vendor for Rest {
    fn features(&self) -> VendorFeatures {
        let mut features = VendorFeatures::default();
        features.uploads = self.config.preconditions;
        features.receipt_at_completion = true;
        features.versions = true;
        // Uncommitted blocks can be listed by the blob's name alone, and removed only by writing to that name.
        features.unfinished = false;
        // Blocks are sent without a beginning, and are forgotten by themselves.
        // <https://learn.microsoft.com/en-us/rest/api/storageservices/put-block#remarks>
        features.requests.begin = 0;
        // <https://learn.microsoft.com/en-us/rest/api/storageservices/list-blobs#uri-parameters>
        features.requests.page = 5000;
        features
    }

    async fn begin(&self, path: &Path, marks: &Marks, _: &WriteId) -> Result<Box<dyn Upload>> {
        crate::objects::representable(path)?;
        Ok(self.begin_upload(path, marks))
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

    async fn survey(&self) -> Result<Vec<Finding>> {
        self.look_around().await
    }
}
