//! Copies within the container: one request up to a size, blocks copied at once above it.
//!
//! `Put Blob From URL` and `Put Block From URL` answer when they are done. `Copy Blob` would go on after its answer, and
//! its destination would be half a value meanwhile.

use super::client::{Headers, header};
use super::{Rest, conditions, sas};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::Method;
use larder_io_core::{Error, ErrorKind, Precondition, Result, Version, WriteId};
use larder_io_object::store::{parts_of, version_of};
use object_store::azure::AzureCredential;
use object_store::client::HttpResponse;
use object_store::path::Path;

/// Ranges of one copy on their way at once.
const AT_ONCE: usize = 4;

/// Headers of a value that a copy takes over, by the names that a reader sees and a writer sends.
const TAKEN_OVER: [(&str, &str); 5] = [
    ("content-type", "x-ms-blob-content-type"),
    ("content-encoding", "x-ms-blob-content-encoding"),
    ("content-language", "x-ms-blob-content-language"),
    ("content-disposition", "x-ms-blob-content-disposition"),
    ("cache-control", "x-ms-blob-cache-control"),
];

impl Rest {
    pub(super) async fn copy_any_size(
        &self,
        from: &Path,
        version: Option<&Version>,
        to: &Path,
        precondition: &Precondition,
    ) -> Result<Version> {
        if self.config.customer_key.is_some() {
            let message = "Azure does not copy values under a customer's key; load the old version and store it again";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let id = version.and_then(|version| parts_of(version).1);
        let query: Vec<(&str, &str)> = id.iter().map(|id| ("versionid", id.as_str())).collect();
        let url = self.api.blob(&self.whole(from), &query);
        let what = "looking at the value to copy";
        let head = self
            .api
            .send(what, Method::HEAD, url.clone(), Headers::new(), Bytes::new())
            .await?;
        let size: u64 = header(&head, "content-length")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Unexpected,
                    "the storage does not tell how long the value to copy is",
                )
            })?;
        let source = self.source(url, &head).await?;
        let mut carried = carried(&head);
        if let Some(tier) = &self.config.storage_class {
            carried.push(("x-ms-access-tier".to_owned(), tier.clone()));
        }
        let tags = crate::store::marks(&self.config).tags;
        if !tags.encoded().is_empty() {
            carried.push(("x-ms-tags".to_owned(), tags.encoded().to_owned()));
        }
        let to = self.whole(to);
        if size <= self.config.copy_range_bytes {
            return self.copy_at_once(source, carried, &to, precondition).await;
        }
        let blocks = self.copy_ranges(&source, size, &to).await?;
        self.commit(&to, &blocks, carried, precondition).await
    }

    /// The headers that name the source and allow Azure to read it.
    async fn source(&self, mut url: String, head: &HttpResponse) -> Result<Headers> {
        let mut headers = Headers::new();
        if let Some(e_tag) = header(head, "etag") {
            headers.push(("x-ms-source-if-match".to_owned(), e_tag));
        }
        let credential = match &self.provider {
            Some(provider) => Some(
                provider
                    .get_credential()
                    .await
                    .map_err(larder_io_object::error::error)?,
            ),
            None => None,
        };
        let pairs = match credential.as_deref() {
            Some(AzureCredential::SASToken(pairs)) => pairs.clone(),
            Some(AzureCredential::BearerToken(token)) => {
                headers.push(("x-ms-copy-source-authorization".to_owned(), format!("Bearer {token}")));
                Vec::new()
            }
            Some(AzureCredential::AccessKey(_)) => match (&self.config.account, &self.config.access_key) {
                (Some(account), Some(key)) => {
                    sas::reading(account, &self.config.container, key, jiff::Timestamp::now())?
                }
                _ => Vec::new(),
            },
            None => Vec::new(),
        };
        if !pairs.is_empty() {
            let encoded = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&pairs)
                .finish();
            url.push(if url.contains('?') { '&' } else { '?' });
            // Signatures are read by other rules than forms: a space would be a plus sign.
            url.push_str(&encoded.replace('+', "%20"));
        }
        headers.push(("x-ms-copy-source".to_owned(), url));
        Ok(headers)
    }

    async fn copy_at_once(
        &self,
        mut headers: Headers,
        carried: Headers,
        to: &Path,
        precondition: &Precondition,
    ) -> Result<Version> {
        headers.extend(carried);
        headers.extend(conditions(precondition));
        headers.push(("x-ms-blob-type".to_owned(), "BlockBlob".to_owned()));
        let url = self.api.blob(to, &[]);
        let answer = self
            .api
            .send("copying a value", Method::PUT, url, headers, Bytes::new())
            .await?;
        version_of(header(&answer, "etag"), header(&answer, "x-ms-version-id"))
    }

    /// Copies ranges into blocks; gives their names. Nobody sees them before they are committed.
    async fn copy_ranges(&self, source: &Headers, size: u64, to: &Path) -> Result<Vec<String>> {
        use base64::Engine;
        let step = self.config.copy_range_bytes;
        let write = WriteId::random();
        let ranges = (0..size).step_by(usize::try_from(step).unwrap_or(usize::MAX)).zip(0..);
        let write = write.as_str();
        let sent = stream::iter(ranges).map(|(start, number)| async move {
            // As long as object_store's names: Azure wants one length for all blocks of a blob.
            let name = format!("{}{number:06}", &write[6..]);
            let id = base64::prelude::BASE64_STANDARD.encode(&name);
            let mut headers = source.clone();
            let last = (start + step).min(size) - 1;
            headers.push(("x-ms-source-range".to_owned(), format!("bytes={start}-{last}")));
            let url = self.api.blob(to, &[("comp", "block"), ("blockid", &id)]);
            self.api
                .send("copying a range", Method::PUT, url, headers, Bytes::new())
                .await
                .map(|_| name)
        });
        sent.buffered(AT_ONCE).try_collect().await
    }
}

/// What the source says about itself, as headers of a request that makes a value.
fn carried(head: &HttpResponse) -> Headers {
    let metadata = head
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ms-meta-"));
    let metadata = metadata.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let others = TAKEN_OVER
        .iter()
        .filter_map(|(reads, writes)| Some(((*writes).to_owned(), header(head, reads)?)));
    metadata.chain(others).collect()
}
