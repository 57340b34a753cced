//! The store: object_store's client with our guard, and Google's other interfaces beside it.

use crate::api::Api;
use crate::config::GcsConfig;
use crate::credentials;
use crate::error::judge;
use crate::headers::Dressed;
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::http::{Guard, Transport};
use larder_io_object::{BucketStore, Marks};
use object_store::Attribute;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::prefix::PrefixStore;
use std::sync::Arc;

pub(crate) fn open(config: &GcsConfig) -> Result<BucketStore> {
    let requests = Dressed::new(config, Guard::new(transport(config), Arc::new(judge)))?;
    let credentials = credentials::provider(config, &requests)?;
    let objects = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&config.bucket)
        .with_base_url(config.address())
        .with_client_options(requests.transport().client_options())
        .with_retry(requests.transport().body_retries())
        .with_http_connector(requests.clone())
        .with_credentials(credentials)
        .build()
        .map_err(|error| {
            let message = "the settings do not make a client of Google Cloud Storage; check `endpoint`";
            Error::new(ErrorKind::InvalidConfig, message).with_source(error)
        })?;
    let objects = Arc::new(objects);
    let prefix = larder_io_object::prefix(&config.prefix)?;
    let prefixed = Arc::new(PrefixStore::new(Arc::clone(&objects), prefix.clone()));
    let store = BucketStore::new(prefixed, format!("gs:{}", config.root()))
        .remote()
        .below(&prefix)
        .with_transfer(config.transfer)
        .with_marks(marks(config));
    let api = Api::new(config, &requests, objects, prefix, store.clone())?;
    Ok(store.with_vendor(Arc::new(api), config.versions))
}

fn transport(config: &GcsConfig) -> Transport {
    let mut transport = config.http.clone();
    transport.allow_http = config.address().starts_with("http://");
    transport
}

/// What every value carries.
fn marks(config: &GcsConfig) -> Marks {
    let mut marks = Marks::default();
    if let Some(class) = &config.storage_class {
        marks.attributes.insert(Attribute::StorageClass, class.clone().into());
    }
    for (name, value) in &config.metadata {
        let name = Attribute::Metadata(name.to_ascii_lowercase().into());
        marks.attributes.insert(name, value.clone().into());
    }
    marks
}
