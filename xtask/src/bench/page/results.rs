//! What was measured, as it is kept: of each part the last run and the one before.

use super::machine::Machine;
use crate::bench::row::{Amount, Row};
use crate::bench::text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The results of all parts, by their names.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Results {
    pub(super) parts: BTreeMap<String, Kept>,
}

/// The last run of a part, and the one before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) now: Run,
    pub(super) before: Option<Run>,
}

/// One run of a part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    /// When it ended, in UTC.
    pub(super) at: String,
    /// The commit that was built, and whether it was changed.
    pub(super) commit: Option<String>,
    pub(super) machine: Machine,
    /// Whether the compiler optimized; else the numbers mean nothing.
    pub(super) optimized: bool,
    /// On which data, how often.
    pub(super) setting: String,
    /// Of the libraries.
    pub(super) versions: Vec<(String, String)>,
    pub(super) rows: Vec<Row>,
}

impl Results {
    /// Reads what earlier runs left. What is no such file is put aside: a run that took its time shall not be lost to it.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let json = match std::fs::read(file) {
            Ok(json) => json,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
        };
        serde_json::from_slice(&json).or_else(|error| {
            let aside = file.with_extension("json.unread");
            eprintln!("xtask: {} is put aside, it cannot be read: {error}", file.display());
            std::fs::rename(file, aside).map_err(text)?;
            Ok(Self::default())
        })
    }

    /// Takes in a run; the one that was the last is the one before.
    pub(super) fn add(&mut self, part: &str, run: Run) {
        let before = self.parts.remove(part).map(|kept| kept.now);
        self.parts.insert(part.to_owned(), Kept { now: run, before });
    }
}

impl Kept {
    /// What the run before took for the same.
    pub(super) fn before(&self, row: &Row) -> Option<&Amount> {
        let rows = &self.before.as_ref()?.rows;
        let same = rows
            .iter()
            .find(|other| (&other.what, &other.by) == (&row.what, &row.by))?;
        // A row of others has only theirs.
        match row.by {
            None => same.larder.as_ref(),
            Some(_) => same.other.as_ref(),
        }
    }
}
