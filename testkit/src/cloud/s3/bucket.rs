//! Buckets and their settings, and what is left: tags and parts.

use super::multipart;
use crate::cloud::Dialect;
use crate::cloud::call::Call;
use crate::cloud::error::Reason;
use crate::cloud::reply::Reply;
use crate::cloud::state::{State, Versioning};
use crate::cloud::xml::{Xml, parse};
use http::Method;

const DEFAULT_REGION: &str = "us-east-1";

pub(in crate::cloud) fn answer(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    if !call.key.is_empty() {
        return of_object(state, call);
    }
    let region = state
        .options
        .region
        .clone()
        .unwrap_or_else(|| DEFAULT_REGION.to_owned());
    if call.is(&Method::PUT, "versioning") {
        let root = parse(&call.body)?;
        state.bucket_mut(&call.bucket)?.versioning = match root.get("Status") {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => return Err(Reason::Malformed),
        };
        return Ok(Reply::new(200));
    }
    if call.is(&Method::PUT, "lifecycle") {
        parse(&call.body)?;
        state.bucket_mut(&call.bucket)?.lifecycle = Some(call.body.clone());
        return Ok(Reply::new(200));
    }
    if call.method == Method::PUT && call.query.iter().all(|(name, _)| name == "x-id") {
        state.create(&call.bucket)?;
        return Ok(Reply::new(200).header("location", format!("/{}", call.bucket)));
    }
    if call.bucket.is_empty() && call.method == Method::GET {
        return Ok(buckets(state));
    }
    let bucket = state.bucket(&call.bucket)?;
    if call.method == Method::HEAD {
        return Ok(Reply::new(200).header("x-amz-bucket-region", region));
    }
    if call.is(&Method::GET, "versioning") {
        let mut xml = Xml::new("VersioningConfiguration", &[]);
        match bucket.versioning {
            Versioning::Never => {}
            Versioning::Enabled => drop(xml.text("Status", "Enabled")),
            Versioning::Suspended => drop(xml.text("Status", "Suspended")),
        }
        return Ok(Reply::new(200).xml(&mut xml));
    }
    if call.is(&Method::GET, "location") {
        let shown = if region == DEFAULT_REGION { "" } else { &region };
        let body = format!("<LocationConstraint>{shown}</LocationConstraint>");
        return Ok(Reply::new(200).body("application/xml", body.into_bytes().into()));
    }
    if call.is(&Method::GET, "lifecycle") {
        let body = bucket.lifecycle.clone().ok_or(Reason::NoLifecycle)?;
        return Ok(Reply::new(200).body("application/xml", body));
    }
    Err(Reason::NotImplemented)
}

fn buckets(state: &State) -> Reply {
    let mut xml = Xml::new("ListAllMyBucketsResult", &[]);
    xml.open("Buckets");
    for name in state.buckets.keys() {
        xml.open("Bucket")
            .text("Name", name)
            .text("CreationDate", "2024-01-01T00:00:00.000Z")
            .close();
    }
    Reply::new(200).xml(&mut xml)
}

fn of_object(state: &State, call: &Call) -> Result<Reply, Reason> {
    if call.is(&Method::GET, "uploadId") {
        return multipart::parts(state, call);
    }
    if state.dialect != Dialect::S3 || !call.is(&Method::GET, "tagging") {
        return Err(Reason::NotImplemented);
    }
    let version = state.bucket(&call.bucket)?.find(&call.key, call.query("versionId"))?;
    let tags = version.headers.get("x-amz-tagging").map_or("", String::as_str);
    let mut xml = Xml::new("Tagging", &[]);
    xml.open("TagSet");
    for (name, value) in form_urlencoded::parse(tags.as_bytes()) {
        xml.open("Tag").text("Key", name).text("Value", value).close();
    }
    Ok(Reply::new(200).xml(&mut xml))
}
