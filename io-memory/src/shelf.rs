//! The versions of one value: which are kept, which is published.

use jiff::Timestamp;
use larder_io_core::{Error, ErrorKind, Precondition, Receipt, Result, Retention, Value, Version, WriteId};
use std::time::Duration;

/// One version.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) receipt: Receipt,
    /// Position among all writes of this shelf.
    sequence: u64,
    /// When it was taken from the front, or deleted there.
    replaced: Option<Timestamp>,
}

/// The versions of one value, what was published last in front.
#[derive(Default)]
pub(crate) struct Shelf {
    entries: Vec<Entry>,
    /// Whether the entry in front is published; after a delete it is not.
    published: bool,
    next: u64,
}

impl Shelf {
    /// The published version.
    pub(crate) fn current(&self) -> Option<&Entry> {
        self.entries.first().filter(|_| self.published)
    }

    /// A kept version.
    pub(crate) fn version(&self, version: &Version) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.receipt.version == *version)
    }

    /// The receipt of a write that landed, also when another one has replaced it.
    pub(crate) fn landed(&self, write: &WriteId) -> Option<&Receipt> {
        let mut receipts = self.entries.iter().map(|entry| &entry.receipt);
        receipts.find(|receipt| receipt.write == *write)
    }

    /// Fails unless `precondition` holds.
    pub(crate) fn check(&self, precondition: &Precondition) -> Result<()> {
        let found = self.current().map(|entry| &entry.receipt.version);
        let expected = match (precondition, found) {
            (Precondition::None, _) | (Precondition::Absent, None) => return Ok(()),
            (Precondition::Unchanged(version), Some(found)) if version == found => return Ok(()),
            (Precondition::Absent, Some(_)) => "nothing".to_owned(),
            (Precondition::Unchanged(version), _) => format!("version {version}"),
        };
        let found = found.map_or_else(|| "nothing".to_owned(), |version| format!("version {version}"));
        let message = format!("expected {expected} to be published, found {found}; load it again and decide anew");
        Err(Error::new(ErrorKind::Conflict, message))
    }

    /// Publishes a new version and gives back what is not kept any more.
    pub(crate) fn publish(&mut self, value: Value, receipt: Receipt, retention: &Retention) -> Vec<Entry> {
        let now = receipt.stored_at;
        self.end(now);
        let sequence = self.next;
        self.next += 1;
        let new = Entry {
            value,
            receipt,
            sequence,
            replaced: None,
        };
        self.entries.insert(0, new);
        self.published = true;
        let kept = |(newer, entry): (usize, &Entry)| {
            let replaced = entry
                .replaced
                .map_or(Duration::ZERO, |at| now.duration_since(at).unsigned_abs());
            newer == 0 || retention.keeps(newer, replaced)
        };
        let kept: Vec<bool> = self.entries.iter().enumerate().map(kept).collect();
        let mut kept = kept.into_iter();
        self.entries.extract_if(.., |_| !kept.next().unwrap_or(true)).collect()
    }

    /// Publishes a kept version again.
    pub(crate) fn restore(&mut self, version: &Version) -> Option<Receipt> {
        let index = self
            .entries
            .iter()
            .position(|entry| entry.receipt.version == *version)?;
        if index > 0 {
            self.end(Timestamp::now());
        }
        // In front it outlives what it replaces; `history` puts writes back in order.
        self.entries[..=index].rotate_right(1);
        self.published = true;
        let front = self.entries.first_mut()?;
        front.replaced = None;
        Some(front.receipt.clone())
    }

    /// Takes the published version down; it stays in the history.
    pub(crate) fn delete(&mut self) {
        self.end(Timestamp::now());
        self.published = false;
    }

    /// Removes a kept version and gives it back.
    pub(crate) fn remove(&mut self, version: &Version) -> Result<Option<Entry>> {
        let index = self.entries.iter().position(|entry| entry.receipt.version == *version);
        match index {
            Some(0) if self.published => {
                let message = format!("version {version} is the published one; only old versions are removed");
                Err(Error::new(ErrorKind::Conflict, message))
            }
            index => Ok(index.map(|index| self.entries.remove(index))),
        }
    }

    fn end(&mut self, now: Timestamp) {
        if let Some(front) = self.entries.first_mut().filter(|_| self.published) {
            front.replaced = Some(now);
        }
    }

    /// Receipts of all kept versions, newest write first.
    pub(crate) fn history(&self) -> Vec<Receipt> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.sequence));
        entries.into_iter().map(|entry| entry.receipt.clone()).collect()
    }
}
