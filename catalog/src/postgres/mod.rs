//! The catalogue in PostgreSQL.
//!
//! Whoever writes holds one advisory lock for the length of its transaction. So of any two transactions one is committed before the other begins to
//! read, as SQLite has it, and the numbers of events are in the order of commits.
//!
//! A connection that is lost is made again: by the writer at its next try, by the reader once for each question. What was sent before a loss may have
//! been committed: the count in the table `writer` says so.

mod blocks;
mod error;
mod names;
mod read;
mod rows;
mod schema;
mod session;
mod text;
mod url;
mod write;

use crate::database::{Change, Database};
use crate::{CatalogOptions, Check, Entry, Happening, RunDetail, RunSummary, State};
use error::Outcome;
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, Result, RunId};
use larder_postgres::Address;
use session::Session;
use std::sync::Arc;
use std::time::Duration;

/// A connection, or none while it is lost.
pub(crate) struct Postgres {
    address: Arc<Address>,
    busy_timeout: Duration,
    session: Option<Session>,
    writes: bool,
    ids: names::Ids,
    progress: write::Progress,
}

impl Postgres {
    /// Opens two connections to one catalogue, the second for questions; gives where it is, without the password.
    /// Without `create`, `None` where there is no catalogue.
    pub(crate) fn open(url: &str, options: &CatalogOptions, create: bool) -> Result<Option<(Self, Self, String)>> {
        let address = Arc::new(url::read(url, options)?);
        let new = |writes| Self {
            address: Arc::clone(&address),
            busy_timeout: options.busy_timeout,
            session: None,
            writes,
            ids: names::Ids::default(),
            progress: write::Progress {
                writer: hex(&RunId::random()),
                committed: 0,
            },
        };
        let (mut writer, mut reader) = (new(true), new(false));
        // The caller's thread may be in a runtime, in which nothing may block.
        let opened = std::thread::scope(|scope| {
            let opening = std::thread::Builder::new()
                .name("larder-catalog-open".to_owned())
                .spawn_scoped(scope, || {
                    let opened = writer.set_up(create).and_then(|there| reader.ask(|_| Ok(there)));
                    if !matches!(opened, Ok(true)) {
                        (writer.session, reader.session) = (None, None);
                    }
                    opened
                });
            let opening = opening.map_err(|error| {
                Error::new(ErrorKind::Unavailable, "the system gives no thread for the catalogue").with_source(error)
            })?;
            opening.join().unwrap_or_else(|_| Err(crate::queue::gone()))
        });
        let shown = format!("{} (schema {})", address.place.url, address.place.schema);
        Ok(opened?.then_some((writer, reader, shown)))
    }

    /// Makes the tables, or brings them to this version. Without `create` it makes none, and says whether there are any.
    fn set_up(&mut self, create: bool) -> Result<bool> {
        let set_up = |session: &mut Session, place: &error::Place| {
            if !create && matches!(schema::look(session, place)?, schema::Found::New { .. }) {
                return Ok(false);
            }
            schema::migrate(session, place)?;
            // Who does not know for so long whether it was committed will not ask any more.
            session.simple("DELETE FROM writer WHERE seen < now() - interval '30 days'")?;
            Ok(true)
        };
        self.with_session(|this, session| set_up(session, &this.address.place))
            .map_err(|fault| error::told(fault, &self.address.place))
    }

    /// Does something with a connection, which is made if there is none, and ends up as it began or is let go.
    fn with_session<T>(&mut self, work: impl FnOnce(&mut Self, &mut Session) -> Outcome<T>) -> Outcome<T> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.connect()?,
        };
        let done = work(self, &mut session);
        let sound = match &done {
            Ok(_) => true,
            Err(fault) => !fault.is_loss() && session.simple("ROLLBACK").is_ok(),
        };
        if sound {
            self.session = Some(session);
        }
        done
    }

    fn connect(&mut self) -> Outcome<Session> {
        let mut session = Session::connect(&self.address, self.busy_timeout, self.writes)?;
        // Another database may answer now, or the same after a newer larder was there.
        schema::look(&mut session, &self.address.place)?;
        self.ids = names::Ids::default();
        Ok(session)
    }

    /// Answers within one transaction, so that all it reads is of one moment. Connects once more if the connection is lost.
    fn ask<T>(&mut self, question: impl Fn(&mut Session) -> Outcome<T>) -> Result<T> {
        // Where there is none to lose, a second try would only fail as the first.
        let had = self.session.is_some();
        let mut ask = || {
            self.with_session(|_, session| {
                session.simple("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
                let answer = question(session)?;
                session.simple("COMMIT")?;
                Ok(answer)
            })
        };
        let answer = match ask() {
            Err(fault) if had && fault.is_loss() => ask(),
            answer => answer,
        };
        answer.map_err(|fault| error::told(fault, &self.address.place))
    }
}

/// Hexadecimal, so that it may stand in SQL as it is.
fn hex(id: &RunId) -> String {
    blake3::hash(id.as_str().as_bytes()).to_hex().to_string()
}

impl Database for Postgres {
    fn apply(&mut self, changes: &[Change]) -> Result<()> {
        let lock = schema::lock(&self.address.place);
        let applied =
            self.with_session(|this, session| write::apply(session, lock, &mut this.ids, &mut this.progress, changes));
        applied.map_err(|fault| {
            // What was given an id in the transaction has none now.
            self.ids = names::Ids::default();
            error::told(fault, &self.address.place)
        })
    }

    fn latest(&mut self, asset: &AssetKey) -> Result<Vec<Entry>> {
        self.ask(|session| read::latest(session, asset))
    }

    fn latest_of(&mut self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Option<Entry>> {
        self.ask(|session| read::latest_of(session, asset, partition))
    }

    fn states(&mut self, asset: &AssetKey) -> Result<Vec<State>> {
        self.ask(|session| read::states(session, asset))
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
        self.ask(|session| read::history(session, asset, partition, limit))
    }

    fn runs(&mut self, only_unfinished: bool, limit: usize) -> Result<Vec<RunSummary>> {
        self.ask(|session| read::runs(session, only_unfinished, limit))
    }

    fn run(&mut self, run: &RunId) -> Result<Option<RunDetail>> {
        self.ask(|session| read::run(session, run))
    }

    fn run_entries(&mut self, run: &RunId, limit: usize) -> Result<Vec<Entry>> {
        self.ask(|session| read::run_entries(session, run, limit))
    }

    fn run_checks(&mut self, run: &RunId, limit: usize) -> Result<Vec<Check>> {
        self.ask(|session| read::run_checks(session, run, limit))
    }

    fn dynamic_keys(&mut self, name: &str) -> Result<Vec<String>> {
        self.ask(|session| read::dynamic_keys(session, name))
    }
}
