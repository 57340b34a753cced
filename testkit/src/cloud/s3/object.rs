//! Whole objects: put, get, head, delete, copy.

use super::{shown, version_header};
use crate::cloud::Dialect;
use crate::cloud::call::{Call, split};
use crate::cloud::conditions;
use crate::cloud::dates;
use crate::cloud::error::Reason;
use crate::cloud::object;
use crate::cloud::reply::Reply;
use crate::cloud::state::{Draft, State, Version, Versioning};
use crate::cloud::xml::{Xml, parse};
use std::sync::Arc;

pub(in crate::cloud) fn put(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let dialect = state.dialect;
    let current = state.bucket(&call.bucket)?.current(&call.key);
    conditions::write(dialect, call, current.map(|version| &**version))?;
    let headers = object::headers(dialect, call);
    let draft = Draft {
        content: call.body.clone(),
        etag: call.digest.clone(),
        headers,
        ..Draft::default()
    };
    let version = state.put(&call.bucket, &call.key, draft)?;
    Ok(checksums(written(dialect, Reply::new(200), &version), call))
}

/// What every answer to a write says.
pub(in crate::cloud) fn written(dialect: Dialect, reply: Reply, version: &Version) -> Reply {
    let reply = reply
        .header("etag", &version.etag)
        .header_if(version_header(dialect), shown(dialect, version));
    let reply = match dialect {
        Dialect::Gcs => reply.header("x-goog-metageneration", 1),
        _ => reply,
    };
    object::encryption(reply, &version.headers)
}

/// Repeats the checksums that the client computed.
pub(in crate::cloud) fn checksums(mut reply: Reply, call: &Call) -> Reply {
    for (name, value) in &call.headers {
        let name = name.as_str();
        if name.starts_with("x-amz-checksum-") && name != "x-amz-checksum-algorithm" {
            reply = reply.header_if(name, value.to_str().ok());
        }
    }
    reply
}

pub(in crate::cloud) fn read(state: &State, call: &Call) -> Result<Reply, Reason> {
    let dialect = state.dialect;
    let id = call.query("versionId").or_else(|| call.query("generation"));
    let bucket = state.bucket(&call.bucket)?;
    let version = bucket.find(&call.key, id)?;
    if version.marker {
        return Err(Reason::NoSuchKey);
    }
    let reply = object::read(dialect, call, &version)?;
    let reply = reply.header_if(version_header(dialect), shown(dialect, &version));
    Ok(match dialect {
        Dialect::Gcs => reply
            .header("x-goog-metageneration", 1)
            .header("x-goog-stored-content-length", version.content.len()),
        _ => reply,
    })
}

pub(in crate::cloud) fn delete(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let dialect = state.dialect;
    let bucket = state.bucket_mut(&call.bucket)?;
    let current = bucket.current(&call.key).cloned();
    let conditional = call.headers.contains_key("if-match");
    if dialect == Dialect::Gcs || conditional {
        conditions::write(dialect, call, current.as_deref())?;
    }
    let id = call.query("versionId").or_else(|| call.query("generation"));
    let reply = Reply::new(204);
    match (id, dialect) {
        (Some(id), _) => match bucket.remove(dialect, &call.key, id) {
            Ok(removed) => Ok(reply
                .header("x-amz-version-id", id)
                .header_if("x-amz-delete-marker", removed.marker.then_some(true))),
            Err(Reason::NoSuchVersion) if dialect == Dialect::S3 => Ok(reply),
            Err(reason) => Err(reason),
        },
        (None, _) => {
            let marker = state.delete(&call.bucket, &call.key)?;
            let id = marker
                .as_ref()
                .filter(|marker| marker.kept)
                .map(|marker| marker.id.clone());
            Ok(reply
                .header_if("x-amz-delete-marker", marker.map(|_| true))
                .header_if("x-amz-version-id", id))
        }
    }
}

pub(in crate::cloud) fn delete_batch(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let root = parse(&call.body)?;
    let quiet = root.get("Quiet") == Some("true");
    let versioned = state.bucket(&call.bucket)?.versioning != Versioning::Never;
    let mut xml = Xml::new("DeleteResult", &[("xmlns", "http://s3.amazonaws.com/doc/2006-03-01/")]);
    for object in root.all("Object") {
        let key = object.get("Key").ok_or(Reason::Malformed)?;
        let marker = match object.get("VersionId") {
            Some(id) => state
                .bucket_mut(&call.bucket)?
                .remove(Dialect::S3, key, id)
                .ok()
                .filter(|gone| gone.marker),
            None => state.delete(&call.bucket, key)?,
        };
        if quiet {
            continue;
        }
        xml.open("Deleted")
            .text("Key", key)
            .text_if("VersionId", object.get("VersionId"));
        if let Some(marker) = marker.filter(|_| versioned) {
            xml.text("DeleteMarker", true).text("DeleteMarkerVersionId", &marker.id);
        }
        xml.close();
    }
    Ok(Reply::new(200).xml(&mut xml))
}

/// The version that a copy reads, after the conditions about it were judged.
pub(in crate::cloud) fn source(state: &State, call: &Call) -> Result<Arc<Version>, Reason> {
    let dialect = state.dialect;
    let prefix = format!("{}copy-source-", dialect.prefix());
    let named = call.header(prefix.trim_end_matches('-')).unwrap_or_default();
    let (path, id) = match named.split_once("?versionId=") {
        Some((path, id)) => (path, Some(id)),
        None => (named, call.header("x-goog-copy-source-generation")),
    };
    let (bucket, key) = split(path);
    let version = state.bucket(&bucket)?.find(&key, id)?;
    if version.marker {
        return Err(if id.is_some() {
            Reason::Argument("the source is a delete marker".to_owned())
        } else {
            Reason::NoSuchKey
        });
    }
    conditions::read(&call.headers, &prefix, &version)?;
    conditions::generation(call.header("x-goog-copy-source-if-generation-match"), Some(&version))?;
    object::unlock(dialect, call, &prefix, &version.headers)?;
    Ok(version)
}

pub(in crate::cloud) fn copy(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let dialect = state.dialect;
    let from = source(state, call)?;
    let current = state.bucket(&call.bucket)?.current(&call.key);
    conditions::write(dialect, call, current.map(|version| &**version))?;
    let directive = call.header(&format!("{}metadata-directive", dialect.prefix()));
    let mut headers = object::headers(dialect, call);
    if directive != Some("REPLACE") {
        // Encryption and storage class are never inherited.
        let own = headers
            .into_iter()
            .filter(|(name, _)| name.contains("encryption") || name.contains("storage-class"));
        let own: Vec<_> = own.collect();
        headers = from.headers.clone();
        headers.retain(|name, _| !name.contains("encryption") && !name.contains("storage-class"));
        headers.extend(own);
    }
    let etag = from.etag.trim_matches('"');
    let etag = if etag.contains('-') {
        from.content.digest()
    } else {
        etag.to_owned()
    };
    let draft = Draft {
        content: from.content.clone(),
        etag,
        headers,
        ..Draft::default()
    };
    let version = state.put(&call.bucket, &call.key, draft)?;
    let mut xml = Xml::new("CopyObjectResult", &[]);
    xml.text("LastModified", dates::iso(version.tick))
        .text("ETag", &version.etag);
    let source = format!("{}copy-source-version-id", dialect.prefix());
    let reply = Reply::new(200).header_if(&source, shown(dialect, &from));
    Ok(written(dialect, reply, &version).xml(&mut xml))
}
