//! What larder knows of a table's files: which write made them, and its receipt. It stands in the files' tags, so that it
//! becomes visible with them.

mod compacted;

pub(crate) use compacted::{Compacted, compacted};

use crate::stats::FileStats;
use crate::write::DataFile;
use arrow_schema::Schema;
use deltalake_core::kernel::Add;
use larder_io_core::{ContentHash, Receipt};
use std::collections::HashMap;

const WRITE: &str = "larder.write";
const VERSION: &str = "larder.version";
const PART: &str = "larder.part";
const PARTS: &str = "larder.parts";
/// The place among files that were one, or several, before they were rewritten.
const PIECE: &str = "larder.piece";
const HASH: &str = "larder.hash";
const RECEIPT: &str = "larder.receipt";
const STEM: &str = "larder.stem";

/// Writes the tags of one of a write's files; the first one has the receipt.
pub(crate) struct Tags<'t> {
    pub(crate) receipt: &'t Receipt,
    /// The receipt as JSON.
    pub(crate) json: &'t str,
    pub(crate) stem: &'t str,
    pub(crate) parts: usize,
}

impl Tags<'_> {
    pub(crate) fn of(&self, part: usize, hash: &ContentHash) -> HashMap<String, Option<String>> {
        let mut tags = HashMap::new();
        let mut set = |name: &str, value: String| tags.insert(name.to_owned(), Some(value));
        set(WRITE, self.receipt.write.as_str().to_owned());
        set(PART, part.to_string());
        set(PARTS, self.parts.to_string());
        set(HASH, hash.to_string());
        set(STEM, self.stem.to_owned());
        if part == 0 {
            set(RECEIPT, self.json.to_owned());
        }
        tags
    }
}

/// Says in which version a file came into the table.
pub(crate) fn set_version(add: &mut Add, version: u64) {
    if let Some(tags) = &mut add.tags {
        tags.insert(VERSION.to_owned(), Some(version.to_string()));
    }
}

fn tag<'a>(add: &'a Add, name: &str) -> Option<&'a str> {
    add.tags.as_ref()?.get(name)?.as_deref()
}

fn number(add: &Add, name: &str) -> Option<u64> {
    tag(add, name)?.parse().ok()
}

/// The write that made a file, when it was one of larder's.
pub(crate) fn write_of(add: &Add) -> Option<&str> {
    tag(add, WRITE)
}

/// The stem under which its rows were stored.
pub(crate) fn stem_of(add: &Add) -> Option<&str> {
    tag(add, STEM)
}

/// The hash of its bytes.
pub(crate) fn hash_of(add: &Add) -> Option<ContentHash> {
    tag(add, HASH)?.parse().ok()
}

/// The version in which it came into the table.
pub(crate) fn version_of(add: &Add) -> Option<u64> {
    number(add, VERSION)
}

/// The receipt that a file carries.
pub(crate) fn receipt_of(add: &Add) -> Option<Receipt> {
    serde_json::from_str(tag(add, RECEIPT)?).ok()
}

/// Sorts files by when their rows came, and rows of one write as they were stored.
pub(crate) fn sort(files: &mut [&Add]) {
    files.sort_by(|one, other| {
        let key = |add: &Add| {
            let (part, piece) = (number(add, PART), number(add, PIECE));
            (add.modification_time, version_of(add), part, piece)
        };
        key(one).cmp(&key(other)).then_with(|| one.path.cmp(&other.path))
    });
}

/// Files as one value: what is known of all of them.
pub(crate) struct Whole {
    pub(crate) bytes: u64,
    pub(crate) rows: Option<u64>,
    /// The newest version that brought one of them; `None` when others wrote some.
    pub(crate) version: Option<u64>,
    /// The receipt of the write that brought the newest of them.
    pub(crate) newest: Option<Receipt>,
    /// Whether they are all files of one write, and nothing was deleted in them.
    pub(crate) exact: bool,
    pub(crate) modified_millis: i64,
}

impl Whole {
    pub(crate) fn of(files: &[&Add], schema: &Schema) -> Self {
        let rows = files
            .iter()
            .map(|add| FileStats::new(add, schema).rows())
            .sum::<Option<u64>>();
        let versions = files.iter().map(|add| version_of(add)).collect::<Option<Vec<u64>>>();
        let newest = files
            .iter()
            .filter(|add| receipt_of(add).is_some())
            .max_by_key(|add| version_of(add));
        let untouched = files.iter().all(|add| add.deletion_vector.is_none());
        let write = newest.and_then(|add| write_of(add));
        let of_one = write.is_some() && files.iter().all(|add| write_of(add) == write);
        let parts = newest.and_then(|add| number(add, PARTS));
        Self {
            bytes: files.iter().map(|add| add.size.unsigned_abs()).sum(),
            rows,
            version: versions.and_then(|versions| versions.into_iter().max()),
            newest: newest.and_then(|add| receipt_of(add)),
            exact: untouched && of_one && parts == Some(files.len() as u64),
            modified_millis: files.iter().map(|add| add.modification_time).max().unwrap_or(0),
        }
    }
}

/// One of the files with rows that stay of another one, in its place among the others.
pub(crate) fn in_place_of(old: &Add, new: &DataFile, piece: usize) -> Add {
    let kept = [VERSION, PART, STEM];
    let kept = kept
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Some(tag(old, name)?.to_owned()))));
    let mut tags: HashMap<String, Option<String>> = kept.collect();
    tags.insert(PIECE.to_owned(), Some(piece.to_string()));
    tags.insert(HASH.to_owned(), Some(new.hash.to_string()));
    Add {
        modification_time: old.modification_time,
        tags: Some(tags),
        ..new.add.clone()
    }
}
