//! Lists of blobs, versions, uncommitted blobs and containers.

use crate::cloud::call::Call;
use crate::cloud::dates;
use crate::cloud::error::Reason;
use crate::cloud::list::{Entry, Query, clear, opaque, page};
use crate::cloud::reply::Reply;
use crate::cloud::state::{State, Version};
use crate::cloud::xml::Xml;

const META: &str = "x-ms-meta-";

pub(super) fn blobs(state: &State, call: &Call) -> Result<Reply, Reason> {
    let bucket = state.bucket(&call.bucket)?;
    let token = call.text("marker").map(clear).transpose()?;
    let include: Vec<_> = call.query("include").unwrap_or_default().split(',').collect();
    let query = Query {
        prefix: call.query("prefix").unwrap_or_default(),
        delimiter: call.text("delimiter"),
        after: None,
        from: call.text("startFrom"),
        token: token.as_deref(),
        limit: call.number("maxresults")?.unwrap_or(5000_usize).min(5000),
        versions: include.contains(&"versions"),
        newest_first: false,
    };
    let hierarchical = state.options.hierarchical;
    let mut others: Vec<String> = Vec::new();
    if hierarchical {
        // Grouped by a delimiter, a directory is a prefix; else it is a blob without content.
        let end = query.delimiter.unwrap_or_default();
        others.extend(bucket.directories.iter().map(|name| format!("{name}{end}")));
    }
    if include.contains(&"uncommittedblobs") {
        others.extend(
            bucket
                .blocks
                .keys()
                .filter(|key| bucket.current(key).is_none())
                .cloned(),
        );
    }
    let page = page(bucket, &query, others);
    let endpoint = call.header("host").unwrap_or_default();
    let mut xml = Xml::new(
        "EnumerationResults",
        &[("ServiceEndpoint", endpoint), ("ContainerName", &call.bucket)],
    );
    xml.text("Prefix", query.prefix)
        .text_if("Marker", call.text("marker"))
        .text("MaxResults", query.limit);
    xml.text_if("Delimiter", query.delimiter).open("Blobs");
    for entry in &page.entries {
        match entry {
            Entry::Object { key, version, current } => {
                xml.open("Blob").text("Name", key);
                if query.versions && version.kept {
                    xml.text("VersionId", &version.id)
                        .text_if("IsCurrentVersion", current.then_some(true));
                }
                properties(&mut xml, version, hierarchical);
                if include.contains(&"metadata") {
                    metadata(&mut xml, version);
                }
                xml.close();
            }
            Entry::Prefix(prefix) => drop(xml.open("BlobPrefix").text("Name", prefix).close()),
            Entry::Other(name) => other(&mut xml, name, bucket.directories.contains(name), &include),
        }
    }
    xml.close()
        .text("NextMarker", page.next.as_deref().map(opaque).unwrap_or_default());
    Ok(Reply::new(200).xml(&mut xml))
}

fn properties(xml: &mut Xml, version: &Version, hierarchical: bool) {
    let own = |name: &str| version.headers.get(name);
    xml.open("Properties");
    xml.text("Creation-Time", dates::http(version.tick))
        .text("Last-Modified", dates::http(version.tick));
    xml.text("Etag", version.etag.trim_matches('"'))
        .text("Content-Length", version.content.len());
    xml.text("Content-Type", own("content-type").map_or("", String::as_str));
    xml.text_if("Content-Encoding", own("content-encoding"))
        .text_if("Content-Language", own("content-language"));
    xml.text_if("ResourceType", hierarchical.then_some("file"));
    xml.text("BlobType", "BlockBlob")
        .text_if("AccessTier", own("x-ms-access-tier"))
        .text("ServerEncrypted", true);
    xml.close();
}

/// Names of metadata are the names of elements, so those that cannot be one are left out.
fn metadata(xml: &mut Xml, version: &Version) {
    xml.open("Metadata");
    for (name, value) in &version.headers {
        let name = name
            .strip_prefix(META)
            .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        if let Some(name) = name {
            xml.text(name, value);
        }
    }
    xml.close();
}

fn other(xml: &mut Xml, name: &str, directory: bool, include: &[&str]) {
    xml.open("Blob").text("Name", name).open("Properties");
    xml.text("Last-Modified", dates::http(0))
        .text("Etag", "0x8D0")
        .text("Content-Length", 0);
    xml.text("Content-Type", "application/octet-stream")
        .text_if("ResourceType", directory.then_some("directory"));
    xml.text("BlobType", "BlockBlob").close();
    if directory && include.contains(&"metadata") {
        xml.open("Metadata").text("hdi_isfolder", true).close();
    }
    xml.close();
}

pub(super) fn containers(state: &State) -> Reply {
    let mut xml = Xml::new("EnumerationResults", &[]);
    xml.open("Containers");
    for name in state.buckets.keys() {
        xml.open("Container")
            .text("Name", name)
            .open("Properties")
            .text("Etag", "0x8D0")
            .close()
            .close();
    }
    xml.close().text("NextMarker", "");
    Reply::new(200).xml(&mut xml)
}
