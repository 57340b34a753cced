//! What is worth knowing about a container and its account.

use super::Rest;
use super::client::{Headers, header};
use bytes::Bytes;
use http::Method;
use larder_io_core::{ErrorKind, Finding, Result};
use serde::Deserialize;

/// Pages of a list that are looked at, of 5,000 names each.
const PAGES: usize = 10;

/// Empty blobs that are looked at, of which some may not be committed.
const EMPTY: usize = 100;

/// What a service says about itself, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct Service {
    #[serde(rename = "DeleteRetentionPolicy", default)]
    retention: Retention,
}

#[derive(Debug, Default, Deserialize)]
struct Retention {
    #[serde(rename = "Enabled", default)]
    enabled: bool,
    #[serde(rename = "Days")]
    days: Option<u32>,
}

impl Rest {
    pub(super) async fn look_around(&self) -> Result<Vec<Finding>> {
        let container = self.api.container(&[("restype", "container")]);
        self.api
            .send(
                "looking at the container",
                Method::HEAD,
                container,
                Headers::new(),
                Bytes::new(),
            )
            .await?;
        let (account, hierarchical) = self.account().await;
        let mut findings = vec![account];
        findings.push(self.versioning(hierarchical).await?);
        findings.push(self.soft_delete().await);
        findings.push(self.uncommitted().await?);
        Ok(findings)
    }

    /// The kind of account, and whether it is hierarchical where it tells.
    async fn account(&self) -> (Finding, Option<bool>) {
        let url = self.api.container(&[("restype", "account"), ("comp", "properties")]);
        match self
            .api
            .send(
                "asking what the account is",
                Method::GET,
                url,
                Headers::new(),
                Bytes::new(),
            )
            .await
        {
            Ok(answer) => {
                let told = |name| header(&answer, name).unwrap_or_else(|| "unknown".to_owned());
                let hierarchical = header(&answer, "x-ms-is-hns-enabled").map(|text| text == "true");
                let tree = match hierarchical {
                    Some(true) => "hierarchical",
                    Some(false) => "flat",
                    None => "flat or hierarchical",
                };
                let said = format!("{}, {}, {tree}", told("x-ms-account-kind"), told("x-ms-sku-name"));
                (Finding::fine("account", said), hierarchical)
            }
            // A question that many identities may not ask, and that nothing depends on.
            Err(refused) => (
                Finding::fine("account", format!("cannot be asked: {}", refused.message())),
                None,
            ),
        }
    }

    /// Whether old versions are kept, as far as what is stored tells: the account itself does not tell it here.
    async fn versioning(&self, hierarchical: Option<bool>) -> Result<Finding> {
        let what = "versioning";
        if !self.config.versions {
            return Ok(Finding::fine(what, "not asked for"));
        }
        if hierarchical == Some(true) {
            let advice = "set `versions = false`";
            return Ok(Finding::wrong(
                what,
                "a hierarchical account keeps no old versions",
                advice,
            ));
        }
        let (blobs, _) = self.page(self.prefix.as_ref(), "versions", "").await?;
        Ok(
            match (blobs.is_empty(), blobs.iter().any(|blob| blob.version.is_some())) {
                (true, _) => Finding::fine(what, "cannot be told before something is stored"),
                (_, true) => Finding::fine(what, "on: old versions are kept"),
                (_, false) => Finding::wrong(
                    what,
                    "off: `history` and `restore` have nothing to work with",
                    "turn it on (`az storage account blob-service-properties update --enable-versioning true`), or set `versions = false`",
                ),
            },
        )
    }

    async fn soft_delete(&self) -> Finding {
        let what = "soft delete";
        let url = self.api.service(&[("restype", "service"), ("comp", "properties")]);
        let answer = match self.api.ask("asking for the service's properties", url).await {
            Ok(answer) => answer,
            // The right to ask is one of the account, which an identity for one container does not have.
            Err(refused) => return Finding::fine(what, format!("cannot be asked: {}", refused.message())),
        };
        match quick_xml::de::from_reader::<_, Service>(answer.as_ref()) {
            Ok(service) if service.retention.enabled => {
                let days = service.retention.days.unwrap_or_default();
                Finding::fine(
                    what,
                    format!("on: what is deleted stays, and is paid for, for {days} days"),
                )
            }
            Ok(_) => Finding::fine(what, "off"),
            Err(_) => Finding::fine(what, "cannot be told: the answer is not understood"),
        }
    }

    /// Names that have blocks and no value. Blocks of a name that has a value are seen by nobody.
    async fn uncommitted(&self) -> Result<Finding> {
        let (mut empty, mut marker, mut whole) = (Vec::new(), String::new(), false);
        for _ in 0..PAGES {
            let (blobs, next) = self.page(self.prefix.as_ref(), "uncommittedblobs", &marker).await?;
            let empties = blobs
                .into_iter()
                .filter(|blob| blob.properties.length == 0 && !blob.is_directory());
            empty.extend(empties.map(|blob| blob.name));
            match next.filter(|_| empty.len() <= EMPTY) {
                Some(next) => marker = next,
                None => {
                    whole = empty.len() <= EMPTY;
                    break;
                }
            }
        }
        let mut count = 0;
        for name in empty.iter().take(EMPTY) {
            let Ok(path) = object_store::path::Path::parse(name) else {
                continue;
            };
            let url = self.api.blob(&path, &[]);
            match self
                .api
                .send("looking at a blob", Method::HEAD, url, Headers::new(), Bytes::new())
                .await
            {
                Err(missing) if missing.kind() == ErrorKind::NotFound => count += 1,
                Err(refused) => return Err(refused),
                Ok(_) => {}
            }
        }
        let seen = if whole { "" } else { " among those looked at" };
        let clean = "Azure drops uncommitted blocks after 7 days";
        Ok(match count {
            0 => Finding::fine("unfinished uploads", format!("none{seen}; {clean}")),
            count => Finding::fine(
                "unfinished uploads",
                format!("{count} names have blocks and no value{seen}; {clean}"),
            ),
        })
    }
}
