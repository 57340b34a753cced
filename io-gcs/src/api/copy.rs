//! Copies within the bucket, by rewrites: any size, in as many requests as Google wants.
//! <https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite>

use super::http::{Http, encoded, strange};
use super::{Api, generation_of, numbered};
use http::Method;
use larder_io_core::{Error, ErrorKind, Precondition, Result, Version};
use object_store::path::Path;
use serde::Deserialize;
use serde_json::{Map, Value};

const WHAT: &str = "copying a value";

/// One rewrite.
pub(super) struct Rewrite<'r> {
    pub(super) bucket: &'r str,
    pub(super) from: &'r Path,
    /// The generation to read; the live one where it is `None`.
    pub(super) generation: Option<&'r str>,
    pub(super) to: &'r Path,
    pub(super) precondition: &'r Precondition,
    /// What the copy is to be described as; as its source where it is `None`.
    pub(super) description: Option<Value>,
    pub(super) kms_key_name: Option<&'r str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    #[serde(default)]
    done: bool,
    rewrite_token: Option<String>,
    resource: Option<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    generation: String,
}

impl Rewrite<'_> {
    /// Publishes the copy in the last of its requests; gives its generation.
    ///
    /// # Cancel safety
    /// A dropped rewrite publishes nothing, unless the last request was on its way.
    pub(super) async fn run(&self, http: &Http) -> Result<String> {
        let bucket = encoded(self.bucket);
        let (from, to) = (encoded(self.from.as_ref()), encoded(self.to.as_ref()));
        let mut path = format!("/storage/v1/b/{bucket}/o/{from}/rewriteTo/b/{bucket}/o/{to}?projection=noAcl");
        let mut query = |name: &str, value: &str| path.push_str(&format!("&{name}={}", encoded(value)));
        if let Some(generation) = self.generation {
            query("sourceGeneration", generation);
        }
        if let Some(wanted) = generation_of(self.precondition)? {
            query("ifGenerationMatch", &wanted);
        }
        if let Some(key) = self.kms_key_name {
            query("destinationKmsKeyName", key);
        }
        let mut token: Option<String> = None;
        loop {
            let next = token.map_or_else(
                || path.clone(),
                |token| format!("{path}&rewriteToken={}", encoded(&token)),
            );
            let progress: Progress = http.json(Method::POST, &next, self.description.as_ref(), WHAT).await?;
            match (progress.done, progress.resource, progress.rewrite_token) {
                (true, Some(resource), _) => return Ok(resource.generation),
                (false, _, Some(more)) => token = Some(more),
                _ => return Err(strange(WHAT)),
            }
        }
    }
}

impl Api {
    pub(super) async fn copy_any_size(
        &self,
        from: &Path,
        version: Option<&Version>,
        to: &Path,
        precondition: &Precondition,
    ) -> Result<Version> {
        let generation = match version {
            None => None,
            Some(version) => Some(numbered(version).ok_or_else(|| {
                let message = format!("version `{version}` of `{from}` is not kept");
                Error::new(ErrorKind::NotFound, message)
            })?),
        };
        let (from, to) = (self.whole(from), self.whole(to));
        let rewrite = Rewrite {
            bucket: &self.bucket,
            description: self.with_class(&from, generation.as_deref()).await?,
            from: &from,
            generation: generation.as_deref(),
            to: &to,
            precondition,
            kms_key_name: self.config.kms_key_name.as_deref(),
        };
        let generation = rewrite.run(&self.http).await?;
        self.version_at(&to, generation).await
    }

    /// The description of the source with the configured storage class. A description replaces the source's as a whole.
    async fn with_class(&self, from: &Path, generation: Option<&str>) -> Result<Option<Value>> {
        let Some(class) = &self.config.storage_class else {
            return Ok(None);
        };
        let version = generation.map_or(String::new(), |generation| format!("&generation={generation}"));
        let path = format!(
            "/storage/v1/b/{}/o/{}?projection=noAcl{version}",
            encoded(&self.bucket),
            encoded(from.as_ref())
        );
        let mut source: Map<String, Value> = self.http.json(Method::GET, &path, None, WHAT).await?;
        let kept = [
            "contentType",
            "contentEncoding",
            "contentLanguage",
            "contentDisposition",
            "cacheControl",
            "metadata",
        ];
        source.retain(|name, value| kept.contains(&name.as_str()) && !value.is_null());
        source.insert("storageClass".to_owned(), class.clone().into());
        Ok(Some(source.into()))
    }
}
