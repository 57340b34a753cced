//! What a database must be able to do for the catalogue.

use crate::{Entry, Happening, Record, RunDetail, RunSummary, State};
use larder_io_core::{AssetKey, PartitionKey, Result, RunId};

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
    /// Takes away the values of these versions that are kept inline.
    Forget(Forgotten),
}

/// Versions of a value whose copies in the catalogue are not wanted any longer.
#[derive(Clone, Debug)]
pub(crate) struct Forgotten {
    pub(crate) asset: AssetKey,
    pub(crate) partition: Option<PartitionKey>,
    pub(crate) versions: Vec<String>,
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
    fn dynamic_keys(&mut self, name: &str) -> Result<Vec<String>>;
}
