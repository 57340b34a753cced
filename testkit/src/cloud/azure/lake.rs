//! Files as the interface of Data Lake Storage writes them: made empty, appended to, flushed. They are read as blobs.
//! <https://learn.microsoft.com/en-us/rest/api/storageservices/datalakestoragegen2/path>
//!
//! Leases are given to everybody, and nothing is refused for lack of one.

use super::{blob, described};
use crate::cloud::call::Call;
use crate::cloud::error::Reason;
use crate::cloud::object;
use crate::cloud::reply::Reply;
use crate::cloud::state::{Draft, State};

/// Makes an empty file, also in the place of another.
pub(super) fn create(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    if call.query("resource") != Some("file") {
        return Err(Reason::NotImplemented);
    }
    let draft = Draft {
        headers: object::headers(state.dialect, call),
        ..Draft::default()
    };
    let version = blob::publish(state, call, draft)?;
    Ok(described(state, call, Reply::new(201), &version))
}

/// Keeps bytes until they are flushed.
pub(super) fn append(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let bucket = state.bucket_mut(&call.bucket)?;
    bucket.current(&call.key).ok_or(Reason::NoSuchKey)?;
    // In the order of their names.
    let name = format!("{:020}", position(call)?);
    let blocks = bucket.blocks.entry(call.key.clone()).or_default();
    blocks.insert(name, call.body.clone());
    Ok(Reply::new(202).header("x-ms-request-server-encrypted", true))
}

/// Publishes what was appended, up to the position that is to be the file's end.
pub(super) fn flush(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let bucket = state.bucket(&call.bucket)?;
    let current = bucket.current(&call.key).ok_or(Reason::NoSuchKey)?;
    let (mut content, headers) = (current.content.clone(), current.headers.clone());
    for (at, block) in bucket.blocks.get(&call.key).into_iter().flatten() {
        if at.parse() != Ok(content.len()) {
            return Err(wrong_end());
        }
        content.append(block);
    }
    if content.len() != position(call)? {
        return Err(wrong_end());
    }
    let draft = Draft {
        content,
        headers,
        ..Draft::default()
    };
    let version = blob::publish(state, call, draft)?;
    Ok(described(state, call, Reply::new(200), &version))
}

/// Gives a lease, or takes it back.
pub(super) fn lease(state: &State, call: &Call) -> Result<Reply, Reason> {
    let version = state.bucket(&call.bucket)?.find(&call.key, None)?;
    let (status, id) = match call.header("x-ms-lease-action") {
        Some("acquire") => (201, call.header("x-ms-proposed-lease-id")),
        Some("release") => (200, None),
        _ => return Err(Reason::NotImplemented),
    };
    let reply = Reply::new(status).header_if("x-ms-lease-id", id);
    Ok(described(state, call, reply, &version))
}

/// <https://learn.microsoft.com/en-us/rest/api/storageservices/datalakestoragegen2/path/update>
fn wrong_end() -> Reason {
    Reason::Status(400, Some("InvalidFlushPosition".to_owned()))
}

fn position(call: &Call) -> Result<u64, Reason> {
    let position = call.number("position")?;
    position.ok_or_else(|| Reason::Argument("position is missing".to_owned()))
}
