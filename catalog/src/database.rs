//! What a database must be able to do for the catalogue.

use crate::detail::version_of;
use crate::{Check, Entry, Happening, Record, RunDetail, RunSummary, State};
use larder_io_core::{AssetKey, PartitionKey, Result, RunId};
use std::collections::HashSet;

/// A change of the catalogue.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Record(Record),
    AddKeys {
        name: String,
        values: Vec<String>,
    },
    RemoveKeys {
        name: String,
        values: Vec<String>,
    },
    /// Takes away values that are kept inline.
    Forget(Forgotten),
}

/// Copies of old values in the catalogue that are not wanted any longer.
#[derive(Clone, Debug)]
pub(crate) struct Forgotten {
    pub(crate) asset: AssetKey,
    pub(crate) partition: Option<PartitionKey>,
    /// What they begin with.
    pub(crate) prefix: Vec<u8>,
    /// All but these versions.
    pub(crate) kept: HashSet<String>,
}

impl Forgotten {
    /// Whether the copy of an event is one of them; its detail tells the version.
    pub(crate) fn has(&self, detail: &str, inline: &[u8]) -> serde_json::Result<bool> {
        let version = version_of(detail)?;
        Ok(inline.starts_with(&self.prefix) && version.is_none_or(|version| !self.kept.contains(&version)))
    }
}

/// A connection. It lives on one thread; changes go through one, questions through another, of the same database.
pub(crate) trait Database: Send {
    /// Makes all changes in order, durably when it returns, or none of them.
    ///
    /// # Errors
    /// `Unsupported` means that one of the changes can never be made; anything else, that the database cannot now.
    fn apply(&mut self, changes: &[Change]) -> Result<()>;

    fn latest(&mut self, asset: &AssetKey) -> Result<Vec<Entry>>;
    fn latest_of(&mut self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Option<Entry>>;
    fn states(&mut self, asset: &AssetKey) -> Result<Vec<State>>;
    fn all_states(&mut self) -> Result<Vec<(AssetKey, Vec<State>)>>;
    /// By partition (the inner `None`: of the asset without one), or of the whole asset.
    fn history(
        &mut self,
        asset: &AssetKey,
        partition: Option<Option<&PartitionKey>>,
        limit: usize,
    ) -> Result<Vec<Happening>>;
    fn runs(&mut self, only_unfinished: bool, limit: usize) -> Result<Vec<RunSummary>>;
    fn run(&mut self, run: &RunId) -> Result<Option<RunDetail>>;
    /// What a run published, in that order, without the copies of small values.
    fn run_entries(&mut self, run: &RunId, limit: usize) -> Result<Vec<Entry>>;

    /// The checks of a run, in that order.
    fn run_checks(&mut self, run: &RunId, limit: usize) -> Result<Vec<Check>>;
    fn dynamic_keys(&mut self, name: &str) -> Result<Vec<String>>;
}
