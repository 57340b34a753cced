//! Lists of objects and of versions.

use crate::cloud::Dialect;
use crate::cloud::call::Call;
use crate::cloud::dates;
use crate::cloud::error::Reason;
use crate::cloud::list::{Entry, Query, clear, opaque, page};
use crate::cloud::reply::Reply;
use crate::cloud::state::State;
use crate::cloud::xml::Xml;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const URL: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Encodes a key as the client asks: the XML of S3 cannot hold every character.
fn encoder(call: &Call) -> impl Fn(&str) -> String + use<> {
    let url = call.query("encoding-type") == Some("url");
    move |text| {
        if url {
            utf8_percent_encode(text, &URL).to_string()
        } else {
            text.to_owned()
        }
    }
}

fn query(call: &Call) -> Result<Query<'_>, Reason> {
    Ok(Query {
        prefix: call.query("prefix").unwrap_or_default(),
        delimiter: call.text("delimiter"),
        after: None,
        from: None,
        token: None,
        limit: call.number("max-keys")?.unwrap_or(1000_usize).min(1000),
        versions: false,
        newest_first: false,
    })
}

/// `ListObjectsV2`, and its predecessor where `list-type` is missing.
pub(in crate::cloud) fn objects(state: &State, call: &Call) -> Result<Reply, Reason> {
    let token = call.text("continuation-token").map(clear).transpose()?;
    let second = call.query("list-type") == Some("2");
    let query = Query {
        after: if second {
            call.text("start-after")
        } else {
            call.text("marker")
        },
        token: token.as_deref(),
        ..query(call)?
    };
    let page = page(state.bucket(&call.bucket)?, &query, []);
    let encode = encoder(call);
    let mut xml = Xml::new(
        "ListBucketResult",
        &[("xmlns", "http://s3.amazonaws.com/doc/2006-03-01/")],
    );
    xml.text("Name", &call.bucket)
        .text("Prefix", encode(query.prefix))
        .text("KeyCount", page.entries.len());
    xml.text("MaxKeys", query.limit)
        .text_if("Delimiter", query.delimiter.map(&encode));
    xml.text_if("EncodingType", call.query("encoding-type"))
        .text("IsTruncated", page.next.is_some());
    match &page.next {
        Some(next) if second => xml.text("NextContinuationToken", opaque(next)),
        Some(next) => xml.text("NextMarker", encode(next.split('\0').next().unwrap_or_default())),
        None => &mut xml,
    };
    for entry in &page.entries {
        match entry {
            Entry::Object { key, version, .. } => {
                xml.open("Contents")
                    .text("Key", encode(key))
                    .text("LastModified", dates::iso(version.tick));
                xml.text("ETag", &version.etag).text("Size", version.content.len());
                if state.dialect == Dialect::Gcs {
                    xml.text("Generation", &version.id).text("MetaGeneration", 1);
                }
                xml.text("StorageClass", "STANDARD").close();
            }
            Entry::Prefix(prefix) => {
                xml.open("CommonPrefixes").text("Prefix", encode(prefix)).close();
            }
            Entry::Other(_) => {}
        }
    }
    Ok(Reply::new(200).xml(&mut xml))
}

/// `ListObjectVersions`; for Google, every generation.
pub(in crate::cloud) fn versions(state: &State, call: &Call) -> Result<Reply, Reason> {
    let (id, id_marker, next_id) = match state.dialect {
        Dialect::Gcs => ("Generation", "generation-marker", "NextGenerationMarker"),
        _ => ("VersionId", "version-id-marker", "NextVersionIdMarker"),
    };
    let marker = call.text("key-marker");
    let token = match (marker, call.text(id_marker)) {
        (Some(key), Some(id)) => Some(format!("{key}\0{id}")),
        _ => None,
    };
    let query = Query {
        after: marker.filter(|_| token.is_none()),
        token: token.as_deref(),
        versions: true,
        newest_first: true,
        ..query(call)?
    };
    let page = page(state.bucket(&call.bucket)?, &query, []);
    let encode = encoder(call);
    let mut xml = Xml::new(
        "ListVersionsResult",
        &[("xmlns", "http://s3.amazonaws.com/doc/2006-03-01/")],
    );
    xml.text("Name", &call.bucket)
        .text("Prefix", encode(query.prefix))
        .text("MaxKeys", query.limit);
    xml.text("IsTruncated", page.next.is_some());
    if let Some(next) = &page.next {
        let (key, last) = next.split_once('\0').unwrap_or((next, ""));
        xml.text("NextKeyMarker", encode(key)).text(next_id, last);
    }
    for entry in &page.entries {
        match entry {
            Entry::Object { key, version, current } => {
                xml.open(if version.marker { "DeleteMarker" } else { "Version" });
                xml.text("Key", encode(key))
                    .text(id, &version.id)
                    .text("IsLatest", current);
                xml.text("LastModified", dates::iso(version.tick));
                if !version.marker {
                    xml.text("ETag", &version.etag).text("Size", version.content.len());
                    xml.text("StorageClass", "STANDARD");
                }
                xml.close();
            }
            Entry::Prefix(prefix) => {
                xml.open("CommonPrefixes").text("Prefix", encode(prefix)).close();
            }
            Entry::Other(_) => {}
        }
    }
    Ok(Reply::new(200).xml(&mut xml))
}
