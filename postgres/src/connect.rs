//! One connection: made, set up, and cancelled where its work is not wanted any more.

use crate::address::Address;
use crate::error::{Fault, Outcome};
use crate::session;
use crate::tls;
use larder_io_core::{Effect, Error, ErrorKind, Result};
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_postgres::{CancelToken, Client, Config, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a request to cancel may take.
const CANCELLING: Duration = Duration::from_secs(5);

/// A connection, and the task that moves its bytes.
pub struct Connection {
    /// What asks.
    pub client: Client,
    task: AbortHandle,
    tls: Option<MakeRustlsConnect>,
}

/// Makes connections to one server.
pub struct Connector {
    address: Address,
    patience: Duration,
    settings: String,
    /// Reading the system's certificates takes a while; done once.
    tls: OnceLock<MakeRustlsConnect>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({})", self.address.place)
    }
}

impl Connector {
    /// Connects to an address. Each of its hosts has `patience` for all of it: the network, TLS, the password, and the `settings` of
    /// the session, statements whose last row is the encoding ([`settings`](crate::settings)).
    pub fn new(address: Address, patience: Duration, settings: String) -> Self {
        Self {
            address,
            patience,
            settings,
            tls: OnceLock::new(),
        }
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn tls(&self) -> Result<Option<MakeRustlsConnect>> {
        if !self.address.tls {
            return Ok(None);
        }
        if let Some(tls) = self.tls.get() {
            return Ok(Some(tls.clone()));
        }
        let made = tls::connector()?;
        Ok(Some(self.tls.get_or_init(|| made).clone()))
    }

    /// Connects to the first host that takes writes, and sets the session up. Of several that are silent or take none, the first
    /// is told of.
    ///
    /// # Cancel safety
    /// Dropped, it leaves no connection.
    pub async fn connect(&self) -> Outcome<Connection> {
        let tls = self.tls()?;
        let mut failed: Option<Fault> = None;
        for server in &self.address.servers {
            let made = tokio::time::timeout(self.patience, self.connect_to(server, tls.clone())).await;
            let (fault, elsewhere) = match made {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(fault)) => {
                    let elsewhere = fault.may_be_elsewhere();
                    (fault, elsewhere)
                }
                Err(_) => (self.too_slow().into(), true),
            };
            if !elsewhere {
                return Err(fault);
            }
            failed = failed.or(Some(fault));
        }
        Err(failed.unwrap_or_else(|| self.too_slow().into()))
    }

    fn too_slow(&self) -> Error {
        let message = format!(
            "{} does not let a session begin within `connect_timeout` ({:?}): look whether the server or what is in front of it hangs, or give it more time",
            self.address.place, self.patience
        );
        // Nothing was asked for yet.
        Error::new(ErrorKind::Unavailable, message).with_effect(Effect::None)
    }

    async fn connect_to(&self, server: &Config, tls: Option<MakeRustlsConnect>) -> Outcome<Connection> {
        let (client, task) = match tls.clone() {
            Some(tls) => {
                let (client, connection) = server.connect(tls).await?;
                (client, tokio::spawn(connection).abort_handle())
            }
            None => {
                let (client, connection) = server.connect(NoTls).await?;
                (client, tokio::spawn(connection).abort_handle())
            }
        };
        let mut guard = Guard(Some(task.clone()));
        self.set_up(&client).await?;
        guard.0 = None;
        Ok(Connection { client, task, tls })
    }

    async fn set_up(&self, client: &Client) -> Outcome<()> {
        let said = client.simple_query(&self.settings).await?;
        let encoding = said.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        session::check_encoding(encoding, &self.address.place)?;
        Ok(())
    }
}

/// Ends a connection that is not set up in the end.
struct Guard(Option<AbortHandle>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

impl Connection {
    /// Whether it can be used again.
    pub fn is_open(&self) -> bool {
        !self.client.is_closed() && !self.task.is_finished()
    }

    /// Ends it where nothing is under way.
    pub fn close(self) {
        self.task.abort();
    }

    /// Ends it, and what the server does for it: what is under way is cancelled and rolled back.
    pub fn give_up(self) {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Who, Wish, parse};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const WHO: Who = Who {
        name: "the test",
        form: "postgres://USER@HOST/DATABASE",
    };

    /// A server that takes connections, says so much of a session, and hangs.
    async fn hanging(says: &'static [u8]) -> Connector {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut bytes = [0; 1024];
                    let _ = stream.read(&mut bytes).await;
                    let _ = stream.write_all(says).await;
                    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
                });
            }
        });
        let config = parse(&format!("postgres://u@127.0.0.1:{port}/d"), &WHO).unwrap();
        let wish = Wish {
            what: "",
            schema: "s".to_owned(),
            tls: None,
            connect_timeout: Duration::from_secs(3600),
            password: None,
            variable: None,
        };
        let address = Address::new(config, &WHO, wish).unwrap();
        Connector::new(address, Duration::from_millis(100), "SHOW server_encoding".to_owned())
    }

    #[tokio::test]
    async fn a_server_that_hangs_is_given_up_in_each_phase() {
        // Before it says anything; after the password; after the session began.
        let ready = b"R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x01\0\0\0\x01Z\0\0\0\x05I";
        for says in [&b""[..], &ready[..9], &ready[..]] {
            let connector = hanging(says).await;
            let fault = connector.connect().await.unwrap_err();
            let Fault::Own(error) = fault else {
                panic!("{fault:?}");
            };
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.message().contains("`connect_timeout`"), "{error}");
        }
    }
}
