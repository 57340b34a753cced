//! Whole blobs: put, get, head, delete, copy.

use super::{described, directory, place};
use crate::cloud::call::Call;
use crate::cloud::conditions;
use crate::cloud::dates;
use crate::cloud::error::Reason;
use crate::cloud::object;
use crate::cloud::reply::Reply;
use crate::cloud::state::{Draft, State, Version};
use http::Uri;
use std::sync::Arc;

/// Publishes a value; uncommitted blocks of the blob are gone afterwards.
pub(super) fn publish(state: &mut State, call: &Call, draft: Draft) -> Result<Arc<Version>, Reason> {
    let current = state.bucket(&call.bucket)?.current(&call.key);
    conditions::write(state.dialect, call, current.map(|version| &**version))?;
    directory::refuse(state, &call.bucket, &call.key)?;
    directory::make(state, &call.bucket, &call.key);
    state.bucket_mut(&call.bucket)?.blocks.remove(&call.key);
    state.put(&call.bucket, &call.key, draft)
}

pub(super) fn put(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    if call.header("x-ms-blob-type") != Some("BlockBlob") {
        return Err(Reason::NotImplemented);
    }
    let headers = object::headers(state.dialect, call);
    let draft = Draft {
        content: call.body.clone(),
        headers,
        ..Draft::default()
    };
    let version = publish(state, call, draft)?;
    let reply = object::encryption(Reply::new(201), &version.headers);
    Ok(described(state, call, reply, &version))
}

pub(super) fn read(state: &State, call: &Call) -> Result<Reply, Reason> {
    let bucket = state.bucket(&call.bucket)?;
    if state.options.hierarchical && bucket.directories.contains(&call.key) {
        let reply = Reply::new(200)
            .header("x-ms-meta-hdi_isfolder", "true")
            .header("x-ms-resource-type", "directory");
        return Ok(reply
            .header("etag", "\"0x8D0\"")
            .header("last-modified", dates::http(0)));
    }
    let version = bucket.find(&call.key, call.query("versionid"))?;
    let reply = object::read(state.dialect, call, &version)?;
    let reply = reply
        .header("x-ms-blob-type", "BlockBlob")
        .header("x-ms-creation-time", dates::http(version.tick));
    let file = state.options.hierarchical.then_some("file");
    Ok(described(state, call, reply, &version).header_if("x-ms-resource-type", file))
}

/// Deletes a blob, or an old version of it. What is missing is an error here.
pub(super) fn delete(
    state: &mut State,
    call: &Call,
    bucket: &str,
    key: &str,
    id: Option<&str>,
) -> Result<Reply, Reason> {
    let dialect = state.dialect;
    let done = Reply::new(202).header("x-ms-delete-type-permanent", true);
    if state.options.hierarchical && directory::delete(state, bucket, key)? {
        return Ok(done);
    }
    let found = state.bucket_mut(bucket)?;
    if let Some(id) = id {
        if found.current(key).is_some_and(|current| current.id == id) {
            return Err(Reason::Status(403, Some("OperationNotAllowedOnRootBlob".to_owned())));
        }
        found.remove(dialect, key, id)?;
        return Ok(done);
    }
    let current = found.current(key).ok_or(Reason::NoSuchKey)?;
    conditions::write(dialect, call, Some(current))?;
    state.delete(bucket, key)?;
    Ok(done)
}

/// What `x-ms-copy-source` names.
pub(super) fn source(state: &State, call: &Call) -> Result<Arc<Version>, Reason> {
    let wrong = |_| Reason::Argument("x-ms-copy-source is not a URL".to_owned());
    let url: Uri = call
        .header("x-ms-copy-source")
        .unwrap_or_default()
        .parse()
        .map_err(wrong)?;
    let (bucket, key) = place(url.path());
    let query: Vec<_> = form_urlencoded::parse(url.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let id = query
        .iter()
        .find(|(name, _)| name == "versionid")
        .map(|(_, id)| id.as_str());
    let version = state.bucket(&bucket)?.find(&key, id)?;
    conditions::read(&call.headers, "x-ms-source-", &version)?;
    Ok(version)
}

/// `Copy Blob` and `Put Blob From URL`; both are done when the answer comes.
pub(super) fn copy(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let from = source(state, call)?;
    let mut headers = object::headers(state.dialect, call);
    // Metadata is taken over unless the request brings some.
    if !headers.keys().any(|name| name.starts_with("x-ms-meta-")) {
        let own = std::mem::replace(&mut headers, from.headers.clone());
        headers.extend(
            own.into_iter()
                .filter(|(name, _)| name == "x-ms-access-tier" || name == "x-ms-tags"),
        );
    }
    let draft = Draft {
        content: from.content.clone(),
        headers,
        ..Draft::default()
    };
    let version = publish(state, call, draft)?;
    let put_from_url = call.headers.contains_key("x-ms-blob-type");
    let reply = Reply::new(if put_from_url { 201 } else { 202 })
        .header("x-ms-copy-id", format!("{:032x}", version.tick))
        .header("x-ms-copy-status", "success");
    Ok(described(state, call, reply, &version))
}
