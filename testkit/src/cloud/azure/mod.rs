//! Azure Blob Storage, with or without a hierarchical namespace, and how Data Lake Storage writes files.
//! <https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-rest-api>

mod batch;
mod blob;
mod block;
mod directory;
mod lake;
mod list;

pub(super) use batch::deleted;
pub(super) use directory::make as make_directories;

use super::ACCOUNT;
use super::call::{Call, split};
use super::error::Reason;
use super::fault::Operation;
use super::object::ranged;
use super::reply::Reply;
use super::state::{State, Version};
use http::Method;

/// Splits a path into container and blob, with the account before them or not.
fn place(path: &str) -> (String, String) {
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.strip_prefix(ACCOUNT) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => split(rest),
        _ => split(path),
    }
}

/// Says what a call is about.
pub(super) fn route(call: &mut Call) {
    (call.bucket, call.key) = place(&call.path);
    let object = !call.key.is_empty();
    let comp = call.query("comp");
    call.operation = match (&call.method, comp) {
        (&Method::PUT, None) if object && call.headers.contains_key("x-ms-copy-source") => Operation::Copy,
        (&Method::PUT, None) if object => Operation::Put,
        (&Method::PATCH, None) if object && call.query("action") == Some("append") => Operation::Part,
        (&Method::PATCH, None) if object && call.query("action") == Some("flush") => Operation::Complete,
        (&Method::PUT, Some("block")) if object => Operation::Part,
        (&Method::PUT, Some("blocklist")) if object => Operation::Complete,
        (&Method::DELETE, None) if object => Operation::Delete,
        (&Method::POST, Some("batch")) => Operation::Delete,
        (&Method::HEAD, None) if object => Operation::Head,
        (&Method::GET, None) if object && ranged(call) => Operation::RangedGet,
        (&Method::GET, None) if object => Operation::Get,
        (&Method::GET, Some("list")) if !call.bucket.is_empty() => Operation::List,
        _ => Operation::Other,
    };
}

/// Carries a call out.
pub(super) fn answer(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    match call.operation {
        Operation::Put if call.has("resource") => lake::create(state, call),
        Operation::Part if call.method == Method::PATCH => lake::append(state, call),
        Operation::Complete if call.method == Method::PATCH => lake::flush(state, call),
        Operation::Put => blob::put(state, call),
        Operation::Copy => blob::copy(state, call),
        Operation::Part => block::put(state, call),
        Operation::Complete => block::commit(state, call),
        Operation::Get | Operation::RangedGet | Operation::Head => blob::read(state, call),
        Operation::Delete if call.query("comp") == Some("batch") => batch::delete(state, call),
        Operation::Delete => {
            let id = call.query("versionid");
            blob::delete(state, call, &call.bucket, &call.key, id)
        }
        Operation::List => list::blobs(state, call),
        _ => other(state, call),
    }
}

fn other(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let container = call.query("restype") == Some("container") && call.key.is_empty();
    match (&call.method, call.query("comp")) {
        (_, Some("properties")) if call.query("restype") == Some("account") => Ok(Reply::new(200)
            .header("x-ms-sku-name", "Standard_LRS")
            .header("x-ms-account-kind", "StorageV2")
            .header("x-ms-is-hns-enabled", state.options.hierarchical)),
        (&Method::PUT, None) if container => {
            state.create(&call.bucket)?;
            Ok(Reply::new(201))
        }
        (&Method::GET | &Method::HEAD, None) if container => {
            state.bucket(&call.bucket)?;
            Ok(Reply::new(200)
                .header("etag", "\"0x8D0\"")
                .header("x-ms-has-immutability-policy", false))
        }
        (&Method::PUT, Some("lease")) => lake::lease(state, call),
        (&Method::GET, Some("blocklist")) => block::list(state, call),
        (&Method::GET, Some("list")) if call.bucket.is_empty() => Ok(list::containers(state)),
        _ => Err(Reason::NotImplemented),
    }
}

/// The headers that every answer about a version has.
fn described(state: &State, call: &Call, reply: Reply, version: &Version) -> Reply {
    let current = state
        .bucket(&call.bucket)
        .ok()
        .and_then(|bucket| bucket.current(&call.key));
    let is_current = current.is_some_and(|current| current.id == version.id);
    reply
        .header("etag", &version.etag)
        .header("last-modified", super::dates::http(version.tick))
        .header_if("x-ms-version-id", version.kept.then_some(&version.id))
        .header_if("x-ms-is-current-version", (version.kept && is_current).then_some(true))
        .header("x-ms-request-server-encrypted", true)
}
