//! The catalogue in SQLite.
//!
//! The write-ahead log with `synchronous = FULL`: a commit is on the disk when it returns, readers never wait, and of a transaction that was
//! cut short nothing is seen. A writer takes the lock before it reads (`BEGIN IMMEDIATE`), so that it never has to be turned away half way.

pub(crate) mod error;
mod read;
mod write;

use crate::database::{Change, Database};
use crate::{CatalogOptions, Check, Entry, Happening, RunDetail, RunSummary, State, schema};
use error::{Fault, Outcome, Place};
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, Result, RunId};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Instant;

/// Statements that are kept prepared on one connection.
const STATEMENTS: usize = 64;
/// Bytes of a page.
const PAGE_BYTES: i64 = 8192;
/// Beyond this, the log is cut back when it was written into the database.
const LOG_BYTES: i64 = 64 << 20;

/// One connection.
pub(crate) struct Sqlite {
    connection: Connection,
    place: Place,
    ids: write::Ids,
}

impl Sqlite {
    /// Opens two connections to one file, the second for questions.
    pub(crate) fn open(path: &Path, options: &CatalogOptions) -> Result<(Self, Self)> {
        // With `file:` in front it would be taken for a URI with options of its own.
        let path = std::path::absolute(path)
            .map_err(|error| Error::new(ErrorKind::InvalidConfig, "the catalogue's path is none").with_source(error))?;
        let place = Place::File(path.clone());
        if path.is_dir() {
            // SQLite would say that it cannot be opened.
            let failure = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN_ISDIR);
            return Err(error::map(rusqlite::Error::SqliteFailure(failure, None), &place));
        }
        if let Some(parent) = path.parent() {
            make_directory(parent, &place)?;
        }
        Self::pair(place, options, &|| {
            let flags =
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(&path, flags)
        })
    }

    /// Two connections to a new database in memory.
    pub(crate) fn in_memory(options: &CatalogOptions) -> Result<(Self, Self)> {
        let name = format!("file:/larder-{}?vfs=memdb", RunId::random());
        Self::pair(Place::Memory, options, &|| {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(&name, flags)
        })
    }

    fn pair(
        place: Place,
        options: &CatalogOptions,
        connect: &dyn Fn() -> rusqlite::Result<Connection>,
    ) -> Result<(Self, Self)> {
        let both = || -> Outcome<(Connection, Connection)> {
            let mut writer = connect()?;
            set_up(&mut writer, &place, options)?;
            let reader = connect()?;
            reader.busy_timeout(options.busy_timeout)?;
            reader.set_prepared_statement_cache_capacity(STATEMENTS);
            reader.pragma_update(None, "query_only", true)?;
            Ok((writer, reader))
        };
        let (writer, reader) = both().map_err(|fault| fault.at(&place))?;
        let wrap = |connection| Self {
            connection,
            place: place.clone(),
            ids: write::Ids::default(),
        };
        Ok((wrap(writer), wrap(reader)))
    }

    /// Answers within one transaction, so that all it reads is of one moment.
    fn ask<T>(&mut self, question: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T> {
        let answer = || -> Outcome<T> {
            let transaction = self.connection.unchecked_transaction()?;
            let answer = question(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        };
        answer().map_err(|fault| fault.at(&self.place))
    }
}

fn set_up(connection: &mut Connection, place: &Place, options: &CatalogOptions) -> Outcome<()> {
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if connection.is_readonly("main")? {
        let failure = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY);
        return Err(rusqlite::Error::SqliteFailure(failure, None).into());
    }
    let deadline = Instant::now() + options.busy_timeout;
    patiently(deadline, || schema::check(connection, place))?;
    // Only of a new file. Events are of one or two kB, blocks of states of seven: of smaller pages a quarter stays empty.
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    // SQLite does not wait by itself when two connections turn to the log at once.
    patiently(deadline, || {
        connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
            .map_err(Fault::from)
    })?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Where an fsync leaves data in the drive's own memory (macOS).
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    if let Some(bytes) = options.max_bytes {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        // SQLite takes 0 for a question.
        let pages = (i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1)).max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    patiently(deadline, || schema::migrate(connection, place))
}

/// Tries again while others are at work.
fn patiently<T>(deadline: Instant, mut call: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    loop {
        match call() {
            Err(fault) if fault.is_busy() && Instant::now() < deadline => {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            done => return done,
        }
    }
}

/// Makes a directory and those above it, each durably.
fn make_directory(directory: &Path, place: &Place) -> Result<()> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|above| !above.exists()).collect();
    let make = || -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        for made in missing {
            if let (Some(above), true) = (made.parent(), cfg!(unix)) {
                std::fs::File::open(above)?.sync_all()?;
            }
        }
        Ok(())
    };
    make().map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                ErrorKind::PermissionDenied
            }
            std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => ErrorKind::InvalidConfig,
            _ => ErrorKind::Unavailable,
        };
        let message = format!("the directory of {place} cannot be made: {error}");
        Error::new(kind, message).with_source(error)
    })
}

impl Database for Sqlite {
    fn apply(&mut self, changes: &[Change]) -> Result<()> {
        write::apply(&mut self.connection, &mut self.ids, changes).map_err(|fault| {
            // What was given an id in the transaction has none now.
            self.ids = write::Ids::default();
            fault.at(&self.place)
        })
    }

    fn latest(&mut self, asset: &AssetKey) -> Result<Vec<Entry>> {
        self.ask(|connection| read::latest(connection, asset))
    }

    fn latest_of(&mut self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Option<Entry>> {
        self.ask(|connection| read::latest_of(connection, asset, partition))
    }

    fn states(&mut self, asset: &AssetKey) -> Result<Vec<State>> {
        self.ask(|connection| read::states(connection, asset))
    }

    fn all_states(&mut self) -> Result<Vec<(AssetKey, Vec<State>)>> {
        self.ask(read::all_states)
    }

    fn history(
        &mut self,
        asset: &AssetKey,
        partition: Option<Option<&PartitionKey>>,
        limit: usize,
    ) -> Result<Vec<Happening>> {
        self.ask(|connection| read::history(connection, asset, partition, limit))
    }

    fn runs(&mut self, only_unfinished: bool, limit: usize) -> Result<Vec<RunSummary>> {
        self.ask(|connection| read::runs(connection, only_unfinished, limit))
    }

    fn run(&mut self, run: &RunId) -> Result<Option<RunDetail>> {
        self.ask(|connection| read::run(connection, run))
    }

    fn run_entries(&mut self, run: &RunId, limit: usize) -> Result<Vec<Entry>> {
        self.ask(|connection| read::run_entries(connection, run, limit))
    }

    fn run_checks(&mut self, run: &RunId, limit: usize) -> Result<Vec<Check>> {
        self.ask(|connection| read::run_checks(connection, run, limit))
    }

    fn dynamic_keys(&mut self, name: &str) -> Result<Vec<String>> {
        self.ask(|connection| read::dynamic_keys(connection, name))
    }
}
