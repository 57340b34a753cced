//! What a bucket's settings say. <https://cloud.google.com/storage/docs/json_api/v1/buckets>

use super::Api;
use super::http::encoded;
use http::Method;
use larder_io_core::{ErrorKind, Finding, Result};
use serde::Deserialize;

const WHAT: &str = "asking for the bucket's settings";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    location: Option<String>,
    location_type: Option<String>,
    #[serde(default)]
    versioning: Versioning,
    #[serde(default)]
    lifecycle: Lifecycle,
    #[serde(default)]
    soft_delete_policy: SoftDelete,
}

#[derive(Default, Deserialize)]
struct Versioning {
    #[serde(default)]
    enabled: bool,
}

#[derive(Default, Deserialize)]
struct Lifecycle {
    #[serde(default)]
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    action: Action,
    #[serde(default)]
    condition: Condition,
}

#[derive(Deserialize)]
struct Action {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Default, Deserialize)]
struct Condition {
    age: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SoftDelete {
    /// Seconds, as a text.
    retention_duration_seconds: Option<String>,
}

impl Settings {
    pub(super) fn keeps_generations(&self) -> bool {
        self.versioning.enabled
    }

    /// Days after which the bucket removes unfinished uploads.
    fn abort_days(&self) -> Option<u32> {
        let aborts = self
            .lifecycle
            .rule
            .iter()
            .filter(|rule| rule.action.kind == "AbortIncompleteMultipartUpload");
        aborts.map(|rule| rule.condition.age.unwrap_or(0)).min()
    }

    /// Days for which deleted objects are kept and billed.
    fn soft_delete_days(&self) -> Option<u64> {
        let seconds: u64 = self
            .soft_delete_policy
            .retention_duration_seconds
            .as_ref()?
            .parse()
            .ok()?;
        Some(seconds / 86_400).filter(|days| *days > 0)
    }
}

impl Api {
    pub(super) async fn settings(&self) -> Result<Settings> {
        let path = format!("/storage/v1/b/{}?projection=noAcl", encoded(&self.bucket));
        self.http.json(Method::GET, &path, None, WHAT).await
    }

    pub(super) async fn look_around(&self) -> Result<Vec<Finding>> {
        let settings = match self.settings().await {
            Ok(settings) => settings,
            Err(refused) if refused.kind() == ErrorKind::PermissionDenied => {
                return Ok(vec![Finding::wrong(
                    "settings",
                    format!("cannot be asked: {}", refused.message()),
                    "give this identity the right storage.buckets.get (roles/storage.bucketViewer)",
                )]);
            }
            Err(other) => return Err(other),
        };
        let mut findings = Vec::new();
        if let Some(location) = &settings.location {
            let kind = settings
                .location_type
                .as_ref()
                .map_or(String::new(), |kind| format!(" ({kind})"));
            findings.push(Finding::fine("region", format!("{location}{kind}")));
        }
        let bucket = &self.bucket;
        findings.push(match (settings.keeps_generations(), self.config.versions) {
            (true, _) => Finding::fine("versioning", "on: old generations are kept"),
            (false, false) => Finding::fine("versioning", "off, and not asked for"),
            (false, true) => Finding::wrong(
                "versioning",
                "off: `history` and `restore` have nothing to work with",
                format!(
                    "turn it on (`gcloud storage buckets update gs://{bucket} --versioning`), or set `versions = false`"
                ),
            ),
        });
        findings.push(match settings.abort_days() {
            Some(days) => Finding::fine("unfinished uploads", format!("removed by the bucket after {days} days")),
            None => Finding::wrong(
                "unfinished uploads",
                "stay until `gc` removes them",
                "add a lifecycle rule with AbortIncompleteMultipartUpload at age 7, or run `gc` now and then",
            ),
        });
        findings.push(match settings.soft_delete_days() {
            Some(days) if self.config.preconditions => Finding::wrong(
                "soft delete",
                format!("on: what a large value was put together from is billed for {days} more days"),
                format!("turn it off (`gcloud storage buckets update gs://{bucket} --clear-soft-delete`), or set `preconditions = false`"),
            ),
            Some(days) => Finding::fine("soft delete", format!("on: deleted values are kept for {days} days")),
            None => Finding::fine("soft delete", "off"),
        });
        Ok(findings)
    }
}
