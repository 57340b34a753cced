//! AWS's own libraries, for what object_store has no words for.

mod chain;
mod client;
mod copy;
mod upload;
mod versions;

pub(crate) use chain::{Chain, profile_region};

use crate::config::{Encryption, S3Config};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{RequestPayer, ServerSideEncryption};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use larder_io_core::{Error, ErrorKind, Finding, Precondition, Result, Version, WriteId};
use larder_io_object::http::Guard;
use larder_io_object::{Marks, Unfinished, Upload, Vendor, VendorFeatures};
use md5::{Digest, Md5};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The extras of one bucket and prefix.
pub(crate) struct Sdk {
    client: Client,
    objects: Arc<AmazonS3>,
    bucket: String,
    prefix: Path,
    config: S3Config,
    customer: CustomerKey,
    versioned: OnceCell<bool>,
}

/// What requests say of a key of SSE-C: nothing without one.
#[derive(Clone, Default)]
struct CustomerKey {
    algorithm: Option<String>,
    key: Option<String>,
    md5: Option<String>,
}

impl CustomerKey {
    fn new(config: &S3Config) -> Result<Self> {
        let Some(key) = config
            .customer_key
            .as_ref()
            .filter(|_| config.encryption == Encryption::Customer)
        else {
            return Ok(Self::default());
        };
        let raw = BASE64_STANDARD
            .decode(key.expose())
            .ok()
            .filter(|raw| raw.len() == 32)
            .ok_or_else(|| {
                let message = "`customer_key` must be 32 bytes in base64; `openssl rand -base64 32` makes one";
                Error::new(ErrorKind::InvalidConfig, message)
            })?;
        Ok(Self {
            algorithm: Some("AES256".to_owned()),
            key: Some(key.expose().to_owned()),
            md5: Some(BASE64_STANDARD.encode(Md5::digest(&raw))),
        })
    }
}

impl Sdk {
    pub(crate) fn new(
        config: &S3Config,
        guard: &Guard,
        region: &str,
        objects: Arc<AmazonS3>,
        prefix: Path,
    ) -> Result<Self> {
        Ok(Self {
            client: client::make(config, guard, region, &objects)?,
            objects,
            bucket: config.bucket.clone(),
            prefix,
            customer: CustomerKey::new(config)?,
            config: config.clone(),
            versioned: OnceCell::new(),
        })
    }

    /// The whole key of a location.
    fn key(&self, path: &Path) -> String {
        self.whole(path).to_string()
    }

    fn whole(&self, path: &Path) -> Path {
        Path::from_iter(self.prefix.parts().chain(path.parts()))
    }

    fn payer(&self) -> Option<RequestPayer> {
        self.config.request_payer.then_some(RequestPayer::Requester)
    }

    /// What a request that makes a value says of keys that S3 keeps.
    fn encryption(&self) -> Option<ServerSideEncryption> {
        match self.config.encryption {
            Encryption::S3 => Some(ServerSideEncryption::Aes256),
            Encryption::Kms => Some(ServerSideEncryption::AwsKms),
            Encryption::KmsDsse => Some(ServerSideEncryption::AwsKmsDsse),
            Encryption::Bucket | Encryption::Customer => None,
        }
    }
}

impl fmt::Debug for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sdk({}/{})", self.bucket, self.prefix)
    }
}

/// What `If-Match` and `If-None-Match` are to say.
fn conditions(precondition: &Precondition) -> (Option<String>, Option<String>) {
    match precondition {
        Precondition::None => (None, None),
        Precondition::Absent => (None, Some("*".to_owned())),
        Precondition::Unchanged(version) => (larder_io_object::store::parts_of(version).0, None),
    }
}

#[async_trait]
impl Vendor for Sdk {
    fn features(&self) -> VendorFeatures {
        let mut features = VendorFeatures::default();
        features.uploads = self.config.preconditions;
        features.versions = true;
        features.unfinished = true;
        features
    }

    async fn begin(&self, path: &Path, marks: &Marks, _: &WriteId) -> Result<Box<dyn Upload>> {
        self.begin_upload(path, marks).await
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
        self.abort_upload(&self.key(&upload.path), &upload.id).await
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        self.look_around().await
    }
}
