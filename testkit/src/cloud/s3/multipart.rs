//! Multipart uploads.

use super::object::{checksums, source, written};
use crate::cloud::Dialect;
use crate::cloud::call::Call;
use crate::cloud::conditions;
use crate::cloud::content::Content;
use crate::cloud::dates;
use crate::cloud::error::Reason;
use crate::cloud::fault::Operation;
use crate::cloud::object;
use crate::cloud::reply::Reply;
use crate::cloud::state::{Draft, Part, State, Upload};
use crate::cloud::xml::{Node, Xml, parse};
use std::collections::BTreeMap;

/// The smallest part but the last, in bytes.
const SMALLEST: u64 = 5 << 20;
/// Parts have the numbers 1 to 10,000.
const MOST_PARTS: u32 = 10_000;

pub(in crate::cloud) fn answer(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    match call.operation {
        Operation::CreateMultipart => create(state, call),
        Operation::Part => part(state, call),
        Operation::Complete => complete(state, call),
        _ => {
            upload(state, call)?;
            state.bucket_mut(&call.bucket)?.uploads.remove(id(call));
            Ok(Reply::new(204))
        }
    }
}

fn id(call: &Call) -> &str {
    call.query("uploadId").unwrap_or_default()
}

fn upload<'a>(state: &'a State, call: &Call) -> Result<&'a Upload, Reason> {
    let found = state.bucket(&call.bucket)?.uploads.get(id(call));
    found
        .filter(|upload| upload.key == call.key)
        .ok_or(Reason::NoSuchUpload)
}

fn create(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let tick = state.tick();
    let headers = object::headers(state.dialect, call);
    let id = format!("{}{tick:x}", &blake3::hash(call.key.as_bytes()).to_hex()[..16]);
    let reply = object::encryption(Reply::new(200), &headers);
    let upload = Upload {
        key: call.key.clone(),
        headers,
        parts: BTreeMap::new(),
        tick,
    };
    state.bucket_mut(&call.bucket)?.uploads.insert(id.clone(), upload);
    let mut xml = Xml::new("InitiateMultipartUploadResult", &[]);
    xml.text("Bucket", &call.bucket)
        .text("Key", &call.key)
        .text("UploadId", id);
    Ok(reply.xml(&mut xml))
}

fn part(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let number = call
        .number::<u32>("partNumber")?
        .filter(|number| (1..=MOST_PARTS).contains(number));
    let number = number.ok_or_else(|| Reason::Argument("Part number must be between 1 and 10000".to_owned()))?;
    let prefix = state.dialect.prefix();
    let copied = call.headers.contains_key(format!("{prefix}copy-source"));
    let headers = &upload(state, call)?.headers;
    object::unlock(state.dialect, call, prefix, headers)?;
    let reply = object::encryption(Reply::new(200), headers);
    let (content, digest) = if copied {
        let from = source(state, call)?;
        let length = from.content.len();
        let range = conditions::range(call.header(&format!("{prefix}copy-source-range")), length)?;
        let content = from.content.slice(range.unwrap_or(0..length));
        let digest = content.digest();
        (content, digest)
    } else {
        (call.body.clone(), call.digest.clone())
    };
    let tick = state.tick();
    let etag = format!("\"{digest}\"");
    let uploads = &mut state.bucket_mut(&call.bucket)?.uploads;
    let upload = uploads.get_mut(id(call)).ok_or(Reason::NoSuchUpload)?;
    upload.parts.insert(
        number,
        Part {
            content,
            etag: etag.clone(),
            tick,
        },
    );
    let reply = checksums(reply.header("etag", &etag), call);
    if !copied {
        return Ok(reply);
    }
    let mut xml = Xml::new("CopyPartResult", &[]);
    xml.text("LastModified", dates::iso(tick)).text("ETag", etag);
    Ok(reply.xml(&mut xml))
}

fn complete(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let dialect = state.dialect;
    if dialect == Dialect::Gcs && call.headers.contains_key("x-goog-if-generation-match") {
        return Err(Reason::NotImplemented);
    }
    let found = upload(state, call)?;
    let (content, etag) = assemble(found, call, state.options.refuse_small_parts)?;
    let headers = found.headers.clone();
    let current = state.bucket(&call.bucket)?.current(&call.key);
    conditions::write(dialect, call, current.map(|version| &**version))?;
    let version = state.put(
        &call.bucket,
        &call.key,
        Draft {
            content,
            etag,
            headers,
            ..Draft::default()
        },
    )?;
    state.bucket_mut(&call.bucket)?.uploads.remove(id(call));
    let mut xml = Xml::new("CompleteMultipartUploadResult", &[]);
    xml.text("Location", &call.path)
        .text("Bucket", &call.bucket)
        .text("Key", &call.key)
        .text("ETag", &version.etag);
    Ok(written(dialect, Reply::new(200), &version).xml(&mut xml))
}

/// Joins the parts that the request names.
fn assemble(upload: &Upload, call: &Call, refuse_small: bool) -> Result<(Content, String), Reason> {
    let root = parse(&call.body)?;
    let named: Vec<_> = root.all("Part").collect();
    if named.is_empty() {
        return Err(Reason::Malformed);
    }
    let number = |part: &&Node| part.get("PartNumber").and_then(|text| text.trim().parse::<u32>().ok());
    let numbers: Vec<u32> = named
        .iter()
        .map(number)
        .collect::<Option<_>>()
        .ok_or(Reason::Malformed)?;
    if !numbers.is_sorted_by(|one, next| one < next) {
        return Err(Reason::InvalidPartOrder);
    }
    let mut content = Content::default();
    let mut etags = blake3::Hasher::new();
    for (index, (part, number)) in named.iter().zip(&numbers).enumerate() {
        let etag = part.get("ETag").unwrap_or_default().trim_matches('"');
        let found = upload
            .parts
            .get(number)
            .filter(|found| found.etag.trim_matches('"') == etag);
        let found = found.ok_or(Reason::InvalidPart)?;
        if refuse_small && index + 1 < named.len() && found.content.len() < SMALLEST {
            return Err(Reason::TooSmall);
        }
        content.append(&found.content);
        etags.update(etag.as_bytes());
    }
    Ok((
        content,
        format!("{}-{}", crate::cloud::content::short(&etags), named.len()),
    ))
}

/// Lists uploads that are neither completed nor aborted.
pub(in crate::cloud) fn uploads(state: &State, call: &Call) -> Result<Reply, Reason> {
    let bucket = state.bucket(&call.bucket)?;
    let prefix = call.query("prefix").unwrap_or_default();
    let after = (
        call.query("key-marker").unwrap_or_default(),
        call.query("upload-id-marker"),
    );
    let limit = call.number("max-uploads")?.unwrap_or(1000_usize);
    let mut found: Vec<_> = bucket
        .uploads
        .iter()
        .map(|(id, upload)| (upload.key.as_str(), id.as_str(), upload))
        .collect();
    found.retain(|(key, id, _)| {
        key.starts_with(prefix) && (*key > after.0 || *key == after.0 && after.1.is_some_and(|after| *id > after))
    });
    found.sort_by_key(|(key, id, _)| (*key, *id));
    let more = found.len() > limit;
    found.truncate(limit);
    let mut xml = Xml::new("ListMultipartUploadsResult", &[]);
    xml.text("Bucket", &call.bucket)
        .text("Prefix", prefix)
        .text("KeyMarker", after.0);
    xml.text("MaxUploads", limit).text("IsTruncated", more);
    if let Some((key, id, _)) = found.last().filter(|_| more) {
        xml.text("NextKeyMarker", key).text("NextUploadIdMarker", id);
    }
    for (key, id, upload) in found {
        xml.open("Upload").text("Key", key).text("UploadId", id);
        xml.text("StorageClass", "STANDARD")
            .text("Initiated", dates::iso(upload.tick))
            .close();
    }
    Ok(Reply::new(200).xml(&mut xml))
}

/// Lists the parts of one upload.
pub(in crate::cloud) fn parts(state: &State, call: &Call) -> Result<Reply, Reason> {
    let upload = upload(state, call)?;
    let after = call.number("part-number-marker")?.unwrap_or(0_u32);
    let limit = call.number("max-parts")?.unwrap_or(1000_usize);
    let mut found: Vec<_> = upload.parts.range(after.saturating_add(1)..).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let mut xml = Xml::new("ListPartsResult", &[]);
    xml.text("Bucket", &call.bucket)
        .text("Key", &call.key)
        .text("UploadId", id(call));
    xml.text("MaxParts", limit).text("IsTruncated", more);
    xml.text_if("NextPartNumberMarker", found.last().map(|(number, _)| number));
    for (number, part) in found {
        xml.open("Part").text("PartNumber", number).text("ETag", &part.etag);
        xml.text("Size", part.content.len())
            .text("LastModified", dates::iso(part.tick))
            .close();
    }
    Ok(Reply::new(200).xml(&mut xml))
}
