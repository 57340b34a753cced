//! Connections that break at each message: what was committed without being heard of is not recorded again.
#![allow(clippy::unwrap_used)]

mod common;

use common::block_on;
use common::server::{PASSWORD, Server};
use jiff::Timestamp;
use larder_catalog::{Catalog, Entry, Record, RunStarted};
use larder_io_core::{AssetKey, PartitionKey, RunId};
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

/// Forwards to a server until so many pieces of its answers have passed; the one after them is taken and never told.
///
/// What is a piece depends on how fast the server writes: two of them may come as one.
struct Proxy {
    port: u16,
    /// Pieces that still pass, or [`ALL`], or [`NO_COMMIT`].
    left: Arc<AtomicI64>,
}

impl Proxy {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let left = Arc::new(AtomicI64::new(ALL));
        let counter = Arc::clone(&left);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(from, to, |_| true));
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || {
                    pass(server, client, |piece| {
                        let lost = match counter.load(Ordering::SeqCst) {
                            NO_COMMIT => piece.windows(COMMITTED.len()).any(|it| it == COMMITTED),
                            ..0 => return true,
                            0 => true,
                            _ => counter.fetch_sub(1, Ordering::SeqCst) <= 0,
                        };
                        if lost {
                            counter.store(ALL, Ordering::SeqCst);
                        }
                        !lost
                    });
                });
            }
        });
        Self { port: own, left }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, may: impl Fn(&[u8]) -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !may(&bytes[..count]) || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn asset() -> AssetKey {
    "a/b".parse().unwrap()
}

fn records(from: usize) -> [Record; 2] {
    let run = RunId::from_text(format!("r{from}"));
    let partition = PartitionKey::single("n", format!("{from:05}")).ok();
    let started = RunStarted {
        run: run.clone(),
        at: Timestamp::UNIX_EPOCH,
        selection: String::new(),
        profile: None,
        tags: Default::default(),
    };
    let entry = Entry::new(
        asset(),
        partition,
        run,
        Timestamp::UNIX_EPOCH,
        "files",
        from.to_string(),
    );
    [started.into(), entry.into()]
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_batch_is_recorded_once_wherever_its_answer_is_lost() {
    let server = Server::start();
    let proxy = Proxy::to(server.port);
    let url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/postgres", proxy.port);
    let catalog = Catalog::connect(&url).unwrap();
    let (mut number, mut refused, mut landed) = (0, 0, 0);
    let events = || server.number("SELECT count(*) FROM larder.event");
    let record = |number: &mut usize| {
        records(*number).into_iter().for_each(|it| catalog.record(it));
        *number += 1;
    };
    // Statements that are prepared once come before.
    record(&mut number);
    block_on(catalog.flush()).unwrap();
    // Often: the catalogue's own thread may have tried before it was waited for, and then the second try is the one that is seen.
    for passing in (0..40).chain([NO_COMMIT; 24]) {
        proxy.left.store(passing, Ordering::SeqCst);
        record(&mut number);
        let first = block_on(catalog.flush());
        proxy.left.store(ALL, Ordering::SeqCst);
        if first.is_err() {
            refused += 1;
            landed += i64::from(events() == number as i64);
        }
        // More than was sent before goes into the next try.
        record(&mut number);
        while block_on(catalog.flush()).is_err() {}
    }
    // Some were refused although they were committed, which is what this is about.
    assert!(refused >= 5 && landed >= 1 && landed < refused, "{refused} {landed}");
    block_on(async {
        let history = catalog.history(&asset(), None, usize::MAX).await.unwrap();
        let wanted = (0..number).map(|number| Some(RunId::from_text(format!("r{number}"))));
        assert!(
            history.iter().rev().map(|it| it.run().cloned()).eq(wanted),
            "{history:?}"
        );
        assert_eq!(catalog.states(&asset()).await.unwrap().len(), number);
    });
}
