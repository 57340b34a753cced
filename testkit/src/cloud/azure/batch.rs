//! Many deletes in one request: `multipart/mixed`, each part a request of its own.
//! <https://learn.microsoft.com/en-us/rest/api/storageservices/blob-batch>

use super::{blob, place};
use crate::cloud::Dialect;
use crate::cloud::call::Call;
use crate::cloud::error::{Reason, refuse};
use crate::cloud::fault::Operation;
use crate::cloud::reply::Reply;
use crate::cloud::state::State;
use http::{HeaderMap, Method, StatusCode};
use std::fmt::Write;

/// One request of a batch.
struct Item {
    /// The `Content-ID` that its answer repeats.
    id: String,
    bucket: String,
    key: String,
}

fn items(call: &Call) -> Result<Vec<Item>, Reason> {
    let kind = call.header("content-type").unwrap_or_default();
    let (_, boundary) = kind.split_once("boundary=").ok_or(Reason::Malformed)?;
    let body = call.body.text();
    let line = format!("--{}", boundary.trim_matches('"'));
    let parts = body.split(&line).skip(1).take_while(|part| !part.starts_with("--"));
    parts.map(|part| item(part).ok_or(Reason::Malformed)).collect()
}

fn item(part: &str) -> Option<Item> {
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-id").then(|| value.trim().to_owned())
    };
    let id = part.lines().find_map(field).unwrap_or_default();
    let target = part.lines().find_map(|line| line.strip_prefix("DELETE "))?;
    let path = target.split([' ', '?']).next()?;
    let (bucket, key) = place(path);
    Some(Item { id, bucket, key })
}

/// The keys that a delete names.
pub(in crate::cloud) fn deleted(call: &Call) -> Vec<String> {
    if !call.key.is_empty() {
        return vec![call.key.clone()];
    }
    let items = items(call).unwrap_or_default();
    items.into_iter().map(|item| item.key).collect()
}

pub(super) fn delete(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let items = items(call)?;
    if !call.bucket.is_empty() {
        state.bucket(&call.bucket)?;
    }
    const BOUNDARY: &str = "batchresponse_double";
    let mut body = String::new();
    for item in &items {
        let one = Call {
            method: Method::DELETE,
            path: String::new(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            bucket: item.bucket.clone(),
            key: item.key.clone(),
            keys: Vec::new(),
            operation: Operation::Delete,
            body: crate::cloud::content::Content::default(),
            digest: String::new(),
        };
        let answer = blob::delete(state, &one, &item.bucket, &item.key, None);
        let answer = answer.unwrap_or_else(|reason| refuse(Dialect::Azure, &one, &reason));
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let _ = write!(
            body,
            "--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: {}\r\n\r\n",
            item.id
        );
        let _ = write!(
            body,
            "HTTP/1.1 {} {}\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        );
        for (name, value) in &answer.headers {
            let _ = write!(body, "{name}: {}\r\n", value.to_str().unwrap_or_default());
        }
        let _ = write!(
            body,
            "Content-Length: {}\r\n\r\n{}\r\n",
            answer.body.len(),
            answer.body.text()
        );
    }
    let _ = write!(body, "--{BOUNDARY}--\r\n");
    let kind = format!("multipart/mixed; boundary={BOUNDARY}");
    Ok(Reply::new(202).body(&kind, body.into_bytes().into()))
}
