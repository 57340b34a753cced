//! Lists of keys and of versions, page by page.

use super::error::Reason;
use super::state::{Bucket, Version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a list asks for.
pub(super) struct Query<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: Option<&'a str>,
    /// Keys up to and including this one are left out.
    pub(super) after: Option<&'a str>,
    /// Keys before this one are left out.
    pub(super) from: Option<&'a str>,
    /// The token of the page before.
    pub(super) token: Option<&'a str>,
    pub(super) limit: usize,
    /// Old versions, too.
    pub(super) versions: bool,
    /// The newest version of a key first.
    pub(super) newest_first: bool,
}

/// One line of a list.
pub(super) enum Entry {
    Object {
        key: String,
        version: Arc<Version>,
        current: bool,
    },
    Prefix(String),
    /// A directory, or a blob of which only blocks exist.
    Other(String),
}

/// One page.
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    pub(super) next: Option<String>,
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Object { key, .. } => key,
            Self::Prefix(name) | Self::Other(name) => name,
        }
    }

    fn token(&self) -> String {
        match self {
            Self::Object { key, version, .. } => format!("{key}\0{}", version.id),
            _ => self.name().to_owned(),
        }
    }
}

/// Lists a bucket. `others` are names without a value, which are listed among the keys.
pub(super) fn page(bucket: &Bucket, query: &Query<'_>, others: impl IntoIterator<Item = String>) -> Page {
    let wanted = |key: &str| {
        key.starts_with(query.prefix)
            && query.after.is_none_or(|after| key > after)
            && query.from.is_none_or(|from| key >= from)
    };
    let mut named: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut add = |key: &str, entries: Vec<Entry>| {
        let rest = &key[query.prefix.len()..];
        match query
            .delimiter
            .and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()))
        {
            Some(end) => {
                let group = key[..query.prefix.len() + end].to_owned();
                named.entry(group.clone()).or_insert_with(|| vec![Entry::Prefix(group)]);
            }
            None => named.entry(key.to_owned()).or_default().extend(entries),
        }
    };
    for (key, history) in &bucket.histories {
        if !wanted(key) || !(query.versions || history.current().is_some()) {
            continue;
        }
        let last = history.versions.len() - 1;
        let shown = history
            .versions
            .iter()
            .enumerate()
            .skip(if query.versions { 0 } else { last });
        let mut entries: Vec<_> = shown
            .map(|(index, version)| Entry::Object {
                key: key.clone(),
                version: Arc::clone(version),
                current: history.live && index == last,
            })
            .collect();
        if query.newest_first {
            entries.reverse();
        }
        add(key, entries);
    }
    others
        .into_iter()
        .filter(|name| wanted(name))
        .for_each(|name| add(&name, vec![Entry::Other(name.clone())]));
    cut(named.into_values().flatten().collect(), query)
}

fn cut(mut entries: Vec<Entry>, query: &Query<'_>) -> Page {
    if let Some(token) = query.token {
        let name = token.split('\0').next().unwrap_or_default();
        let begin = match entries.iter().position(|entry| entry.token() == token) {
            Some(found) => found + 1,
            None => entries
                .iter()
                .position(|entry| entry.name() > name)
                .unwrap_or(entries.len()),
        };
        entries.drain(..begin);
    }
    let more = entries.len() > query.limit;
    entries.truncate(query.limit);
    let next = entries.last().filter(|_| more).map(Entry::token);
    Page { entries, next }
}

/// Makes a token that can stand in XML and in a query.
pub(super) fn opaque(token: &str) -> String {
    token.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads such a token.
pub(super) fn clear(opaque: &str) -> Result<String, Reason> {
    let digits = opaque.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Reason::Argument("The continuation token provided is incorrect".to_owned()))
}
