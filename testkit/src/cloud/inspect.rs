//! What a test sees of the store, and puts into it, beside the protocol.

use super::server::lock;
use super::state::{Draft, State, Version};
use super::{Cloud, azure, object};
use bytes::Bytes;
use std::collections::BTreeMap;

/// A value as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes; zeros where they were dropped.
    pub bytes: Bytes,
    /// Its ETag, with quotes.
    pub etag: String,
    /// The id of its version: a generation at Google; `null` in a bucket of S3 without versions.
    pub version: String,
    /// What the writer said about it, by the names that a reader sees: content type, metadata, encryption, tags.
    pub headers: BTreeMap<String, String>,
    /// The user's metadata, without the vendor's prefix.
    pub metadata: BTreeMap<String, String>,
}

/// An upload that was neither completed nor aborted; for Azure, a blob with uncommitted blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The id; empty for Azure.
    pub id: String,
    /// How many parts or blocks it has.
    pub parts: usize,
}

fn stored(cloud: &Cloud, version: &Version) -> Stored {
    let prefix = format!("{}meta-", cloud.dialect().prefix());
    let strip = |(name, value): (&String, &String)| Some((name.strip_prefix(&prefix)?.to_owned(), value.clone()));
    Stored {
        bytes: version.content.bytes(),
        etag: version.etag.clone(),
        version: version.id.clone(),
        headers: version.headers.clone(),
        metadata: version.headers.iter().filter_map(strip).collect(),
    }
}

fn first(state: &State) -> &str {
    state
        .first
        .as_deref()
        .expect("the double has no bucket: call create_bucket")
}

impl Cloud {
    /// The current value of a key in the first bucket.
    ///
    /// # Panics
    ///
    /// If there is no bucket, like everything here that does not name one.
    pub fn object(&self, key: &str) -> Option<Stored> {
        let bucket = first(&lock(&self.shared.state)).to_owned();
        self.object_in(&bucket, key)
    }

    /// The current value of a key in a bucket.
    pub fn object_in(&self, bucket: &str, key: &str) -> Option<Stored> {
        let found = lock(&self.shared.state).bucket(bucket).ok()?.current(key).cloned();
        found.map(|version| stored(self, &version))
    }

    /// The length of the current value, without reading it.
    pub fn length(&self, key: &str) -> Option<u64> {
        let state = lock(&self.shared.state);
        let bucket = state.bucket(first(&state)).ok()?;
        bucket.current(key).map(|version| version.content.len())
    }

    /// Every version of a key in the first bucket, oldest first; marks of deletion are left out.
    pub fn versions(&self, key: &str) -> Vec<Stored> {
        let versions = {
            let state = lock(&self.shared.state);
            let bucket = state.bucket(first(&state));
            let history = bucket.ok().and_then(|bucket| bucket.histories.get(key));
            history.map(|history| history.versions.clone()).unwrap_or_default()
        };
        versions
            .iter()
            .filter(|version| !version.marker)
            .map(|version| stored(self, version))
            .collect()
    }

    /// The keys that have a current value in the first bucket, in order.
    pub fn keys(&self) -> Vec<String> {
        let state = lock(&self.shared.state);
        let Ok(bucket) = state.bucket(first(&state)) else {
            return Vec::new();
        };
        let current = bucket
            .histories
            .iter()
            .filter(|(_, history)| history.current().is_some());
        current.map(|(key, _)| key.clone()).collect()
    }

    /// What was begun and neither completed nor aborted, in every bucket.
    pub fn unfinished_uploads(&self) -> Vec<Unfinished> {
        let state = lock(&self.shared.state);
        let mut found = Vec::new();
        for (name, bucket) in &state.buckets {
            found.extend(bucket.uploads.iter().map(|(id, upload)| Unfinished {
                bucket: name.clone(),
                key: upload.key.clone(),
                id: id.clone(),
                parts: upload.parts.len(),
            }));
            found.extend(bucket.blocks.iter().map(|(key, blocks)| Unfinished {
                bucket: name.clone(),
                key: key.clone(),
                id: String::new(),
                parts: blocks.len(),
            }));
        }
        found
    }

    /// Publishes a value in the first bucket, without a request. Returns what is stored.
    pub fn put_directly(&self, key: &str, bytes: impl Into<Bytes>) -> Stored {
        self.put_directly_with(key, bytes, [])
    }

    /// Publishes a value with headers, by the names that a reader sees, such as `x-amz-meta-owner`.
    pub fn put_directly_with<const N: usize>(
        &self,
        key: &str,
        bytes: impl Into<Bytes>,
        headers: [(&str, &str); N],
    ) -> Stored {
        let version = {
            let mut state = lock(&self.shared.state);
            let bucket = first(&state).to_owned();
            let mut content = super::content::Content::default();
            content.push(bytes.into());
            let given = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let mut headers = object::defaults(state.dialect);
            headers.extend(given);
            let draft = Draft {
                etag: content.digest(),
                content,
                headers,
                ..Draft::default()
            };
            azure::make_directories(&mut state, &bucket, key);
            state.put(&bucket, key, draft).expect("the first bucket exists")
        };
        stored(self, &version)
    }

    /// Deletes the current value of a key in the first bucket, without a request.
    pub fn delete_directly(&self, key: &str) {
        let mut state = lock(&self.shared.state);
        let bucket = first(&state).to_owned();
        // A value that is not there is what was wanted.
        let _ = state.delete(&bucket, key);
    }
}
