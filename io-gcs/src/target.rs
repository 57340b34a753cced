//! What references to Google Cloud Storage point to.

use crate::config::GcsConfig;
use larder_io_core::{ManagerUrl, Result, Target};
use larder_io_object::BucketStore;
use larder_io_object::target::{ObjectTarget, OpenStores};
use std::sync::Arc;

/// Buckets that are open, by their settings.
pub(crate) type Buckets = OpenStores<GcsConfig, BucketStore>;

/// The target of an address: a key, or all below a prefix.
pub(crate) fn find(buckets: &Buckets, url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
    let mut config = GcsConfig::from_url(url)?;
    // Of the whole bucket, so that all targets in it share a client.
    let path = std::mem::take(&mut config.prefix);
    let store = buckets.get(config, open)?;
    Ok(Arc::new(ObjectTarget::in_bucket(store, &path, url, format)?))
}

fn open(config: &GcsConfig) -> Result<BucketStore> {
    config.validate()?;
    crate::store::open(config)
}
