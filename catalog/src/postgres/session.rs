//! One connection, with the statements that are prepared on it.

use super::error::{Fault, Outcome};
use super::url::Address;
use larder_io_core::{Error, ErrorKind, Result};
use postgres::types::ToSql;
use postgres::{Client, NoTls, Row, RowIter, SimpleQueryMessage, Statement};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// A transaction whose client says nothing for so long is given up by the server, and with it the lock.
const IDLE: Duration = Duration::from_secs(60);

pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection. The crate blocks on a runtime of its own, so that no thread that is in one may use or drop it.
pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    /// Connects. With `writes`, for changes; else for questions only.
    pub(super) fn connect(address: &Address, lock_timeout: Duration, writes: bool) -> Outcome<Self> {
        let mut config = address.config.clone();
        config.notice_callback(|_| {});
        let tls = if address.tls { Some(tls()?) } else { None };
        // It panics where the system has no more descriptors.
        let connected = catch_unwind(AssertUnwindSafe(|| match tls {
            Some(tls) => config.connect(tls),
            None => config.connect(NoTls),
        }));
        let client = connected.map_err(|_| {
            let message = "the system gives no event loop for a connection to the catalogue";
            Fault::from(Error::new(ErrorKind::Unavailable, message))
        })??;
        let mut session = Self {
            client,
            statements: HashMap::new(),
        };
        session.set_up(address, lock_timeout, writes)?;
        Ok(session)
    }

    fn set_up(&mut self, address: &Address, lock_timeout: Duration, writes: bool) -> Outcome<()> {
        let schema = quoted(&address.place.schema);
        // A role or a database may have set them otherwise. A stricter `remote_apply` stays.
        let settings = format!(
            "SET search_path = {schema}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply';
             SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = {}; SHOW server_encoding",
            lock_timeout.as_millis().clamp(1, 1 << 30),
            IDLE.as_millis(),
            if writes { "off" } else { "on" },
        );
        let encoding = self.simple(&settings)?.pop().flatten();
        if encoding.as_deref() != Some("UTF8") {
            let message = format!(
                "{} is in a database whose encoding is {}: it needs one with UTF8",
                address.place,
                encoding.unwrap_or_default()
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message).into());
        }
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

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Verifies the server by the system's authorities, or those in the file that SSL_CERT_FILE names.
fn tls() -> Result<MakeRustlsConnect> {
    let invalid = |message: &str| Error::new(ErrorKind::InvalidConfig, message);
    let mut roots = rustls::RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(invalid(
            "there is no certificate of an authority to verify the catalogue's server with: install your system's package ca-certificates, or let SSL_CERT_FILE name a file",
        ));
    }
    // Named, because a program may have several providers compiled in.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid("TLS cannot be set up").with_source(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
