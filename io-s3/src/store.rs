//! The store: object_store's client with our guard, and the SDK beside it.

use crate::config::{Encryption, S3Config};
use crate::credentials;
use crate::error::judge;
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::http::{Guard, Transport};
use larder_io_object::{BucketStore, Marks};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::prefix::PrefixStore;
use object_store::{Attribute, TagSet};
use std::sync::Arc;

/// Where endpoints are given, buckets stand in the path, and most servers do not look at the region.
const ANY_REGION: &str = "us-east-1";

pub(crate) fn open(config: &S3Config) -> Result<BucketStore> {
    let marks = marks(config);
    marks.validate()?;
    let guard = Guard::new(transport(config), Arc::new(judge));
    let region = region(config)?;
    let objects = Arc::new(client(config, &guard, &region)?);
    let prefix = larder_io_object::prefix(&config.prefix)?;
    let prefixed = Arc::new(PrefixStore::new(Arc::clone(&objects), prefix.clone()));
    let root = match config.prefix.as_str() {
        "" => format!("s3://{}", config.bucket),
        prefix => format!("s3://{}/{prefix}", config.bucket),
    };
    let store = BucketStore::new(prefixed, root)
        .remote()
        .below(&prefix)
        .with_transfer(config.transfer)
        .with_marks(marks);
    #[cfg(feature = "sdk")]
    let store = store.with_vendor(
        Arc::new(crate::sdk::Sdk::new(config, &guard, &region, objects, prefix)?),
        config.versions,
    );
    Ok(store)
}

fn transport(config: &S3Config) -> Transport {
    let mut transport = config.http.clone();
    transport.allow_http = config
        .endpoint
        .as_ref()
        .is_some_and(|endpoint| endpoint.starts_with("http://"));
    transport
}

/// The region: set, the profile's, or any where the endpoint is not AWS's.
fn region(config: &S3Config) -> Result<String> {
    if let Some(region) = &config.region {
        return Ok(region.clone());
    }
    if config.endpoint.is_some() {
        return Ok(ANY_REGION.to_owned());
    }
    credentials::profile_region(config)?.ok_or_else(|| {
        let message = "the bucket's region is missing; set `region`, AWS_REGION, or `region` in AWS's config file";
        Error::new(ErrorKind::InvalidConfig, message)
    })
}

fn client(config: &S3Config, guard: &Guard, region: &str) -> Result<AmazonS3> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(region)
        .with_virtual_hosted_style_request(!config.in_path())
        .with_client_options(guard.transport().client_options())
        .with_retry(guard.transport().body_retries())
        .with_http_connector(guard.clone())
        .with_request_payer(config.request_payer);
    if let Some(endpoint) = &config.endpoint {
        // Where the bucket stands in the host's name object_store wants it in the endpoint.
        let endpoint = match (config.in_path(), endpoint.split_once("://")) {
            (false, Some((scheme, host))) => format!("{scheme}://{}.{host}", config.bucket),
            _ => endpoint.clone(),
        };
        builder = builder.with_endpoint(endpoint);
    }
    builder = match &config.encryption {
        Encryption::Bucket => builder,
        Encryption::S3 => with(builder, "aws_server_side_encryption", "AES256")?,
        Encryption::Kms => builder.with_sse_kms_encryption(config.kms_key_id.clone().unwrap_or_default()),
        Encryption::KmsDsse => builder.with_dsse_kms_encryption(config.kms_key_id.clone().unwrap_or_default()),
        Encryption::Customer => {
            let key = config.customer_key.as_ref().map(|key| key.expose().to_owned());
            builder.with_ssec_encryption(key.unwrap_or_default())
        }
    };
    if let Some(bucket_key) = config.bucket_key {
        builder = builder.with_bucket_key(bucket_key);
    }
    if config.anonymous {
        builder = builder.with_skip_signature(true);
    } else if let Some(provider) = credentials::provider(config, guard)? {
        builder = builder.with_credentials(provider);
    }
    builder.build().map_err(|error| {
        let message = "the settings do not make an S3 client; check `endpoint` and `region`";
        Error::new(ErrorKind::InvalidConfig, message).with_source(error)
    })
}

fn with(builder: AmazonS3Builder, name: &str, value: &str) -> Result<AmazonS3Builder> {
    let key: AmazonS3ConfigKey = name
        .parse()
        .map_err(|error| Error::new(ErrorKind::Unexpected, "object_store lost a setting").with_source(error))?;
    Ok(builder.with_config(key, value))
}

impl S3Config {
    /// Whether the bucket stands in the path.
    pub(crate) fn in_path(&self) -> bool {
        self.path_style.unwrap_or(self.endpoint.is_some())
    }
}

/// What every value carries.
pub(crate) fn marks(config: &S3Config) -> Marks {
    let mut marks = Marks::default();
    if let Some(class) = &config.storage_class {
        marks.attributes.insert(Attribute::StorageClass, class.clone().into());
    }
    for (name, value) in &config.metadata {
        let name = Attribute::Metadata(name.to_ascii_lowercase().into());
        marks.attributes.insert(name, value.clone().into());
    }
    let mut tags = TagSet::default();
    for (name, value) in &config.tags {
        tags.push(name, value);
    }
    marks.tags = tags;
    marks
}
