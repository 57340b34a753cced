//! Lists of blobs with what object_store leaves out: versions, and blobs that are not committed.
//! <https://learn.microsoft.com/en-us/rest/api/storageservices/list-blobs>

use super::Rest;
use bytes::Bytes;
use larder_io_core::{Error, ErrorKind, Result, Version};
use larder_io_object::store::{parts_of, version_of};
use object_store::path::Path;
use serde::Deserialize;

/// One page.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    #[serde(rename = "Blobs")]
    blobs: Blobs,
    #[serde(rename = "NextMarker", default)]
    next: String,
}

#[derive(Debug, Deserialize)]
struct Blobs {
    #[serde(rename = "Blob", default)]
    blobs: Vec<Blob>,
}

/// One blob, or one version of it.
#[derive(Debug, Deserialize)]
pub(super) struct Blob {
    #[serde(rename = "Name")]
    pub(super) name: String,
    #[serde(rename = "VersionId")]
    pub(super) version: Option<String>,
    #[serde(rename = "Properties")]
    pub(super) properties: Properties,
}

#[derive(Debug, Deserialize)]
pub(super) struct Properties {
    #[serde(rename = "Etag")]
    e_tag: Option<String>,
    #[serde(rename = "Content-Length", default)]
    pub(super) length: u64,
    #[serde(rename = "ResourceType")]
    resource: Option<String>,
}

impl Blob {
    pub(super) fn is_directory(&self) -> bool {
        self.properties.resource.as_deref() == Some("directory")
    }

    /// Lists leave the quotes of an etag out, which answers about one blob have.
    fn e_tag(&self) -> Option<String> {
        self.properties
            .e_tag
            .as_ref()
            .map(|bare| format!("\"{}\"", bare.trim_matches('"')))
    }
}

impl Rest {
    /// One page of the names that begin so, and where the next one begins.
    pub(super) async fn page(&self, prefix: &str, include: &str, marker: &str) -> Result<(Vec<Blob>, Option<String>)> {
        let mut query = vec![
            ("restype", "container"),
            ("comp", "list"),
            ("include", include),
            ("prefix", prefix),
        ];
        if !marker.is_empty() {
            query.push(("marker", marker));
        }
        let answer = self.api.ask("listing blobs", self.api.container(&query)).await?;
        let page = read(&answer)?;
        Ok((page.blobs.blobs, Some(page.next).filter(|next| !next.is_empty())))
    }

    pub(super) async fn list_versions(&self, path: &Path) -> Result<Vec<Version>> {
        let name = self.whole(path).to_string();
        let (mut found, mut marker) = (Vec::new(), String::new());
        loop {
            let (blobs, next) = self.page(&name, "versions", &marker).await?;
            // Names come in order: behind the first one that is longer there is nothing of ours.
            let beyond = blobs.iter().any(|blob| blob.name != name);
            found.extend(
                blobs
                    .into_iter()
                    .filter(|blob| blob.name == name && !blob.is_directory()),
            );
            match next.filter(|_| !beyond) {
                Some(next) => marker = next,
                None => break,
            }
        }
        if !found.is_empty() && found.iter().all(|blob| blob.version.is_none()) {
            return Err(self.unversioned());
        }
        // The ids are times.
        found.sort_by(|a, b| b.version.cmp(&a.version));
        found
            .into_iter()
            .map(|blob| version_of(blob.e_tag(), blob.version.clone()))
            .collect()
    }

    pub(super) async fn remove_version(&self, path: &Path, version: &Version) -> Result<()> {
        // Without an id the published value would be deleted.
        let Some(id) = parts_of(version).1 else {
            let message = format!("version {version} has no id of Azure's, by which it could be removed");
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        match self.api.delete(&self.whole(path), &[("versionid", &id)]).await {
            Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn unversioned(&self) -> Error {
        let account = self.config.account.as_deref().unwrap_or_default();
        let message = format!(
            "the storage account `{account}` keeps no old versions; turn its versioning on (`az storage account blob-service-properties update --account-name {account} --enable-versioning true`), which hierarchical accounts do not have, or set `versions = false`"
        );
        Error::new(ErrorKind::Unsupported, message)
    }
}

pub(super) fn read(document: &Bytes) -> Result<Page> {
    quick_xml::de::from_reader(document.as_ref()).map_err(|cause| {
        let message = "the list of blobs is no such document; check the endpoint and any proxy between";
        Error::new(ErrorKind::Unexpected, message).with_source(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_and_directories() {
        let document = Bytes::from_static(
            b"<?xml version=\"1.0\"?><EnumerationResults ServiceEndpoint=\"x\"><Prefix>a</Prefix><Blobs>\
              <Blob><Name>a</Name><VersionId>2</VersionId><IsCurrentVersion>true</IsCurrentVersion>\
              <Properties><Etag>0x8D</Etag><Content-Length>5</Content-Length></Properties><OrMetadata/></Blob>\
              <Blob><Name>b &amp; c</Name><Properties><Content-Length>0</Content-Length>\
              <ResourceType>directory</ResourceType></Properties></Blob></Blobs><NextMarker>m</NextMarker></EnumerationResults>",
        );
        let page = read(&document).expect("is a page");
        let [first, second] = page.blobs.blobs.as_slice() else {
            panic!("two blobs");
        };
        assert_eq!(
            (first.version.as_deref(), first.e_tag().as_deref()),
            (Some("2"), Some("\"0x8D\""))
        );
        assert_eq!(
            (second.name.as_str(), second.is_directory(), page.next.as_str()),
            ("b & c", true, "m")
        );
        let empty = Bytes::from_static(b"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>");
        assert!(read(&empty).expect("is a page").blobs.blobs.is_empty());
        let hostile = read(&Bytes::from_static(b"<html>not here</html>")).expect_err("is no page");
        assert_eq!(hostile.kind(), ErrorKind::Unexpected);
    }
}
