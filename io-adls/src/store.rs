//! The store: object_store's client with our guard and our signatures, and plain HTTP beside it.

use crate::config::AdlsConfig;
use crate::credentials;
use crate::error::judge;
use crate::objects::Objects;
use crate::rest::{Api, Rest};
use crate::signed::Signed;
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_object::http::{Guard, Transport};
use larder_io_object::{BucketStore, Marks};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::prefix::PrefixStore;
use object_store::{Attribute, TagSet};
use std::sync::Arc;

/// Opens the store of settings that were resolved and checked; `root` is its address for people.
pub(crate) fn open(config: &AdlsConfig, root: &str) -> Result<BucketStore> {
    let guard = Guard::new(transport(config), Arc::new(judge));
    let provider = credentials::provider(config, &guard)?;
    let options = (guard.transport().client_options(), guard.transport().body_retries());
    let signed = Signed::new(config, guard, provider)?;
    let objects = MicrosoftAzureBuilder::new()
        .with_account(config.account.clone().unwrap_or_default())
        .with_container_name(&config.container)
        .with_endpoint(config.service())
        .with_client_options(options.0)
        .with_retry(options.1)
        .with_http_connector(signed.clone())
        // The layer below signs.
        .with_skip_signature(true)
        .build()
        .map_err(|cause| {
            let message = "the settings do not make a client of Azure; check `endpoint` and `account`";
            Error::new(ErrorKind::InvalidConfig, message).with_source(cause)
        })?;
    let objects = Arc::new(objects);
    let api = Api::new(signed.client()?, &config.service(), &config.container);
    let prefix = larder_io_object::prefix(&config.prefix)?;
    let prefixed = PrefixStore::new(Objects::new(Arc::clone(&objects), api.clone()), prefix.clone());
    let mut transfer = config.transfer;
    transfer.suffix_ranges = false;
    Ok(BucketStore::new(Arc::new(prefixed), root)
        .remote()
        .below(&prefix)
        .with_transfer(transfer)
        .with_marks(marks(config))
        .with_vendor(
            Arc::new(Rest::new(config, &signed, api, objects, prefix)),
            config.versions,
        ))
}

fn transport(config: &AdlsConfig) -> Transport {
    let mut transport = config.http.clone();
    transport.allow_http = config.service().starts_with("http://");
    transport
}

/// What every value carries.
pub(crate) fn marks(config: &AdlsConfig) -> Marks {
    let mut marks = Marks::default();
    if let Some(tier) = &config.storage_class {
        marks.attributes.insert(Attribute::StorageClass, tier.clone().into());
    }
    for (name, value) in &config.metadata {
        // Azure keeps the case of names and compares without it; everybody else sends them in lower case.
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
