//! A port on which Prometheus asks.

use larder_io_core::{Error, ErrorKind, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The longest head of a request that is read, in bytes.
const LONGEST: usize = 8 * 1024;
/// How long a client may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers one client after another, in a thread of its own.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Listener {
    pub(super) fn new(address: SocketAddr, metrics: PrometheusHandle) -> Result<Self> {
        if !address.ip().is_loopback() {
            let message = format!(
                "{address} can be reached from other machines, and metrics are given to anyone who asks: listen on 127.0.0.1 or [::1]"
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let taken = |error| {
            let message = format!("cannot listen on {address}; is the port taken?");
            Error::new(ErrorKind::InvalidConfig, message).with_source(error)
        };
        let listener = TcpListener::bind(address).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let closed = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&closed);
        let thread = thread::Builder::new().name("larder-prometheus".to_owned());
        thread
            .spawn(move || {
                for client in listener.incoming() {
                    if shared.load(Ordering::Relaxed) {
                        return;
                    }
                    // A client that goes away is its own affair.
                    let _ = client.and_then(|client| answer(client, &metrics));
                }
            })
            .map_err(taken)?;
        Ok(Self { address, closed })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // Wakes the thread, which waits for a client.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
    }
}

fn answer(mut client: TcpStream, metrics: &PrometheusHandle) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut part = [0_u8; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = client.read(&mut part)?;
        head.extend_from_slice(&part[..read]);
        if read == 0 || head.len() > LONGEST {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        ("GET", "/metrics") => {
            metrics.run_upkeep();
            ("200 OK", metrics.render())
        }
        ("GET", _) => ("404 Not Found", "metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET\n".to_owned()),
    };
    write!(
        client,
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
