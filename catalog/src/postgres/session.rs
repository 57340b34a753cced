//! One connection, with the statements that are prepared on it.

use super::error::{Fault, Outcome};
use larder_io_core::{Error, ErrorKind};
use larder_postgres::{Address, MakeRustlsConnect};
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row, RowIter, SimpleQueryMessage, Statement};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection. The crate blocks on a runtime of its own, so that no thread that is in one may use or drop it.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    /// Connects. With `writes`, for changes; else for questions only.
    pub(super) fn connect(address: &Address, lock_timeout: Duration, writes: bool) -> Outcome<Self> {
        let tls = match address.tls {
            true => Some(larder_postgres::connector()?),
            false => None,
        };
        let mut failed = None;
        for server in &address.servers {
            match connect_to(server.clone().into(), tls.clone()) {
                Ok(client) => {
                    let mut session = Self {
                        client,
                        statements: HashMap::new(),
                    };
                    session.set_up(address, lock_timeout, writes)?;
                    return Ok(session);
                }
                Err(fault) if fault.may_be_elsewhere() => {
                    failed.get_or_insert(fault);
                }
                Err(fault) => return Err(fault),
            }
        }
        let none = || Error::new(ErrorKind::InvalidConfig, "the URL of the catalogue names no host").into();
        Err(failed.unwrap_or_else(none))
    }

    fn set_up(&mut self, address: &Address, lock_timeout: Duration, writes: bool) -> Outcome<()> {
        let settings = larder_postgres::settings(&address.place.schema, lock_timeout, writes);
        let encoding = self.simple(&settings)?.pop().flatten();
        larder_postgres::check_encoding(encoding.as_deref(), &address.place)?;
        Ok(())
    }

    /// Runs statements in one round trip; gives the first column of each row.
    pub(super) fn simple(&mut self, sql: &str) -> Outcome<Vec<Option<String>>> {
        let said = self.client.simple_query(sql)?;
        let rows = said.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// Runs a statement whose text cannot be kept.
    pub(super) fn once(&mut self, sql: &str, parameters: &[Parameter<'_>]) -> Outcome<Vec<Row>> {
        Ok(self.client.query(sql, parameters)?)
    }

    pub(super) fn query(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Outcome<Vec<Row>> {
        let statement = self.statement(sql)?;
        Ok(self.client.query(&statement, parameters)?)
    }

    pub(super) fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Outcome<()> {
        let statement = self.statement(sql)?;
        self.client.execute(&statement, parameters)?;
        Ok(())
    }

    /// Gives rows one by one, as they come.
    pub(super) fn stream(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Outcome<RowIter<'_>> {
        let statement = self.statement(sql)?;
        let parameters = parameters.iter().map(|it| *it as &dyn ToSql);
        Ok(self.client.query_raw(&statement, parameters)?)
    }

    fn statement(&mut self, sql: &'static str) -> Outcome<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

fn connect_to(mut server: Config, tls: Option<MakeRustlsConnect>) -> Outcome<Client> {
    server.notice_callback(|_| {});
    // It panics where the system has no more descriptors.
    let connected = catch_unwind(AssertUnwindSafe(|| match tls {
        Some(tls) => server.connect(tls),
        None => server.connect(NoTls),
    }));
    let client = connected.map_err(|_| {
        let message = "the system gives no event loop for a connection to the catalogue";
        Fault::from(Error::new(ErrorKind::Unavailable, message))
    })??;
    Ok(client)
}
