//! One connection: made, set up, and cancelled where its work is not wanted any more.

use crate::address::Address;
use crate::error::Outcome;
use larder_io_core::{Error, ErrorKind, Result};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_postgres::{CancelToken, Client, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A transaction whose client says nothing for so long is given up by the server, and with it its locks.
const IDLE: Duration = Duration::from_secs(60);
/// How long a request to cancel may take.
const CANCELLING: Duration = Duration::from_secs(5);

/// A connection, and the task that moves its bytes.
pub(crate) struct Connection {
    pub(crate) client: Client,
    task: AbortHandle,
    tls: Option<MakeRustlsConnect>,
}

/// Makes connections to one server.
pub(crate) struct Connector {
    pub(crate) address: Address,
    lock_timeout: Duration,
    /// Reading the system's certificates takes a while; done once.
    tls: OnceLock<MakeRustlsConnect>,
}

impl Connector {
    pub(crate) fn new(address: Address, lock_timeout: Duration) -> Self {
        Self {
            address,
            lock_timeout,
            tls: OnceLock::new(),
        }
    }

    fn tls(&self) -> Result<Option<MakeRustlsConnect>> {
        if !self.address.tls {
            return Ok(None);
        }
        if let Some(tls) = self.tls.get() {
            return Ok(Some(tls.clone()));
        }
        let made = tls()?;
        Ok(Some(self.tls.get_or_init(|| made).clone()))
    }

    /// Connects, and sets the session up.
    pub(crate) async fn connect(&self) -> Outcome<Connection> {
        let tls = self.tls()?;
        let config = &self.address.config;
        let (client, task) = match tls.clone() {
            Some(tls) => {
                let (client, connection) = config.connect(tls).await?;
                (client, tokio::spawn(connection).abort_handle())
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(connection).abort_handle())
            }
        };
        let connection = Connection { client, task, tls };
        self.set_up(&connection.client).await?;
        Ok(connection)
    }

    async fn set_up(&self, client: &Client) -> Outcome<()> {
        // Rows come back in the order in which they were stored (law 1): a scan begins at the table's first page, in one
        // process, and never along an index that somebody made. A role or a database may have set the rest otherwise; a
        // stricter `remote_apply` stays.
        let settings = format!(
            "SET search_path = pg_catalog; SET standard_conforming_strings = on; SET statement_timeout = 0;
             SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};
             SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0;
             SET enable_indexscan = off; SET enable_indexonlyscan = off;
             SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off;
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply';
             SHOW server_encoding",
            self.lock_timeout.as_millis().clamp(1, 1 << 30),
            IDLE.as_millis(),
        );
        let said = client.simple_query(&settings).await?;
        let encoding = said.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        if encoding != Some("UTF8") {
            let message = format!(
                "{} is in a database whose encoding is {}: it needs one with UTF8",
                self.address.place,
                encoding.unwrap_or("unknown")
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message).into());
        }
        Ok(())
    }
}

impl Connection {
    /// Whether it can be used again.
    pub(crate) fn is_open(&self) -> bool {
        !self.client.is_closed() && !self.task.is_finished()
    }

    /// Ends it, and what the server does for it: what is under way is cancelled and rolled back.
    pub(crate) fn give_up(self) {
        let (token, tls, task) = (self.client.cancel_token(), self.tls.clone(), self.task.clone());
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if self.is_open() => {
                runtime.spawn(async move {
                    // Where the request does not get through, the server learns it from the closed connection.
                    let _ = tokio::time::timeout(CANCELLING, cancel(token, tls)).await;
                    task.abort();
                });
            }
            _ => task.abort(),
        }
    }
}

async fn cancel(token: CancelToken, tls: Option<MakeRustlsConnect>) {
    // A request that fails leaves what there is: the connection is closed next.
    let _ = match tls {
        Some(tls) => token.cancel_query(tls).await,
        None => token.cancel_query(NoTls).await,
    };
}

/// Verifies the server by the system's authorities, or those in the file that SSL_CERT_FILE names.
fn tls() -> Result<MakeRustlsConnect> {
    let invalid = |message: &str| Error::new(ErrorKind::InvalidConfig, message);
    let mut roots = rustls::RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(invalid(
            "there is no certificate of an authority to verify the PostgreSQL server with: install your system's package ca-certificates, or let SSL_CERT_FILE name a file",
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
