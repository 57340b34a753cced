//! The catalogue as everybody else sees it.

mod changes;

use crate::database::{Change, Database};
use crate::queue::{self, Queue, gone};
use crate::sqlite::Sqlite;
use crate::{Check, Entry, Happening, Record, RunDetail, RunSummary, State};
use futures_channel::oneshot;
use larder_io_core::{AssetKey, PartitionKey, Result, RunId};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a catalogue is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CatalogOptions {
    /// How long a process waits for others that are writing. Default 30 s; a commit takes a few milliseconds.
    pub busy_timeout: Duration,
    /// The size beyond which a file does not grow. Default: none but the disk's. A server's disk is limited elsewhere.
    pub max_bytes: Option<u64>,
    /// The schema that has the tables in PostgreSQL, 1 to 63 bytes. Default: `larder`. For a file it means nothing.
    pub schema: Option<String>,
}

impl Default for CatalogOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(30),
            max_bytes: None,
            schema: None,
        }
    }
}

/// The database of runs and materializations. Cloning copies a pointer.
///
/// # Guarantees
/// - What [`Catalog::flush`] acknowledged survives a power cut, of the server's machine where there is one. After `kill -9` at any moment the catalogue opens, and has the first so many of what
///   each process recorded, in its order, and all that was flushed.
/// - Any number of processes may have it open and write.
/// - Questions are answered with all that this catalogue or a clone of it recorded before.
/// - In PostgreSQL, a connection that is lost is made again, by the next try to write and once for each question. Nothing is recorded twice, also
///   when the answer to a commit was lost.
/// - No runtime is needed: it works on two threads of its own, and its futures run in any.
///
/// # Limits
/// Records wait in a queue of 16,384, or of about 64 MiB. SQLite needs a local file system: not NFS or SMB. PostgreSQL takes no record of more than
/// 256 MiB; when it fails over to a copy that lacks what it acknowledged, that is lost.
///
/// Dropping the last clone writes what waits and waits for it; only [`Catalog::flush`] tells whether it could be written.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

type Question = Box<dyn FnOnce(&mut dyn Database) + Send>;

struct Inner {
    place: Place,
    queue: Arc<Queue>,
    questions: Option<mpsc::Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

enum Place {
    Memory,
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Server(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("in memory"),
            Self::File(path) => write!(f, "{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Server(place) => f.write_str(place),
        }
    }
}

impl Catalog {
    /// Opens the catalogue in a file; makes it, and its directory, where there is none. Blocks.
    ///
    /// An older catalogue is brought to this version of the tables, in one transaction for each step.
    ///
    /// # Errors
    /// `InvalidConfig` for a catalogue of a newer larder, which stays as it is, and for a database of something else; `InvalidData` for what is
    /// damaged or no database; `PermissionDenied` where it may not be written; `Unavailable` when others lock it for too long or the disk is full.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, &CatalogOptions::default())
    }

    /// Opens the catalogue in a file, in some other way than the usual.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub fn open_with(path: &Path, options: &CatalogOptions) -> Result<Self> {
        let (writer, reader) = Sqlite::open(path, options)?;
        Self::start(Place::File(path.to_owned()), writer, reader)
    }

    /// Makes a catalogue that is gone with its last clone: for tests.
    ///
    /// # Errors
    /// `Unavailable` without memory or threads.
    pub fn in_memory() -> Result<Self> {
        let (writer, reader) = Sqlite::in_memory(&CatalogOptions::default())?;
        Self::start(Place::Memory, writer, reader)
    }

    /// Opens the catalogue in a PostgreSQL database, in the schema `larder`; makes the schema and its tables where there are none. Blocks, also
    /// where it is called within a runtime.
    ///
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`, also `postgresql://`, with the options of libpq that the crate `postgres` knows,
    /// such as `connect_timeout` and `host=/run/postgresql` for a socket. The database's encoding is UTF8. Statements are prepared and the session has
    /// settings: a pooler must keep one server connection for each client connection.
    ///
    /// `sslmode` is `disable`, or `require` with the same meaning as `verify-full`: the server's certificate is verified by the system's authorities,
    /// or those in the file that `SSL_CERT_FILE` names. Without it, TLS is required except for sockets and loopback addresses.
    ///
    /// The user owns the schema, or has USAGE of it and SELECT, INSERT, UPDATE and DELETE on its tables. Questions go to the primary server, as changes do.
    ///
    /// # Errors
    /// `InvalidConfig` for a URL that is none, a database that does not exist or has another encoding, a certificate that is not trusted, a schema
    /// of something else, and a catalogue of a newer larder, which stays as it is; `Unauthenticated` for user or password; `PermissionDenied` where
    /// the user may not write; `Unavailable` when the server is not reached, or others hold the lock for too long. None has the password.
    #[cfg(feature = "postgres")]
    pub fn connect(url: &str) -> Result<Self> {
        Self::connect_with(url, &CatalogOptions::default())
    }

    /// Opens the catalogue in a PostgreSQL database, in some other way than the usual.
    ///
    /// # Errors
    /// As [`Catalog::connect`]; `InvalidConfig` for `max_bytes`, and for a schema whose name is too long.
    #[cfg(feature = "postgres")]
    pub fn connect_with(url: &str, options: &CatalogOptions) -> Result<Self> {
        let opened = crate::postgres::Postgres::open(url, options, true)?;
        opened.map_or_else(
            || Err(queue::gone()),
            |(writer, reader, place)| Self::start(Place::Server(place), writer, reader),
        )
    }

    /// Opens the catalogue in a PostgreSQL database if there is one: `None` where the schema has no tables, and none are made.
    ///
    /// # Errors
    /// As [`Catalog::connect_with`].
    #[cfg(feature = "postgres")]
    pub fn connect_existing(url: &str, options: &CatalogOptions) -> Result<Option<Self>> {
        let opened = crate::postgres::Postgres::open(url, options, false)?;
        let start = |(writer, reader, place)| Self::start(Place::Server(place), writer, reader);
        opened.map(start).transpose()
    }

    fn start(place: Place, writer: impl Database + 'static, mut reader: impl Database + 'static) -> Result<Self> {
        let queue = Arc::new(Queue::default());
        let (questions, asked) = mpsc::channel::<Question>();
        // In this order: where the second thread cannot be had, the first ends by itself.
        let answering = queue::spawn("larder-catalog-read", move || {
            while let Ok(question) = asked.recv() {
                question(&mut reader);
            }
        })?;
        let writing = queue::start(&queue, writer)?;
        Ok(Self(Arc::new(Inner {
            place,
            queue,
            questions: Some(questions),
            threads: vec![writing, answering],
        })))
    }

    /// The file; `None` in memory and on a server.
    pub fn path(&self) -> Option<&Path> {
        match &self.0.place {
            Place::File(path) => Some(path),
            _ => None,
        }
    }

    /// Where it is, to be shown: a path, or a URL without the password.
    pub fn location(&self) -> String {
        self.0.place.to_string()
    }

    /// Records something, after what was recorded before. Does not wait for the disk: [`Catalog::flush`] does.
    ///
    /// Blocks while the queue is full. When it is full because the database refuses to be written, one more attempt is made; then the record
    /// is given up, and every later flush says so.
    pub fn record(&self, record: impl Into<Record>) {
        self.0.queue.push(Change::Record(record.into()));
    }

    /// Waits until all that was recorded before is durable.
    ///
    /// # Errors
    /// Whatever keeps it from being written: `Unavailable` for a lock or a full disk, `PermissionDenied`, `InvalidData` for a damaged file. Nothing is
    /// lost: the records stay in the queue, and the next flush tries them again. Only what was too large (`Unsupported`), or came while
    /// the queue was full and could not be written, is given up; every flush from then on tells of it.
    ///
    /// # Cancel safety
    /// Safe: the records are written all the same, and errors are told by the next flush.
    pub async fn flush(&self) -> Result<()> {
        self.0.queue.settled().wait().await?;
        self.0.queue.lost()
    }

    /// Asks, after what was recorded before.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.0.queue.settled().wait().await?;
        let (answer, answered) = oneshot::channel();
        let ask: Question = Box::new(move |database| {
            if !answer.is_canceled() {
                // Who no longer waits does not need it.
                let _ = answer.send(question(database));
            }
        });
        let sent = self.0.questions.as_ref().map(|questions| questions.send(ask));
        match sent {
            Some(Ok(())) => answered.await.unwrap_or_else(|_| Err(gone())),
            _ => Err(gone()),
        }
    }

    /// The newest entries of an asset that were not deleted: one for each partition, in the order of their texts.
    ///
    /// For many partitions ask for [`Catalog::states`], which is many times faster.
    ///
    /// # Errors
    /// As [`Catalog::flush`]; `InvalidData` for a damaged file.
    ///
    /// # Cancel safety
    /// Safe, as all questions are.
    pub async fn latest(&self, asset: &AssetKey) -> Result<Vec<Entry>> {
        let asset = asset.clone();
        self.ask(move |database| database.latest(&asset)).await
    }

    /// The newest entry of one partition, or of an asset without partitions, if it was not deleted.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn latest_of(&self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Option<Entry>> {
        let (asset, partition) = (asset.clone(), partition.cloned());
        self.ask(move |database| database.latest_of(&asset, partition.as_ref()))
            .await
    }

    /// What is known of each partition of an asset, in the order of their texts ([`State::partition_text`]).
    ///
    /// Also of those that only failed or were only observed: see [`State::is_live`].
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn states(&self, asset: &AssetKey) -> Result<Vec<State>> {
        let asset = asset.clone();
        self.ask(move |database| database.states(&asset)).await
    }

    /// The same of all assets at once.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn all_states(&self) -> Result<Vec<(AssetKey, Vec<State>)>> {
        self.ask(|database| database.all_states()).await
    }

    /// What happened to an asset, the newest first, by the order of recording.
    ///
    /// `Some(partition)` asks for one partition, `Some(None)` for what has none, `None` for all.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn history(
        &self,
        asset: &AssetKey,
        partition: Option<Option<&PartitionKey>>,
        limit: usize,
    ) -> Result<Vec<Happening>> {
        let (asset, partition) = (asset.clone(), partition.map(|partition| partition.cloned()));
        self.ask(move |database| {
            let partition = partition.as_ref().map(Option::as_ref);
            database.history(&asset, partition, limit)
        })
        .await
    }

    /// The newest materializations of an asset, the newest first, however many other events are between them; as [`Catalog::history`].
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn materializations(
        &self,
        asset: &AssetKey,
        partition: Option<Option<&PartitionKey>>,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        let mut looked_at = limit.saturating_mul(2).max(8);
        loop {
            let events = self.history(asset, partition, looked_at).await?;
            let all = events.len() < looked_at;
            let entries = events.into_iter().filter_map(|event| match event {
                Happening::Materialized(entry) => Some(*entry),
                _ => None,
            });
            let entries: Vec<Entry> = entries.take(limit).collect();
            if all || entries.len() == limit {
                return Ok(entries);
            }
            looked_at = looked_at.saturating_mul(4);
        }
    }

    /// The runs, those that began last first.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn runs(&self, limit: usize) -> Result<Vec<RunSummary>> {
        self.ask(move |database| database.runs(false, limit)).await
    }

    /// The runs that began and did not end: they were killed, or are still running. Those that began last first.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn unfinished(&self) -> Result<Vec<RunSummary>> {
        self.ask(|database| database.runs(true, usize::MAX)).await
    }

    /// One run; `None` when its beginning was not recorded.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn run(&self, run: &RunId) -> Result<Option<RunDetail>> {
        let run = run.clone();
        self.ask(move |database| database.run(&run)).await
    }

    /// What a run published, in that order, the first so many; also what was replaced or deleted since. [`Entry::inline`] is left empty.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn run_entries(&self, run: &RunId, limit: usize) -> Result<Vec<Entry>> {
        let run = run.clone();
        self.ask(move |database| database.run_entries(&run, limit)).await
    }

    /// The checks that were made in a run, in that order, the first so many.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn run_checks(&self, run: &RunId, limit: usize) -> Result<Vec<Check>> {
        let run = run.clone();
        self.ask(move |database| database.run_checks(&run, limit)).await
    }

    /// The values of dynamic partitions, in the order in which they were added.
    ///
    /// # Errors
    /// As [`Catalog::latest`].
    pub async fn dynamic_keys(&self, name: &str) -> Result<Vec<String>> {
        let name = name.to_owned();
        self.ask(move |database| database.dynamic_keys(&name)).await
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Catalog({})", self.0.place)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
        self.questions = None;
        for thread in self.threads.drain(..) {
            // A panic was told to those who waited.
            let _ = thread.join();
        }
    }
}
