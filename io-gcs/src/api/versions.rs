//! The generations of a name. <https://cloud.google.com/storage/docs/xml-api/get-bucket-list>

use super::Api;
use super::http::{encoded, strange};
use larder_io_core::{Error, ErrorKind, Result, Version};
use larder_io_object::store::{parts_of, version_of};
use object_store::path::Path;
use serde::Deserialize;

const WHAT: &str = "listing versions";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_generation_marker: Option<String>,
    #[serde(default, rename = "Version")]
    versions: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    generation: u64,
    #[serde(default)]
    is_latest: bool,
    #[serde(rename = "ETag")]
    e_tag: Option<String>,
}

/// A name as `encoding-type=url` shows it.
fn decoded(text: &str) -> String {
    let pairs = form_urlencoded::parse(text.as_bytes());
    pairs.map(|(name, _)| name.into_owned()).next().unwrap_or_default()
}

/// An etag as headers have it: lists may leave the quotes out.
fn quoted(e_tag: String) -> String {
    match e_tag.starts_with('"') {
        true => e_tag,
        false => format!("\"{e_tag}\""),
    }
}

impl Api {
    pub(super) async fn list_versions(&self, path: &Path) -> Result<Vec<Version>> {
        let mut found = self.generations(self.whole(path).as_ref()).await?;
        if found.iter().all(|entry| entry.is_latest) && !self.keeps_generations().await? {
            let message = format!(
                "the bucket `{0}` keeps no old versions; turn them on (`gcloud storage buckets update gs://{0} --versioning`)",
                self.bucket
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        found.sort_by_key(|entry| std::cmp::Reverse(entry.generation));
        let version = |entry: Entry| version_of(entry.e_tag.map(quoted), Some(entry.generation.to_string()));
        found.into_iter().map(version).collect()
    }

    pub(super) async fn remove_version(&self, path: &Path, version: &Version) -> Result<()> {
        let Some(generation) = parts_of(version).1 else {
            let message = format!("version {version} has no generation, by which it could be removed");
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        self.delete_generation(&self.whole(path), &generation).await
    }

    /// Removes every generation: a deletion that names none leaves the object as an old one where the bucket keeps those.
    pub(super) async fn delete_generations(&self, path: &Path) -> Result<()> {
        let whole = self.whole(path);
        for entry in self.generations(whole.as_ref()).await? {
            self.delete_generation(&whole, &entry.generation.to_string()).await?;
        }
        Ok(())
    }

    /// The generations of exactly this name. The XML list, though the JSON list is easier: only its etags are those of
    /// reads.
    async fn generations(&self, key: &str) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let mut next = String::new();
        loop {
            // Names encoded: XML cannot hold every character of them.
            let address = format!(
                "/{}?versions&encoding-type=url&prefix={}{next}",
                encoded(&self.bucket),
                encoded(key)
            );
            let page: Page = self.http.xml(&address, WHAT).await?;
            found.extend(page.versions.into_iter().filter(|entry| decoded(&entry.key) == key));
            // Names come in order: the exact one is the first of those that begin with it.
            let more = page.is_truncated
                && page
                    .next_key_marker
                    .as_deref()
                    .map(decoded)
                    .is_none_or(|name| name == key);
            if !more {
                break;
            }
            let generation = page.next_generation_marker.ok_or_else(|| strange(WHAT))?;
            let marker = format!(
                "&key-marker={}&generation-marker={}",
                encoded(key),
                encoded(&generation)
            );
            if marker == next {
                return Err(strange(WHAT));
            }
            next = marker;
        }
        Ok(found)
    }

    /// Whether the bucket keeps old generations; one that may not be asked is believed to.
    async fn keeps_generations(&self) -> Result<bool> {
        match self.settings().await {
            Ok(settings) => Ok(settings.keeps_generations()),
            Err(refused) if refused.kind() == ErrorKind::PermissionDenied => Ok(true),
            Err(other) => Err(other),
        }
    }
}
