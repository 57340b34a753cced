//! Which format a target has.

use larder_io_core::{Error, ErrorKind, Result, nearest};
use object_store::path::Path;

/// Formats of tables, and the suffixes besides their names by which they are known.
const TABLES: [(&str, &[&str]); 5] = [
    ("parquet", &["pq"]),
    ("arrow", &["ipc", "feather"]),
    ("csv", &[]),
    ("ndjson", &["jsonl"]),
    ("avro", &[]),
];

/// Names of formats that are read as bytes.
const BYTES: [&str; 5] = ["json", "msgpack", "pickle", "raw", "delta"];

/// A format of a table, or another one, which can only be read as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Table(&'static str),
    Bytes(Option<String>),
}

impl Kind {
    /// The format that somebody named, or that was recorded of the suffix.
    pub(super) fn named(name: &str, path: &Path, shown: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        if let Some(table) = table(&lower) {
            return Ok(Self::Table(table));
        }
        if suffix(path).as_ref() == Some(&lower) {
            return Ok(Self::Bytes(Some(lower)));
        }
        let known = TABLES.iter().map(|(name, _)| *name);
        match nearest(&lower, known).filter(|_| !BYTES.contains(&lower.as_str())) {
            Some(near) => {
                let name: String = name.chars().take(40).flat_map(char::escape_debug).collect();
                let message = format!("the format `{name}` of `{shown}` is unknown; did you mean `{near}`?");
                Err(Error::new(ErrorKind::InvalidData, message))
            }
            None => Ok(Self::Bytes(Some(lower))),
        }
    }

    /// The format that a suffix tells.
    pub(super) fn of_path(path: &Path) -> Self {
        let suffix = suffix(path);
        match suffix.as_deref().and_then(table) {
            Some(table) => Self::Table(table),
            None => Self::Bytes(suffix),
        }
    }

    /// The name to record.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Table(name) => Some((*name).to_owned()),
            Self::Bytes(name) => name.clone(),
        }
    }

    /// The format as one of tables.
    ///
    /// # Errors
    /// `Unsupported`.
    pub(super) fn table(&self, shown: &str) -> Result<&'static str> {
        match self {
            Self::Table(name) => Ok(name),
            Self::Bytes(name) => {
                let names: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
                let found = name.as_ref().map_or_else(
                    || "its name does not tell the format".to_owned(),
                    |name| format!("`{}` is no format of tables", name.escape_debug()),
                );
                let message = format!(
                    "`{shown}` cannot be read as a table: {found}; take it as a `Blob`, or say `.with_format(..)` of the reference: {}",
                    names.join(", ")
                );
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        }
    }
}

fn suffix(path: &Path) -> Option<String> {
    let (_, suffix) = path.filename()?.rsplit_once('.')?;
    Some(suffix.to_ascii_lowercase())
}

fn table(name: &str) -> Option<&'static str> {
    let found = TABLES
        .iter()
        .find(|(own, others)| *own == name || others.contains(&name));
    found.map(|(own, _)| *own)
}
