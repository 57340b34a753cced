//! What concerns generations in the JSON interface: metadata, lists of versions, rewrite, compose, delete.
//! <https://cloud.google.com/storage/docs/json_api/v1/objects>

use crate::cloud::Dialect;
use crate::cloud::call::{Call, decode};
use crate::cloud::conditions;
use crate::cloud::content::Content;
use crate::cloud::dates;
use crate::cloud::error::Reason;
use crate::cloud::fault::Operation;
use crate::cloud::list::{Entry, Query, clear, opaque, page};
use crate::cloud::object;
use crate::cloud::reply::Reply;
use crate::cloud::state::{Draft, Headers, State, Version, Versioning};
use http::Method;
use serde_json::{Map, Value, json};

const ROOT: &str = "/storage/v1/b";
const META: &str = "x-goog-meta-";

pub(super) fn is(call: &Call) -> bool {
    call.path.starts_with(ROOT)
}

/// The decoded segments behind the root.
fn segments(call: &Call) -> Vec<String> {
    let rest = call.path.strip_prefix(ROOT).unwrap_or_default();
    rest.split('/')
        .filter(|segment| !segment.is_empty())
        .map(decode)
        .collect()
}

/// Names bucket, key and operation, when the path is one of this interface.
pub(super) fn route(call: &mut Call) -> bool {
    if !is(call) {
        return false;
    }
    let segments = segments(call);
    let words: Vec<_> = segments.iter().map(String::as_str).collect();
    let (bucket, key, operation) = match (&call.method, words.as_slice()) {
        (&Method::GET, [bucket, "o"]) => (*bucket, "", Operation::List),
        (&Method::GET, [bucket, "o", key]) if call.query("alt") == Some("media") => {
            let ranged = object::ranged(call);
            (
                *bucket,
                *key,
                if ranged { Operation::RangedGet } else { Operation::Get },
            )
        }
        (&Method::GET, [bucket, "o", key]) => (*bucket, *key, Operation::Head),
        (&Method::DELETE, [bucket, "o", key]) => (*bucket, *key, Operation::Delete),
        (&Method::POST, [_, "o", _, "rewriteTo", "b", bucket, "o", key]) => (*bucket, *key, Operation::Copy),
        (&Method::POST, [bucket, "o", key, "compose"]) => (*bucket, *key, Operation::Copy),
        (_, [bucket, ..]) => (*bucket, "", Operation::Other),
        _ => ("", "", Operation::Other),
    };
    (call.bucket, call.key, call.operation) = (bucket.to_owned(), key.to_owned(), operation);
    true
}

pub(super) fn answer(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let segments = segments(call);
    match call.operation {
        Operation::List => list(state, call),
        Operation::Head | Operation::Get | Operation::RangedGet => read(state, call),
        Operation::Delete => {
            let bucket = state.bucket_mut(&call.bucket)?;
            conditions::write(Dialect::Gcs, call, bucket.current(&call.key).map(|version| &**version))?;
            match call.query("generation") {
                Some(id) => drop(bucket.remove(Dialect::Gcs, &call.key, id)?),
                None => drop(state.delete(&call.bucket, &call.key)?),
            }
            Ok(Reply::new(204))
        }
        Operation::Copy if segments.len() == 4 => compose(state, call),
        Operation::Copy => rewrite(state, call, &segments),
        _ => bucket(state, call, &segments),
    }
}

/// The description of an object.
fn resource(bucket: &str, key: &str, version: &Version, live: bool) -> Value {
    let own = |name: &str| version.headers.get(name).cloned();
    let metadata: Map<_, _> = version
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(META)?.to_owned(), Value::from(value.clone()))))
        .collect();
    let mut object = json!({
        "kind": "storage#object",
        "id": format!("{bucket}/{key}/{}", version.id),
        "name": key,
        "bucket": bucket,
        "generation": version.id,
        "metageneration": "1",
        "contentType": own("content-type"),
        "contentEncoding": own("content-encoding"),
        "size": version.content.len().to_string(),
        "etag": version.etag,
        "storageClass": own("x-goog-storage-class").unwrap_or_else(|| "STANDARD".to_owned()),
        "timeCreated": dates::iso(version.tick),
        "updated": dates::iso(version.tick),
        "metadata": metadata,
    });
    if !live && let Some(fields) = object.as_object_mut() {
        fields.insert("timeDeleted".to_owned(), dates::iso(version.tick).into());
    }
    object
}

fn read(state: &State, call: &Call) -> Result<Reply, Reason> {
    let bucket = state.bucket(&call.bucket)?;
    let version = bucket.find(&call.key, call.query("generation"))?;
    conditions::generation(call.query("ifGenerationMatch"), Some(&version))?;
    if call.operation != Operation::Head {
        let reply = object::read(state.dialect, call, &version)?;
        return Ok(reply.header("x-goog-generation", &version.id));
    }
    let live = bucket
        .current(&call.key)
        .is_some_and(|current| current.id == version.id);
    Ok(Reply::new(200).json(&resource(&call.bucket, &call.key, &version, live)))
}

fn list(state: &State, call: &Call) -> Result<Reply, Reason> {
    let token = call.text("pageToken").map(clear).transpose()?;
    let query = Query {
        prefix: call.query("prefix").unwrap_or_default(),
        delimiter: call.text("delimiter"),
        after: None,
        from: call.text("startOffset"),
        token: token.as_deref(),
        limit: call.number("maxResults")?.unwrap_or(1000_usize).min(1000),
        versions: call.query("versions") == Some("true"),
        newest_first: false,
    };
    let page = page(state.bucket(&call.bucket)?, &query, []);
    let mut answer = json!({ "kind": "storage#objects" });
    let (mut items, mut prefixes) = (Vec::new(), Vec::new());
    for entry in &page.entries {
        match entry {
            Entry::Object { key, version, current } => items.push(resource(&call.bucket, key, version, *current)),
            Entry::Prefix(prefix) => prefixes.push(prefix.as_str()),
            Entry::Other(_) => {}
        }
    }
    // Google leaves empty lists out.
    if !items.is_empty() {
        answer["items"] = items.into();
    }
    if !prefixes.is_empty() {
        answer["prefixes"] = prefixes.into();
    }
    if let Some(next) = &page.next {
        answer["nextPageToken"] = opaque(next).into();
    }
    Ok(Reply::new(200).json(&answer))
}

fn body(call: &Call) -> Result<Value, Reason> {
    if call.body.len() == 0 {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&call.body.bytes()).map_err(|_| Reason::Argument("the body is not JSON".to_owned()))
}

/// What a request says about the object that it makes, over what the source has.
fn described(inherited: Headers, resource: &Value) -> Headers {
    let mut headers = inherited;
    if let Some(kind) = resource["contentType"].as_str() {
        headers.insert("content-type".to_owned(), kind.to_owned());
    }
    if let Some(class) = resource["storageClass"].as_str() {
        headers.insert("x-goog-storage-class".to_owned(), class.to_owned());
    }
    if let Some(metadata) = resource["metadata"].as_object() {
        headers.retain(|name, _| !name.starts_with(META));
        let named = metadata
            .iter()
            .filter_map(|(name, value)| Some((format!("{META}{name}"), value.as_str()?.to_owned())));
        headers.extend(named);
    }
    headers
}

/// Copies in one call, whatever the size.
fn rewrite(state: &mut State, call: &Call, segments: &[String]) -> Result<Reply, Reason> {
    let from = state
        .bucket(&segments[0])?
        .find(&segments[2], call.query("sourceGeneration"))?;
    conditions::generation(call.query("ifSourceGenerationMatch"), Some(&from))?;
    let current = state.bucket(&call.bucket)?.current(&call.key);
    conditions::write(state.dialect, call, current.map(|version| &**version))?;
    let headers = described(from.headers.clone(), &body(call)?);
    let etag = from.content.digest();
    let draft = Draft {
        content: from.content.clone(),
        etag,
        headers,
        ..Draft::default()
    };
    let version = state.put(&call.bucket, &call.key, draft)?;
    let size = version.content.len().to_string();
    Ok(Reply::new(200).json(&json!({
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": size,
        "objectSize": size,
        "done": true,
        "resource": resource(&call.bucket, &call.key, &version, true),
    })))
}

/// Joins up to 32 objects of one bucket.
fn compose(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let body = body(call)?;
    let sources = body["sourceObjects"]
        .as_array()
        .filter(|sources| (1..=32).contains(&sources.len()));
    let sources = sources.ok_or_else(|| Reason::Argument("compose takes 1 to 32 source objects".to_owned()))?;
    let bucket = state.bucket(&call.bucket)?;
    let mut content = Content::default();
    for source in sources {
        let text = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .or_else(|| value.as_u64().map(|id| id.to_string()))
        };
        let name = source["name"]
            .as_str()
            .ok_or_else(|| Reason::Argument("a source has no name".to_owned()))?;
        let version = bucket.find(name, text(&source["generation"]).as_deref())?;
        let wanted = text(&source["objectPreconditions"]["ifGenerationMatch"]);
        conditions::generation(wanted.as_deref(), Some(&version))?;
        content.append(&version.content);
    }
    conditions::write(state.dialect, call, bucket.current(&call.key).map(|version| &**version))?;
    let headers = described(object::defaults(state.dialect), &body["destination"]);
    let draft = Draft {
        etag: content.digest(),
        content,
        headers,
        ..Draft::default()
    };
    let version = state.put(&call.bucket, &call.key, draft)?;
    Ok(Reply::new(200).json(&resource(&call.bucket, &call.key, &version, true)))
}

fn bucket(state: &mut State, call: &Call, segments: &[String]) -> Result<Reply, Reason> {
    let body = body(call)?;
    let name = match (&call.method, segments) {
        (&Method::POST, []) => {
            let name = body["name"]
                .as_str()
                .ok_or_else(|| Reason::Argument("a bucket needs a name".to_owned()))?;
            state.create(name)?;
            name
        }
        (&Method::GET | &Method::PATCH, [name]) => name,
        _ => return Err(Reason::NotImplemented),
    };
    let region = state.options.region.clone().unwrap_or_else(|| "US".to_owned());
    let bucket = state.bucket_mut(name)?;
    if let Some(enabled) = body["versioning"]["enabled"].as_bool() {
        bucket.versioning = if enabled {
            Versioning::Enabled
        } else {
            Versioning::Suspended
        };
    }
    let mut answer = json!({
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "location": region,
        "storageClass": "STANDARD",
        "versioning": { "enabled": bucket.versioning == Versioning::Enabled },
    });
    if let Some(lifecycle) = body.get("lifecycle") {
        bucket.lifecycle = Some(lifecycle.to_string().into_bytes().into());
    }
    let lifecycle = bucket
        .lifecycle
        .as_ref()
        .and_then(|stored| serde_json::from_str::<Value>(&stored.text()).ok());
    if let Some(lifecycle) = lifecycle {
        answer["lifecycle"] = lifecycle;
    }
    Ok(Reply::new(200).json(&answer))
}
