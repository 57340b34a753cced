//! Amazon S3, and what Google's XML interface has in common with it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

pub(super) mod bucket;
pub(super) mod list;
pub(super) mod multipart;
pub(super) mod object;

use super::Dialect;
use super::call::{Call, split};
use super::error::Reason;
use super::fault::Operation;
use super::object::ranged;
use super::reply::Reply;
use super::state::State;
use super::xml::parse;
use http::Method;

/// Says what a call is about.
pub(super) fn route(call: &mut Call) {
    (call.bucket, call.key) = split(&call.path);
    call.operation = classify(call, "x-amz-copy-source");
}

/// What may stand in the query of a request for an object, and of a list. Any other name asks for something else.
const OBJECT: [&str; 4] = ["versionId", "generation", "partNumber", "x-id"];
const LIST: [&str; 17] = [
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "generation-marker",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "max-uploads",
    "prefix",
    "start-after",
    "upload-id-marker",
    "uploads",
    "version-id-marker",
    "versions",
    "x-id",
];

/// Whether a query holds only such names, beside those of signed URLs and of headers that the answer is to have.
fn only(call: &Call, known: &[&str]) -> bool {
    let usual = |name: &str| known.contains(&name) || name.starts_with("X-") || name.starts_with("response-");
    call.query.iter().all(|(name, _)| usual(name))
}

/// Names the operation; `copy` is the header that makes a put a copy.
pub(super) fn classify(call: &Call, copy: &str) -> Operation {
    let object = !call.key.is_empty();
    match call.method {
        Method::PUT if object && call.has("partNumber") => Operation::Part,
        Method::PUT if object && call.headers.contains_key(copy) => Operation::Copy,
        Method::PUT if object && only(call, &OBJECT) => Operation::Put,
        Method::POST if object && call.has("uploads") => Operation::CreateMultipart,
        Method::POST if object && call.has("uploadId") => Operation::Complete,
        Method::POST if call.has("delete") => Operation::Delete,
        Method::DELETE if object && call.has("uploadId") => Operation::Abort,
        Method::DELETE if object => Operation::Delete,
        Method::HEAD if object => Operation::Head,
        Method::GET if object && only(call, &OBJECT) && ranged(call) => Operation::RangedGet,
        Method::GET if object && only(call, &OBJECT) => Operation::Get,
        Method::GET if !object && !call.bucket.is_empty() && only(call, &LIST) => Operation::List,
        _ => Operation::Other,
    }
}

/// The keys that a delete names.
pub(super) fn deleted(call: &Call) -> Vec<String> {
    if !call.key.is_empty() {
        return vec![call.key.clone()];
    }
    let Ok(root) = parse(&call.body) else { return Vec::new() };
    root.all("Object")
        .filter_map(|object| object.get("Key").map(str::to_owned))
        .collect()
}

/// Carries a call out.
pub(super) fn answer(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    match call.operation {
        Operation::Put => object::put(state, call),
        Operation::Copy => object::copy(state, call),
        Operation::Get | Operation::RangedGet | Operation::Head => object::read(state, call),
        Operation::Delete if call.key.is_empty() => object::delete_batch(state, call),
        Operation::Delete => object::delete(state, call),
        Operation::List if call.has("versions") => list::versions(state, call),
        Operation::List if call.has("uploads") => multipart::uploads(state, call),
        Operation::List => list::objects(state, call),
        Operation::Other => bucket::answer(state, call),
        _ => multipart::answer(state, call),
    }
}

/// The id of a version, for headers; none where the bucket never kept any.
pub(super) fn shown(dialect: Dialect, version: &super::state::Version) -> Option<&str> {
    (dialect != Dialect::S3 || version.kept).then_some(version.id.as_str())
}

/// The header of a version's id.
pub(super) fn version_header(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::S3 => "x-amz-version-id",
        _ => "x-goog-generation",
    }
}
