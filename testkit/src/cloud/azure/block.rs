//! Blocks, and the lists that publish them.

use super::{blob, described};
use crate::cloud::call::Call;
use crate::cloud::conditions;
use crate::cloud::content::Content;
use crate::cloud::error::Reason;
use crate::cloud::object;
use crate::cloud::reply::Reply;
use crate::cloud::state::{Draft, State};
use crate::cloud::xml::{Xml, parse};

/// Keeps a block until a list names it.
pub(super) fn put(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let id = call
        .text("blockid")
        .ok_or_else(|| Reason::Argument("blockid is missing".to_owned()))?;
    let content = if call.headers.contains_key("x-ms-copy-source") {
        let from = blob::source(state, call)?;
        let length = from.content.len();
        let range = conditions::range(call.header("x-ms-source-range"), length)?;
        from.content.slice(range.unwrap_or(0..length))
    } else {
        call.body.clone()
    };
    let blocks = &mut state.bucket_mut(&call.bucket)?.blocks;
    blocks
        .entry(call.key.clone())
        .or_default()
        .insert(id.to_owned(), content);
    Ok(Reply::new(201).header("x-ms-request-server-encrypted", true))
}

/// Publishes the blocks that a list names; the others are dropped.
pub(super) fn commit(state: &mut State, call: &Call) -> Result<Reply, Reason> {
    let root = parse(&call.body)?;
    let bucket = state.bucket(&call.bucket)?;
    let uncommitted = bucket.blocks.get(&call.key);
    let committed = bucket
        .current(&call.key)
        .map(|version| version.blocks.as_slice())
        .unwrap_or_default();
    let new = |id: &str| uncommitted.and_then(|blocks| blocks.get(id)).cloned();
    let old = |id: &str| {
        committed
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, content)| content.clone())
    };
    let mut blocks = Vec::new();
    let mut content = Content::default();
    for named in &root.children {
        let id = named.text.trim();
        let found = match named.name.as_str() {
            "Uncommitted" => new(id),
            "Committed" => old(id),
            "Latest" => new(id).or_else(|| old(id)),
            _ => return Err(Reason::Malformed),
        };
        let block = found.ok_or(Reason::InvalidPart)?;
        content.append(&block);
        blocks.push((id.to_owned(), block));
    }
    let headers = object::headers(state.dialect, call);
    let version = blob::publish(
        state,
        call,
        Draft {
            content,
            headers,
            blocks,
            ..Draft::default()
        },
    )?;
    let reply = object::encryption(Reply::new(201), &version.headers);
    Ok(described(state, call, reply, &version))
}

/// Lists the blocks of one blob.
pub(super) fn list(state: &State, call: &Call) -> Result<Reply, Reason> {
    let bucket = state.bucket(&call.bucket)?;
    let kind = call.query("blocklisttype").unwrap_or("committed");
    let current = bucket.current(&call.key);
    let uncommitted = bucket.blocks.get(&call.key);
    if current.is_none() && uncommitted.is_none() {
        return Err(Reason::NoSuchKey);
    }
    let mut xml = Xml::new("BlockList", &[]);
    let mut write = |name, blocks: Vec<(&String, &Content)>| {
        xml.open(name);
        for (id, content) in blocks {
            xml.open("Block").text("Name", id).text("Size", content.len()).close();
        }
        xml.close();
    };
    if kind != "uncommitted" {
        let blocks = current
            .iter()
            .flat_map(|version| &version.blocks)
            .map(|(id, content)| (id, content));
        write("CommittedBlocks", blocks.collect());
    }
    if kind != "committed" {
        write("UncommittedBlocks", uncommitted.into_iter().flatten().collect());
    }
    Ok(Reply::new(200).xml(&mut xml))
}
