//! What is still known of rows after their files were rewritten.

use super::{HASH, PART, PARTS, PIECE, RECEIPT, STEM, VERSION, WRITE, hash_of, number, receipt_of, sort, tag};
use super::{version_of, write_of};
use crate::verify::hash_of_parts;
use crate::write::DataFile;
use deltalake_core::kernel::Add;
use larder_io_core::ContentHash;
use std::collections::HashMap;

/// Files, in the order of their rows, and those that have the rows now.
pub(crate) struct Compacted<'c> {
    pub(crate) old: &'c [Add],
    pub(crate) new: &'c [DataFile],
    /// Whether rows changed places.
    pub(crate) moved: bool,
}

impl Compacted<'_> {
    /// The old file that came last; its write is the one that a receipt tells of.
    fn newest(&self) -> Option<&Add> {
        self.old.iter().max_by_key(|add| (version_of(add), number(add, PART)))
    }

    /// Whether every row is of this write.
    fn only_of(&self, write: &str) -> bool {
        self.old.iter().all(|add| write_of(add) == Some(write))
    }

    fn has(&self, add: &Add) -> bool {
        self.old.iter().any(|old| old.path == add.path)
    }

    /// The new files in the place of the old ones.
    fn adds(&self) -> Vec<Add> {
        let (Some(first), Some(newest)) = (self.old.first(), self.newest()) else {
            return Vec::new();
        };
        let version = self.old.iter().map(version_of).collect::<Option<Vec<u64>>>();
        let version = version.and_then(|versions| versions.into_iter().max());
        let told = [
            (WRITE, tag(newest, WRITE)),
            (STEM, tag(first, STEM)),
            (PART, tag(first, PART)),
        ];
        let pieces = self.new.iter().enumerate().map(|(piece, file)| {
            let mut tags: HashMap<String, Option<String>> = HashMap::new();
            let mut set =
                |name: &str, value: Option<String>| value.map(|value| tags.insert(name.to_owned(), Some(value)));
            for (name, value) in told {
                set(name, value.map(str::to_owned));
            }
            set(VERSION, version.map(|version| version.to_string()));
            set(PIECE, Some(piece.to_string()));
            set(HASH, Some(file.hash.to_string()));
            // Not all of one write, unless that is found out below.
            set(PARTS, Some("0".to_owned()));
            if piece == 0 {
                let of_newest = self.old.iter().filter(|add| write_of(add) == write_of(newest));
                let receipt = of_newest.filter_map(|add| tag(add, RECEIPT)).next();
                set(RECEIPT, receipt.map(str::to_owned));
            }
            Add {
                data_change: false,
                modification_time: first.modification_time,
                tags: Some(tags),
                ..file.add.clone()
            }
        });
        pieces.collect()
    }
}

/// The files that come into the table when others were rewritten, `active` being those before. Where all rows of a write are
/// still apart from others and in their order, its receipt stays exact, and tells of the new bytes.
pub(crate) fn compacted(active: &[Add], bins: &[Compacted<'_>]) -> Vec<Add> {
    let mut adds: Vec<Add> = bins.iter().flat_map(Compacted::adds).collect();
    let mut writes: Vec<&str> = bins.iter().flat_map(|bin| bin.old).filter_map(write_of).collect();
    writes.sort_unstable();
    writes.dedup();
    for write in writes {
        let own = |add: &&Add| write_of(add) == Some(write);
        let before: Vec<&Add> = active.iter().filter(own).collect();
        let exact = before
            .iter()
            .all(|add| add.deletion_vector.is_none() && number(add, PARTS) == Some(before.len() as u64));
        let touched = |bin: &&Compacted<'_>| bin.old.iter().any(|add| write_of(add) == Some(write));
        let apart = bins.iter().filter(touched).all(|bin| !bin.moved && bin.only_of(write));
        if !(exact && apart) {
            continue;
        }
        let untouched = before.into_iter().filter(|add| !bins.iter().any(|bin| bin.has(add)));
        let untouched = untouched.map(|add| Add {
            data_change: false,
            ..add.clone()
        });
        let (mut whole, others): (Vec<Add>, Vec<Add>) = adds.into_iter().partition(|add| write_of(add) == Some(write));
        whole.extend(untouched);
        retell(&mut whole);
        adds = others;
        adds.extend(whole);
    }
    adds
}

/// Makes all files of one write tell how many they are, and its receipt of their bytes.
fn retell(files: &mut [Add]) {
    let parts = files.len().to_string();
    let bytes = files.iter().map(|add| add.size.unsigned_abs()).sum();
    let mut order: Vec<&Add> = files.iter().collect();
    sort(&mut order);
    let hashes: Option<Vec<ContentHash>> = order.into_iter().map(hash_of).collect();
    for add in files {
        let receipt = receipt_of(add).map(|mut receipt| {
            receipt.bytes = bytes;
            receipt.stored_hash = hashes.as_deref().map(hash_of_parts);
            receipt
        });
        let json = receipt.and_then(|receipt| serde_json::to_string(&receipt).ok());
        if let Some(tags) = &mut add.tags {
            tags.insert(PARTS.to_owned(), Some(parts.clone()));
            if let Some(json) = json {
                tags.insert(RECEIPT.to_owned(), Some(json));
            }
        }
    }
}
