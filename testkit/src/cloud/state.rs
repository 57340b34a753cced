//! What the double holds, the same for every dialect.

use super::Dialect;
use super::content::Content;
use super::dates;
use super::error::Reason;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One value of one key, or the mark that it was deleted.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) tick: u64,
    pub(super) id: String,
    /// With quotes.
    pub(super) etag: String,
    pub(super) content: Content,
    /// What the writer said about it: content type, metadata, encryption, tags.
    pub(super) headers: Headers,
    /// Azure's committed blocks.
    pub(super) blocks: Vec<(String, Content)>,
    pub(super) marker: bool,
    /// Written while old versions were kept.
    pub(super) kept: bool,
}

pub(super) type Headers = BTreeMap<String, String>;

/// A value about to be published.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) content: Content,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) headers: Headers,
    pub(super) blocks: Vec<(String, Content)>,
}

/// The versions of a key, oldest first.
#[derive(Default)]
pub(super) struct History {
    pub(super) versions: Vec<Arc<Version>>,
    /// Whether the last version is what a reader gets; S3 says the same by a mark.
    pub(super) live: bool,
}

impl History {
    pub(super) fn current(&self) -> Option<&Arc<Version>> {
        self.versions.last().filter(|version| self.live && !version.marker)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versioning {
    Never,
    Enabled,
    Suspended,
}

pub(super) struct Part {
    pub(super) content: Content,
    /// With quotes.
    pub(super) etag: String,
    pub(super) tick: u64,
}

/// A multipart upload that is neither completed nor aborted.
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) headers: Headers,
    pub(super) parts: BTreeMap<u32, Part>,
    pub(super) tick: u64,
}

pub(super) struct Bucket {
    pub(super) versioning: Versioning,
    pub(super) lifecycle: Option<Content>,
    pub(super) histories: BTreeMap<String, History>,
    pub(super) uploads: BTreeMap<String, Upload>,
    /// Azure's uncommitted blocks of each blob.
    pub(super) blocks: BTreeMap<String, BTreeMap<String, Content>>,
    /// The directories of a hierarchical account.
    pub(super) directories: BTreeSet<String>,
}

impl Bucket {
    pub(super) fn current(&self, key: &str) -> Option<&Arc<Version>> {
        self.histories.get(key).and_then(History::current)
    }

    /// The version that a reader asks for, or the current one.
    pub(super) fn find(&self, key: &str, id: Option<&str>) -> Result<Arc<Version>, Reason> {
        let found = match id {
            None => self.current(key).ok_or(Reason::NoSuchKey)?,
            Some(id) => {
                let history = self.histories.get(key).ok_or(Reason::NoSuchVersion)?;
                let mut versions = history.versions.iter();
                versions.find(|version| version.id == id).ok_or(Reason::NoSuchVersion)?
            }
        };
        Ok(Arc::clone(found))
    }

    /// Removes one version for good. Only in S3 does the one before it become current.
    pub(super) fn remove(&mut self, dialect: Dialect, key: &str, id: &str) -> Result<Arc<Version>, Reason> {
        let history = self.histories.get_mut(key).ok_or(Reason::NoSuchVersion)?;
        let position = history.versions.iter().position(|version| version.id == id);
        let position = position.ok_or(Reason::NoSuchVersion)?;
        let removed = history.versions.remove(position);
        history.live &= dialect == Dialect::S3 || position < history.versions.len();
        if history.versions.is_empty() {
            self.histories.remove(key);
        }
        Ok(removed)
    }
}

pub(super) struct Options {
    pub(super) versioning: bool,
    pub(super) hierarchical: bool,
    pub(super) refuse_small_parts: bool,
    pub(super) region: Option<String>,
    pub(super) credential: Option<String>,
    /// Longer bodies are counted and dropped.
    pub(super) keep: u64,
}

pub(super) struct State {
    pub(super) dialect: Dialect,
    pub(super) options: Options,
    pub(super) buckets: BTreeMap<String, Bucket>,
    /// The bucket that was made first.
    pub(super) first: Option<String>,
    tick: u64,
}

impl State {
    pub(super) fn new(dialect: Dialect) -> Self {
        let options = Options {
            versioning: false,
            hierarchical: false,
            refuse_small_parts: false,
            region: None,
            credential: None,
            keep: u64::MAX,
        };
        Self {
            dialect,
            options,
            buckets: BTreeMap::new(),
            first: None,
            tick: 0,
        }
    }

    /// The present time, later than every time given before.
    pub(super) fn tick(&mut self) -> u64 {
        self.tick = dates::now().max(self.tick + 1);
        self.tick
    }

    pub(super) fn create(&mut self, name: &str) -> Result<(), Reason> {
        if self.buckets.contains_key(name) {
            return Err(Reason::BucketExists);
        }
        let versioning = if self.options.versioning {
            Versioning::Enabled
        } else {
            Versioning::Never
        };
        let bucket = Bucket {
            versioning,
            lifecycle: None,
            histories: BTreeMap::new(),
            uploads: BTreeMap::new(),
            blocks: BTreeMap::new(),
            directories: BTreeSet::new(),
        };
        self.first.get_or_insert_with(|| name.to_owned());
        self.buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    pub(super) fn bucket(&self, name: &str) -> Result<&Bucket, Reason> {
        self.buckets.get(name).ok_or(Reason::NoSuchBucket)
    }

    pub(super) fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Reason> {
        self.buckets.get_mut(name).ok_or(Reason::NoSuchBucket)
    }

    /// Publishes a value, in one step.
    pub(super) fn put(&mut self, bucket: &str, key: &str, draft: Draft) -> Result<Arc<Version>, Reason> {
        self.push(bucket, key, draft, false)
    }

    /// Deletes the current value. In S3 this is success also when there is none, and a mark where versions are kept.
    pub(super) fn delete(&mut self, bucket: &str, key: &str) -> Result<Option<Arc<Version>>, Reason> {
        let versioning = self.bucket(bucket)?.versioning;
        if self.dialect == Dialect::S3 && versioning != Versioning::Never {
            return self.push(bucket, key, Draft::default(), true).map(Some);
        }
        let histories = &mut self.bucket_mut(bucket)?.histories;
        let Some(history) = histories.get_mut(key).filter(|history| history.current().is_some()) else {
            return if self.dialect == Dialect::S3 {
                Ok(None)
            } else {
                Err(Reason::NoSuchKey)
            };
        };
        history.live = false;
        if versioning != Versioning::Enabled {
            history.versions.pop();
        }
        if history.versions.is_empty() {
            histories.remove(key);
        }
        Ok(None)
    }

    fn push(&mut self, bucket: &str, key: &str, draft: Draft, marker: bool) -> Result<Arc<Version>, Reason> {
        let tick = self.tick();
        let dialect = self.dialect;
        let bucket = self.bucket_mut(bucket)?;
        let kept = bucket.versioning == Versioning::Enabled;
        let id = match dialect {
            Dialect::S3 if !kept => "null".to_owned(),
            Dialect::S3 => format!("{}.{tick:x}", &blake3::hash(&tick.to_le_bytes()).to_hex()[..16]),
            Dialect::Gcs => tick.to_string(),
            Dialect::Azure => dates::precise(tick),
        };
        let etag = match dialect {
            Dialect::Azure => format!("\"0x8D{tick:X}\""),
            _ => format!("\"{}\"", draft.etag),
        };
        let Draft {
            content,
            headers,
            blocks,
            ..
        } = draft;
        let version = Arc::new(Version {
            tick,
            id,
            etag,
            content,
            headers,
            blocks,
            marker,
            kept,
        });
        let history = bucket.histories.entry(key.to_owned()).or_default();
        if !kept {
            history.versions.retain(|version| version.kept);
        }
        history.versions.push(Arc::clone(&version));
        history.live = true;
        Ok(version)
    }
}
