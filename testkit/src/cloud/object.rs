//! What every dialect does alike with one object: which headers are kept, and how it is read.

use super::Dialect;
use super::call::Call;
use super::conditions;
use super::dates;
use super::error::Reason;
use super::reply::Reply;
use super::state::{Headers, Version};
use http::Method;

/// Headers of HTTP that a reader gets back.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// The vendor's own headers that are kept; those that end in `-` stand for all that begin so. A customer's key is not
/// kept, only its digest.
const OWN: [&str; 17] = [
    "meta-",
    "storage-class",
    "access-tier",
    "tagging",
    "tags",
    "server-side-encryption",
    "server-side-encryption-aws-kms-key-id",
    "server-side-encryption-bucket-key-enabled",
    "server-side-encryption-customer-algorithm",
    "server-side-encryption-customer-key-md5",
    "encryption-algorithm",
    "encryption-key-sha256",
    "encryption-kms-key-name",
    "encryption-scope",
    "website-redirect-location",
    "custom-time",
    "object-lock-",
];

/// What an object has whose writer says nothing about it.
pub(super) fn defaults(dialect: Dialect) -> Headers {
    let kind = if dialect == Dialect::S3 {
        "binary/octet-stream"
    } else {
        "application/octet-stream"
    };
    Headers::from([("content-type".to_owned(), kind.to_owned())])
}

/// What the writer of an object says about it, by the names that a reader sees.
pub(super) fn headers(dialect: Dialect, call: &Call) -> Headers {
    let mut found = defaults(dialect);
    for (name, value) in &call.headers {
        let name = name.as_str();
        let own = name.strip_prefix(dialect.prefix());
        let name = match own {
            // Azure has other names for a writer than for a reader.
            Some(own) if own.starts_with("blob-") && KEPT.contains(&&own[5..]) => &own[5..],
            Some(own)
                if OWN
                    .iter()
                    .any(|kept| own == *kept || kept.ends_with('-') && own.starts_with(kept)) =>
            {
                name
            }
            // The body of Azure's Put Block List has a content type of its own.
            None if KEPT.contains(&name) && !(dialect == Dialect::Azure && call.has("comp")) => name,
            _ => continue,
        };
        let value = String::from_utf8_lossy(value.as_bytes())
            .replace("aws-chunked,", "")
            .replace("aws-chunked", "");
        if !value.is_empty() {
            found.insert(name.to_owned(), value);
        }
    }
    found
}

/// The headers of encryption, which answers repeat.
pub(super) fn encryption(mut reply: Reply, headers: &Headers) -> Reply {
    for (name, value) in headers.iter().filter(|(name, _)| name.contains("encryption")) {
        reply = reply.header(name, value);
    }
    reply
}

/// Compares the digest of the customer's key with that of the object. `prefix` is that of the headers.
pub(super) fn unlock(dialect: Dialect, call: &Call, prefix: &str, headers: &Headers) -> Result<(), Reason> {
    let name = match dialect {
        Dialect::S3 => "server-side-encryption-customer-key-md5",
        _ => "encryption-key-sha256",
    };
    let wanted = headers.get(&format!("{}{name}", dialect.prefix()));
    match (wanted, call.header(&format!("{prefix}{name}"))) {
        (Some(_), None) => Err(Reason::KeyRequired),
        (Some(wanted), Some(sent)) if wanted != sent => Err(Reason::WrongKey),
        _ => Ok(()),
    }
}

/// Answers GET and HEAD of an object.
pub(super) fn read(dialect: Dialect, call: &Call, version: &Version) -> Result<Reply, Reason> {
    unlock(dialect, call, dialect.prefix(), &version.headers)?;
    conditions::read(&call.headers, "", version)?;
    let length = version.content.len();
    let range = call.header("x-ms-range").or_else(|| call.header("range"));
    let range = conditions::range(range, length)?;
    let mut reply = Reply::new(if range.is_some() { 206 } else { 200 });
    for (name, value) in &version.headers {
        reply = match name.strip_prefix(dialect.prefix()) {
            Some("tagging") => reply.header("x-amz-tagging-count", value.split('&').count()),
            Some("tags") => reply.header("x-ms-tag-count", value.split('&').count()),
            _ => reply.header(name, value),
        };
    }
    if let Some(range) = &range {
        reply = reply.header(
            "content-range",
            format!("bytes {}-{}/{length}", range.start, range.end - 1),
        );
    }
    reply.body = version.content.slice(range.unwrap_or(0..length));
    Ok(reply
        .header("etag", &version.etag)
        .header("last-modified", dates::http(version.tick))
        .header("accept-ranges", "bytes"))
}

/// Whether a call reads a part of an object.
pub(super) fn ranged(call: &Call) -> bool {
    call.method == Method::GET && (call.headers.contains_key("range") || call.headers.contains_key("x-ms-range"))
}
