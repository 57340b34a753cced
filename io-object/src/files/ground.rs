//! What table formats build on: a plain object store and what is known about it.

use crate::bucket::PlainUpload;
use crate::error::error;
use crate::marks::Marks;
use crate::store::{Features, Purpose, Reader, Store, Upload, Written, version_of};
use crate::usage::Counted;
use crate::vendor::Requests;
use async_trait::async_trait;
use bytes::Bytes;
use larder_io_core::{
    Error, ErrorKind, Finding, Garbage, GcOptions, ManagerUrl, Result, Usage, Version, WriteId, nearest,
};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions};
use std::fmt;
use std::sync::Arc;

/// An object store that table formats build on. A put with `PutMode::Create` must fail when the name is taken, atomically.
#[derive(Clone)]
#[non_exhaustive]
pub struct Ground {
    /// The store, rooted where the managers begin.
    pub objects: Arc<dyn ObjectStore>,
    /// Its address for people and other tools, without secrets and without a slash at its end: `s3://bucket/prefix`.
    pub root: String,
    /// Whether it is reached over a network. Default false.
    pub remote: bool,
    /// Whether acknowledged writes survive a power cut. Default false.
    pub durable: bool,
    /// Parts of one upload that may be on their way at once. Default 1.
    pub parts_in_flight: usize,
    /// What every file carries.
    pub marks: Marks,
    /// What is counted as requests.
    pub requests: Requests,
}

impl Ground {
    /// Wraps a store.
    pub fn new(objects: Arc<dyn ObjectStore>, root: impl Into<String>) -> Self {
        Self {
            objects,
            root: root.into(),
            remote: false,
            durable: false,
            parts_in_flight: 1,
            marks: Marks::default(),
            requests: Requests::default(),
        }
    }

    /// The same ground, counting its requests, where it is reached by any.
    #[must_use]
    pub(super) fn counted(&self, usage: &Arc<Usage>) -> Self {
        let mut counted = self.clone();
        if self.remote {
            counted.objects = Arc::new(Counted {
                inner: Arc::clone(&self.objects),
                requests: self.requests,
                usage: Arc::clone(usage),
            });
        }
        counted
    }

    /// What a store of this crate says about itself.
    #[must_use]
    pub fn with_features(mut self, features: Features) -> Self {
        self.remote = features.remote;
        self.durable = features.durable;
        self.parts_in_flight = features.parts_in_flight;
        self
    }
}

/// Without the client, which would show the proxy's password.
impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ground({})", self.root)
    }
}

/// Opens grounds of some URL schemes, for table formats that are handed them.
pub trait GroundBackend: fmt::Debug + Send + Sync + 'static {
    /// The schemes it answers to, such as `s3`.
    fn schemes(&self) -> Vec<&'static str>;

    /// The JSON schema of the settings that matter to a ground.
    fn schema(&self) -> serde_json::Value;

    /// Opens a ground. Settings that are only for values, such as formats, are unknown to it.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or wrong setting.
    fn open(&self, url: &ManagerUrl) -> Result<Ground>;
}

/// The schema of a config struct without settings that say nothing to a ground.
pub fn without(schema: serde_json::Value, names: &[&str]) -> serde_json::Value {
    let mut schema = schema;
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.retain(|name, _| !names.contains(&name.as_str()));
    }
    schema
}

/// Refuses settings that a schema does not have.
///
/// # Errors
/// `InvalidConfig` with the nearest name; the context `setting` names it.
pub fn check_settings(url: &ManagerUrl, schema: &serde_json::Value) -> Result<()> {
    let known: Vec<&str> = schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys())
        .map(String::as_str)
        .collect();
    for name in url.setting_names() {
        let first = name.split('.').next().unwrap_or_default();
        if !known.contains(&first) {
            let hint = match nearest(first, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            let message = format!("in `{url}`: the setting `{name}` is unknown; {hint}");
            return Err(Error::new(ErrorKind::InvalidConfig, message).with_context("setting", name));
        }
    }
    Ok(())
}

/// A ground as a store, for files that are never replaced.
#[derive(Debug)]
pub(super) struct GroundStore(Ground);

impl GroundStore {
    pub(super) fn new(ground: &Ground) -> Self {
        Self(ground.clone())
    }
}

#[async_trait]
impl Store for GroundStore {
    fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.0.objects
    }

    fn features(&self) -> Features {
        Features {
            durable: self.0.durable,
            remote: self.0.remote,
            parts_in_flight: self.0.parts_in_flight,
            ..Features::default()
        }
    }

    fn uri(&self, path: &Path) -> String {
        format!("{}/{path}", self.0.root)
    }

    async fn open(&self, path: &Path, _: Option<&Version>, _: Purpose) -> Result<Arc<dyn Reader>> {
        let meta = self.0.objects.head(path).await.map_err(error)?;
        Ok(Arc::new(super::FileReader::new(&self.0, path.clone(), meta.size)))
    }

    async fn put(&self, path: &Path, bytes: Bytes, _: &Written<'_>) -> Result<Version> {
        let options = PutOptions {
            attributes: self.0.marks.attributes.clone(),
            tags: self.0.marks.tags.clone(),
            ..PutOptions::default()
        };
        let put = self.0.objects.put_opts(path, bytes.into(), options).await;
        let result = put.map_err(error)?;
        version_of(result.e_tag, result.version)
    }

    async fn upload(&self, path: &Path, _: &WriteId) -> Result<Box<dyn Upload>> {
        let options = PutMultipartOptions {
            attributes: self.0.marks.attributes.clone(),
            tags: self.0.marks.tags.clone(),
            ..PutMultipartOptions::default()
        };
        let parts = self.0.objects.put_multipart_opts(path, options).await.map_err(error)?;
        Ok(Box::new(PlainUpload::new(parts)))
    }

    async fn gc(&self, _: &GcOptions) -> Result<Vec<Garbage>> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "files are cleaned up by whoever knows which of them count",
        ))
    }

    async fn survey(&self) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }
}
