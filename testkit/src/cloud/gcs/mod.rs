//! Google Cloud Storage. The XML interface is that of S3 with other headers; preconditions go by generation.
//! <https://cloud.google.com/storage/docs/xml-api/overview>

mod json;

use super::call::{Call, split};
use super::error::Reason;
use super::fault::Operation;
use super::reply::Reply;
use super::s3;
use super::state::State;

/// Says what a call is about.
pub(super) fn route(call: &mut Call) {
    if json::route(call) {
        return;
    }
    (call.bucket, call.key) = split(&call.path);
    call.operation = s3::classify(call, "x-goog-copy-source");
}

/// Carries a call out.
pub(super) fn answer(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    match call.operation {
        _ if json::is(call) => json::answer(state, call),
        // One by one: there is no batch.
        Operation::Delete if call.key.is_empty() => Err(Reason::NotImplemented),
        _ => s3::answer(state, call),
    }
}
