//! A way to a server on which answers are lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Of `Proxy::left`: every piece passes.
const ALL: i64 = -1;
/// Of `Proxy::left`: every piece passes but the one that tells of a commit.
const NO_COMMIT: i64 = -2;
/// How PostgreSQL answers a commit: `CommandComplete` with this tag.
const COMMITTED: &[u8] = b"COMMIT\0";

/// Forwards connections to a server. One piece of an answer is taken and never told, and its connection ends; everything after it
/// passes again.
///
/// What is a piece depends on how fast the server writes: two of them may come as one.
#[derive(Debug)]
pub struct Proxy {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Pieces that still pass, or [`ALL`], or [`NO_COMMIT`].
    left: Arc<AtomicI64>,
}

impl Proxy {
    /// Listens for connections to the server on a port of 127.0.0.1. Everything passes.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let left = Arc::new(AtomicI64::new(ALL));
        let counter = Arc::clone(&left);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Where nobody listens the client's connection ends, as it would without this.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(from, to, |_| true));
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || pass(server, client, |piece| may_pass(&counter, piece)));
            }
        });
        Self { port: own, left }
    }

    /// Loses the piece that comes after so many.
    pub fn lose_after(&self, pieces: u32) {
        self.left.store(pieces.into(), Ordering::SeqCst);
    }

    /// Loses the next answer to a commit.
    pub fn lose_commit(&self) {
        self.left.store(NO_COMMIT, Ordering::SeqCst);
    }

    /// Lets everything pass from now on; whether what was to be lost was lost.
    pub fn heal(&self) -> bool {
        self.left.swap(ALL, Ordering::SeqCst) == ALL
    }
}

fn may_pass(left: &AtomicI64, piece: &[u8]) -> bool {
    let lost = match left.load(Ordering::SeqCst) {
        NO_COMMIT => piece.windows(COMMITTED.len()).any(|it| it == COMMITTED),
        ..0 => return true,
        _ => left.fetch_sub(1, Ordering::SeqCst) <= 0,
    };
    if lost {
        left.store(ALL, Ordering::SeqCst);
    }
    !lost
}

fn pass(mut from: TcpStream, mut to: TcpStream, may: impl Fn(&[u8]) -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !may(&bytes[..count]) || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // The other direction ends with it; either may have ended already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
