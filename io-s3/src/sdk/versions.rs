//! What a bucket keeps: old versions, unfinished uploads, and what its settings say about both.

use super::Sdk;
use super::client::{Quietly, error};
use aws_sdk_s3::types::{BucketVersioningStatus, ExpirationStatus};
use larder_io_core::{Error, ErrorKind, Finding, Result, Retry, Version};
use larder_io_object::Unfinished;
use larder_io_object::store::{parts_of, version_of};
use object_store::path::Path;

/// The id of what was stored before versioning was turned on.
pub(super) const NO_VERSION: &str = "null";

impl Sdk {
    pub(super) async fn list_versions(&self, path: &Path) -> Result<Vec<Version>> {
        let key = self.key(path);
        let mut versions = Vec::new();
        let (mut next_key, mut next_version) = (None, None);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.bucket)
                .prefix(&key)
                .set_request_payer(self.payer())
                .set_key_marker(next_key)
                .set_version_id_marker(next_version)
                .send()
                .quietly()
                .await
                .map_err(|failed| error(failed, "listing versions"))?;
            for version in page.versions().iter().filter(|version| version.key() == Some(&key)) {
                let id = version.version_id().map(str::to_owned);
                versions.push((id.clone(), version_of(version.e_tag().map(str::to_owned), id)?));
            }
            // Keys come in order: behind the first one that is longer there is nothing of ours.
            let beyond = page.next_key_marker().is_none_or(|next| next > key.as_str());
            if beyond || page.is_truncated() != Some(true) {
                break;
            }
            next_key = page.next_key_marker().map(str::to_owned);
            next_version = page.next_version_id_marker().map(str::to_owned);
        }
        let real = versions
            .iter()
            .any(|(id, _)| id.as_deref().is_some_and(|id| id != NO_VERSION));
        if !real && !self.keeps_versions().await {
            let message = format!(
                "the bucket `{0}` keeps no old versions; turn its versioning on (`aws s3api put-bucket-versioning --bucket {0} --versioning-configuration Status=Enabled`)",
                self.bucket
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Ok(versions.into_iter().map(|(_, version)| version).collect())
    }

    pub(super) async fn remove_version(&self, path: &Path, version: &Version) -> Result<()> {
        // Without an id S3 would put a deletion over the published version.
        let Some(id) = parts_of(version).1 else {
            let message = format!("version {version} has no id of S3's, by which it could be removed");
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let removed = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(self.key(path))
            .version_id(id)
            .set_request_payer(self.payer())
            .send()
            .quietly()
            .await;
        match removed.map_err(|failed| error(failed, "removing a version")) {
            Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// Whether the bucket keeps versions, as far as it tells; asked once.
    async fn keeps_versions(&self) -> bool {
        let ask = || async {
            match self.versioning().await {
                Ok(status) => Ok(status == Some(BucketVersioningStatus::Enabled)),
                // What cannot be asked is not a no; the list of versions speaks for itself then.
                Err(refused) if refused.retry() == Retry::Never => Ok(true),
                Err(later) => Err(later),
            }
        };
        self.versioned.get_or_try_init(ask).await.copied().unwrap_or(true)
    }

    async fn versioning(&self) -> Result<Option<BucketVersioningStatus>> {
        let asked = self
            .client
            .get_bucket_versioning()
            .bucket(&self.bucket)
            .send()
            .quietly()
            .await;
        asked
            .map(|answer| answer.status().cloned())
            .map_err(|failed| error(failed, "asking for the bucket's versioning"))
    }

    pub(super) async fn list_unfinished(&self) -> Result<Vec<Unfinished>> {
        let mut found = Vec::new();
        let (mut next_key, mut next_id) = (None, None);
        loop {
            let page = self
                .client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .prefix(self.prefix.as_ref())
                .set_request_payer(self.payer())
                .set_key_marker(next_key)
                .set_upload_id_marker(next_id)
                .send()
                .quietly()
                .await
                .map_err(|failed| error(failed, "listing unfinished uploads"))?;
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else {
                    continue;
                };
                let began = upload.initiated().and_then(|time| time.to_millis().ok()).unwrap_or(0);
                let Some(path) = Path::parse(key).ok().and_then(|whole| self.below(&whole)) else {
                    continue;
                };
                found.push(Unfinished::new(path, id, began));
            }
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            next_key = page.next_key_marker().map(str::to_owned);
            next_id = page.next_upload_id_marker().map(str::to_owned);
        }
    }

    /// A whole key without the prefix; `None` when it only begins with the same letters.
    fn below(&self, whole: &Path) -> Option<Path> {
        let rest = whole.prefix_match(&self.prefix)?;
        Some(Path::from_iter(rest))
    }

    pub(super) async fn look_around(&self) -> Result<Vec<Finding>> {
        let head = self.client.head_bucket().bucket(&self.bucket).send().quietly().await;
        let head = head.map_err(|failed| error(failed, "looking at the bucket"))?;
        let mut findings = Vec::new();
        if let Some(region) = head.bucket_region() {
            findings.push(Finding::fine("region", region));
        }
        findings.push(match self.versioning().await {
            Ok(Some(BucketVersioningStatus::Enabled)) => Finding::fine("versioning", "on: old versions are kept"),
            Ok(_) if !self.config.versions => Finding::fine("versioning", "off, and not asked for"),
            Ok(_) => Finding::wrong(
                "versioning",
                "off: `history` and `restore` have nothing to work with",
                "turn the bucket's versioning on, or set `versions = false`",
            ),
            Err(refused) => Finding::wrong(
                "versioning",
                format!("cannot be asked: {}", refused.message()),
                match refused.kind() {
                    ErrorKind::PermissionDenied => "give this identity the right s3:GetBucketVersioning",
                    ErrorKind::Unsupported => "set `versions = false` if this storage keeps no old versions",
                    _ => "ask again when the storage answers",
                },
            ),
        });
        findings.push(self.clean_up().await);
        Ok(findings)
    }

    /// Whether a rule of the bucket removes unfinished uploads, which cost as much as finished ones.
    async fn clean_up(&self) -> Finding {
        let advice = "add a lifecycle rule with AbortIncompleteMultipartUpload after 7 days, or run `gc` now and then";
        let what = "unfinished uploads";
        let asked = self
            .client
            .get_bucket_lifecycle_configuration()
            .bucket(&self.bucket)
            .send()
            .quietly()
            .await;
        let rules = match asked.map_err(|failed| error(failed, "asking for the bucket's lifecycle")) {
            Ok(answer) => answer.rules().to_vec(),
            Err(none) if none.kind() == ErrorKind::NotFound => Vec::new(),
            Err(refused) => return Finding::wrong(what, format!("cannot be asked: {}", refused.message()), advice),
        };
        let days = rules
            .iter()
            .filter(|rule| *rule.status() == ExpirationStatus::Enabled)
            .filter_map(|rule| rule.abort_incomplete_multipart_upload()?.days_after_initiation())
            .min();
        match days {
            Some(days) => Finding::fine(what, format!("removed by the bucket after {days} days")),
            None => Finding::wrong(what, "stay until `gc` removes them", advice),
        }
    }
}
