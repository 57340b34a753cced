//! Connections that are kept for the next who needs one.

use crate::error::{Outcome, Place};
use larder_postgres::{Address, Connection, Connector};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_postgres::Client;

/// Rows come back in the order in which they were stored (law 1): a scan begins at the table's first page, in one process, and
/// never along an index that somebody made. A large table takes as long as it takes.
const ORDERED: &str = "SET synchronize_seqscans = off; SET max_parallel_workers_per_gather = 0;
    SET enable_indexscan = off; SET enable_indexonlyscan = off; SET statement_timeout = 0;";

/// Lends connections. As many are made as are used at once, and so many are kept.
///
/// There is no upper bound on purpose: a step that reads several streams while it stores would wait for a connection that it
/// holds itself. The executor bounds the steps, and the server says when it has none left.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    connector: Connector,
    idle: Mutex<Vec<Connection>>,
    keep: usize,
}

impl Pool {
    pub(crate) fn new(address: Address, lock_timeout: Duration, connect_timeout: Duration, keep: usize) -> Self {
        let settings = format!(
            "{ORDERED} {}",
            larder_postgres::settings("pg_catalog", lock_timeout, true)
        );
        Self(Arc::new(Inner {
            connector: Connector::new(address, connect_timeout, settings),
            idle: Mutex::default(),
            keep,
        }))
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0.connector.address().place
    }

    /// Lends a connection: one that is open and idle, else a new one.
    pub(crate) async fn lend(&self) -> Outcome<Lease> {
        loop {
            let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) if connection.is_open() => connection,
                Some(_) => continue,
                None => self.0.connector.connect().await?,
            };
            return Ok(Lease {
                pool: self.clone(),
                connection: Some(connection),
            });
        }
    }

    /// Closes what is idle; for when the server is found gone, and what is idle is surely of the same kind.
    pub(crate) fn clear(&self) {
        let idle = std::mem::take(&mut *self.0.idle.lock().unwrap_or_else(PoisonError::into_inner));
        idle.into_iter().for_each(Connection::give_up);
    }
}

/// A connection that is lent. Unless it is [returned](Lease::give_back), it is closed, and what it does is cancelled: what is
/// dropped in the middle of something is in nobody knows which state.
pub(crate) struct Lease {
    pool: Pool,
    /// Gone only while it is dropped.
    connection: Option<Connection>,
}

impl Lease {
    /// Its client; an error once it was given back, which is a defect.
    pub(crate) fn client(&self) -> Outcome<&Client> {
        self.connection.as_ref().map(|it| &it.client).ok_or_else(|| {
            let message = "a connection was used after it was given back; this is a defect of larder";
            larder_io_core::Error::new(larder_io_core::ErrorKind::Unexpected, message).into()
        })
    }

    /// Ends it, outside of any transaction: for one in which others may have set what the next is not to have.
    pub(crate) fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }

    /// Gives it back for the next, outside of any transaction.
    pub(crate) fn give_back(mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let mut idle = self.pool.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_open() && idle.len() < self.pool.0.keep {
            idle.push(connection);
        } else {
            drop(idle);
            connection.give_up();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.give_up();
        }
    }
}
