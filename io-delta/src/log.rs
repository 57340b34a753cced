//! The log of one table: opening a version of it, and committing the next one in one atomic step.

use crate::error::{error, transaction};
use deltalake_core::DeltaTable;
use deltalake_core::kernel::transaction::{PROTOCOL, TransactionError};
use deltalake_core::kernel::{Action, Add, EagerSnapshot};
use deltalake_core::logstore::{CommitOrBytes, LogStoreRef, StorageConfig, default_logstore};
use deltalake_core::table::state::DeltaTableState;
use futures_util::TryStreamExt;
use larder_io_core::{Effect, Error, ErrorKind, Location, Result, WriteId};
use larder_io_object::files::Ground;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _};
use std::fmt;
use std::sync::Arc;
use tokio::task::JoinHandle;
use url::Url;
use uuid::Uuid;

/// Where the log lies below a table.
const LOG: &str = "_delta_log";

/// The log of one table.
#[derive(Clone)]
pub(crate) struct Log {
    /// The table's directory below the ground.
    path: Path,
    /// The ground from the table's directory on.
    objects: Arc<dyn ObjectStore>,
    store: LogStoreRef,
}

/// One version of a table.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) snapshot: Arc<EagerSnapshot>,
    /// Active files.
    pub(crate) files: Arc<Vec<Add>>,
}

/// What became of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is this version of the table now.
    Landed,
    /// Somebody else's commit is.
    Taken,
}

impl Log {
    pub(crate) fn new(ground: &Ground, table: &Location) -> Result<Self> {
        let path = Path::parse(table.as_str()).map_err(|cause| {
            let message = format!("the store cannot represent the location `{table}`");
            Error::new(ErrorKind::InvalidDefinition, message).with_source(cause)
        })?;
        Self::below(ground, path)
    }

    /// The log of the table at a path below the ground.
    pub(crate) fn below(ground: &Ground, path: Path) -> Result<Self> {
        let objects: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(Arc::clone(&ground.objects), path.clone()));
        // The library never sees where the table lies, so that no name of ours has to survive as a URL.
        let root = Url::parse("memory:///")
            .map_err(|cause| Error::new(ErrorKind::Unexpected, "the library's address is none").with_source(cause))?;
        let store = default_logstore(
            Arc::clone(&objects),
            Arc::clone(&objects),
            &root,
            &StorageConfig::default(),
        );
        Ok(Self { path, objects, store })
    }

    /// The path of a file below the ground.
    pub(crate) fn path(&self, file: &str) -> Result<Path> {
        let below = Path::parse(file).map_err(|cause| {
            let message = format!(
                "the table refers to `{}`, which is no path below it",
                file.escape_debug()
            );
            Error::new(ErrorKind::InvalidData, message).with_source(cause)
        })?;
        Ok(self.path.parts().chain(below.parts()).collect())
    }

    /// The table from its directory on.
    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    pub(crate) fn store(&self) -> &LogStoreRef {
        &self.store
    }

    /// The newest version; `None` where there is no table.
    pub(crate) async fn latest(&self) -> Result<Option<State>> {
        match self.load(None).await {
            Ok(state) => Ok(Some(state)),
            // What the library says of a missing table is a text; whether there is one can be seen.
            Err(_) if self.is_empty().await? => Ok(None),
            // It may have been made between the two looks.
            Err(refused) if refused.kind() == ErrorKind::NotFound => self.load(None).await.map(Some),
            Err(refused) => Err(refused),
        }
    }

    /// A version by its number; `None` where it is not kept.
    pub(crate) async fn at(&self, version: u64) -> Result<Option<State>> {
        let refused = match self.load(Some(version)).await {
            Ok(state) => return Ok(Some(state)),
            Err(refused) => refused,
        };
        match self.versions().await?.contains(&version) {
            true => Err(refused),
            false => Ok(None),
        }
    }

    /// The newest version that was committed at or before a time; `None` where none is that old.
    pub(crate) async fn at_time(&self, time: jiff::Timestamp) -> Result<Option<State>> {
        let mut found = None;
        for (version, written_millis) in self.entries().await? {
            if written_millis <= time.as_millisecond() {
                found = found.max(Some(version));
            }
        }
        match found {
            Some(version) => self.at(version).await,
            None => Ok(None),
        }
    }

    async fn load(&self, version: Option<u64>) -> Result<State> {
        let store = Arc::clone(&self.store);
        // A task of its own: the library panics on some logs that are damaged.
        let loading = tokio::spawn(async move {
            let snapshot = EagerSnapshot::try_new(store.as_ref(), version).await?;
            #[allow(deprecated)]
            let files: Vec<Add> = snapshot.try_log_data()?.iter().map(|file| file.add_action()).collect();
            Ok((snapshot, files))
        });
        let loaded = match joined(loading).await {
            Ok(loaded) => loaded.map_err(error),
            Err(failed) => Err(failed),
        };
        let (snapshot, files) = match loaded {
            Ok(loaded) => loaded,
            Err(failed) => return Err(self.placed(failed).await),
        };
        PROTOCOL.can_read_from(&snapshot).map_err(transaction)?;
        Ok(State {
            version: snapshot.version(),
            snapshot: Arc::new(snapshot),
            files: Arc::new(files),
        })
    }

    /// The same error, with the place in the log where it can be found out.
    async fn placed(&self, failed: Error) -> Error {
        let damaged = failed.kind() == ErrorKind::InvalidData;
        if !damaged && failed.kind() != ErrorKind::NotFound {
            return failed;
        }
        match self.damage(damaged).await {
            Ok(Some(place)) => {
                let message = format!("{place}; restore it from a backup ({})", failed.message());
                Error::new(ErrorKind::InvalidData, message).with_source(failed)
            }
            _ => failed,
        }
    }

    /// What is wrong with the commits since the newest checkpoint, or, where they are whole and something is, with that.
    async fn damage(&self, something: bool) -> Result<Option<String>> {
        let checkpoint = self.checkpoints().await?.into_iter().max();
        let since = checkpoint.as_ref().map_or(0, |(version, _)| version + 1);
        let versions: Vec<u64> = self
            .versions()
            .await?
            .into_iter()
            .filter(|version| *version >= since)
            .collect();
        for (version, expected) in versions.iter().zip(since..) {
            if *version != expected {
                return Ok(Some(format!(
                    "version {expected} is missing in the table's log `{LOG}`"
                )));
            }
            if let Err(damaged) = self.actions(*version).await
                && damaged.kind() == ErrorKind::InvalidData
            {
                return Ok(Some(format!("{}, in `{LOG}/{version:020}.json`", damaged.message())));
            }
        }
        let checkpoint = checkpoint.filter(|_| something);
        Ok(checkpoint.map(|(_, name)| format!("the table's checkpoint `{LOG}/{name}` cannot be read")))
    }

    /// Versions of checkpoints, and the names of their files.
    async fn checkpoints(&self) -> Result<Vec<(u64, String)>> {
        let entries = self.objects.list(Some(&Path::from(LOG)));
        let checkpoint = |meta: object_store::ObjectMeta| {
            let name = meta.location.filename()?;
            let (version, _) = name.split_once(".checkpoint.")?;
            Some((version.parse().ok()?, name.to_owned()))
        };
        let checkpoints = entries.try_filter_map(|meta| std::future::ready(Ok(checkpoint(meta))));
        checkpoints.try_collect().await.map_err(larder_io_object::error::error)
    }

    /// Whether nothing was ever committed here.
    async fn is_empty(&self) -> Result<bool> {
        let mut entries = self.objects.list(Some(&Path::from(LOG)));
        let first = entries.try_next().await.map_err(larder_io_object::error::error)?;
        Ok(first.is_none())
    }

    /// The numbers of all commits that are kept, and when they were written, in milliseconds since 1970, oldest first.
    pub(crate) async fn entries(&self) -> Result<Vec<(u64, i64)>> {
        let entries = self.objects.list(Some(&Path::from(LOG)));
        let commit = |meta: object_store::ObjectMeta| {
            let number = meta.location.filename()?.strip_suffix(".json")?;
            let plain = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
            let version = number.parse().ok().filter(|_| plain)?;
            Some((version, meta.last_modified.timestamp_millis()))
        };
        let mut entries: Vec<(u64, i64)> = entries
            .try_filter_map(|meta| std::future::ready(Ok(commit(meta))))
            .try_collect()
            .await
            .map_err(larder_io_object::error::error)?;
        entries.sort_unstable();
        Ok(entries)
    }

    async fn versions(&self) -> Result<Vec<u64>> {
        Ok(self.entries().await?.into_iter().map(|(version, _)| version).collect())
    }

    /// The actions of one commit; `None` where it is not kept.
    pub(crate) async fn actions(&self, version: u64) -> Result<Option<Vec<Action>>> {
        let path = Path::from(format!("{LOG}/{version:020}.json"));
        let bytes = match self.objects.get(&path).await {
            Ok(found) => found.bytes().await.map_err(larder_io_object::error::error)?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(refused) => return Err(larder_io_object::error::error(refused)),
        };
        let actions = serde_json::Deserializer::from_slice(&bytes).into_iter::<Action>();
        actions.collect::<Result<_, _>>().map(Some).map_err(|cause| {
            let message = format!("version {version} of the table has an action that cannot be read: {cause}");
            Error::new(ErrorKind::InvalidData, message)
        })
    }

    /// Whether a commit is the one that was made with this write id; `None` where it is not kept, or not there yet.
    pub(crate) async fn is_of(&self, version: u64, write: &WriteId) -> Result<Option<bool>> {
        let actions = self.actions(version).await?;
        let own = |action: &Action| match action {
            Action::CommitInfo(info) => {
                let told = info.info.get("larder");
                told.is_some_and(|larder| larder["write"] == write.as_str())
            }
            _ => false,
        };
        Ok(actions.map(|actions| actions.iter().any(own)))
    }

    /// Commits the version `version`, and looks whether it did where the answer does not tell.
    ///
    /// # Errors
    /// With the effect `Unknown` where it may still land: then the files that it names must stay.
    pub(crate) async fn commit_as(&self, write: &WriteId, version: u64, bytes: bytes::Bytes) -> Result<Outcome> {
        let failed = match self.commit(version, bytes).await {
            Ok(Outcome::Landed) => return Ok(Outcome::Landed),
            Ok(Outcome::Taken) => None,
            Err(failed) => Some(failed),
        };
        // The first answer may have been lost, and the same request sent again: then the version is taken by ourselves.
        match (self.is_of(version, write).await, failed) {
            (Ok(Some(true)), _) => Ok(Outcome::Landed),
            (Ok(Some(false)), None) => Ok(Outcome::Taken),
            // Somebody else has it: ours cannot land any more.
            (Ok(Some(false)), Some(failed)) => Err(failed.with_effect(Effect::None)),
            // What the storage did not do may still be on its way.
            (Ok(None), Some(failed)) => Err(failed),
            (Ok(None), None) => {
                let message = format!("version {version} of the table is taken and not there; try again");
                Err(undecided(Error::new(ErrorKind::Unavailable, message)))
            }
            (Err(blind), failed) => Err(undecided(failed.unwrap_or(blind))),
        }
    }

    /// Files that newer versions took away and that the log remembers, and when they did, in milliseconds since 1970.
    pub(crate) async fn tombstones(&self, state: &State) -> Result<Vec<(String, Option<i64>)>> {
        let table = DeltaTableState::new(state.snapshot.as_ref().clone());
        let views = table.all_tombstones(self.store.as_ref());
        views
            .map_ok(|view| (view.path().into_owned(), view.deletion_timestamp()))
            .try_collect()
            .await
            .map_err(error)
    }

    /// Writes the commit `version`, unless somebody else did.
    ///
    /// # Cancel safety
    /// A dropped future leaves the old version or the new one.
    pub(crate) async fn commit(&self, version: u64, bytes: bytes::Bytes) -> Result<Outcome> {
        let written = self
            .store
            .write_commit_entry(version, CommitOrBytes::LogBytes(bytes), Uuid::nil());
        match written.await {
            Ok(()) => Ok(Outcome::Landed),
            Err(TransactionError::VersionAlreadyExists(_)) => Ok(Outcome::Taken),
            Err(refused) => Err(transaction(refused)),
        }
    }

    /// Writes a checkpoint of a version, so that readers need not begin at the first commit.
    pub(crate) async fn checkpoint(&self, version: u64) -> Result<()> {
        let store = Arc::clone(&self.store);
        let writing = tokio::spawn(async move {
            let mut table = DeltaTable::new(store);
            table.load_version(version).await?;
            deltalake_core::checkpoints::create_checkpoint(&table, None).await
        });
        joined(writing).await?.map_err(error)
    }
}

/// The error of a commit whose outcome could not be looked at.
fn undecided(failed: Error) -> Error {
    let message = format!(
        "the table's log did not say whether the commit landed; try again: {}",
        failed.message()
    );
    Error::new(ErrorKind::Unavailable, message)
        .with_effect(Effect::Unknown)
        .with_source(failed)
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({})", self.path)
    }
}

async fn joined<T>(task: JoinHandle<T>) -> Result<T> {
    task.await.map_err(|failed| match failed.is_panic() {
        true => Error::new(
            ErrorKind::InvalidData,
            "the table's log cannot be read: the library gave up on it; restore `_delta_log` from a backup",
        ),
        false => Error::new(ErrorKind::Cancelled, "the runtime is shutting down"),
    })
}
