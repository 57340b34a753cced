//! Answers that are lost on the way: what was published without being heard of is not published again (law 7).
#![allow(clippy::unwrap_used)]

mod common;

use common::{Ground, input, output, rows};
use larder_io_core::{ErrorKind, IoManager, Precondition};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Of `Proxy::left`: everything passes.
const ALL: i64 = -1;
/// Of `Proxy::left`: everything passes but the answer to a commit.
const NO_COMMIT: i64 = -2;
/// How PostgreSQL answers a commit.
const COMMITTED: &[u8] = b"COMMIT\0";

/// Forwards to a server. One piece of an answer is taken and never told, and its connection ends.
struct Proxy {
    port: u16,
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
                            ALL => false,
                            _ => counter.fetch_sub(1, Ordering::SeqCst) == 0,
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

fn pass(mut from: TcpStream, mut to: TcpStream, mut may: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 16 * 1024];
    loop {
        match from.read(&mut bytes) {
            Ok(length) if length > 0 && may(&bytes[..length]) => {
                if to.write_all(&bytes[..length]).is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    // The other direction ends with it; either may have ended already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_commit_whose_answer_is_lost_is_found() {
    let ground = Ground::start();
    let proxy = Proxy::to(ground.server.port);
    let mut config = ground.config();
    let address = config
        .address
        .expose()
        .replace(&ground.server.port.to_string(), &proxy.port.to_string());
    config.address = larder_io_core::Secret::new(address);
    let manager = config.open().unwrap();
    for precondition in [Precondition::Absent, Precondition::None] {
        let mut ctx = output("x");
        ctx.precondition = precondition;
        let mut staged = ground.run(manager.stage(&ctx, &rows(1))).unwrap();
        proxy.left.store(NO_COMMIT, Ordering::SeqCst);
        let lost = ground.run(staged.publish()).unwrap_err();
        assert_eq!(proxy.left.load(Ordering::SeqCst), ALL, "the answer was lost");
        assert_eq!(lost.kind(), ErrorKind::Unavailable, "{lost:?}");
        assert_eq!(lost.effect(), larder_io_core::Effect::Unknown);
        let found = ground.run(staged.publish()).unwrap();
        assert_eq!(found.write, ctx.write);
        // Another attempt of the same write, with rows of its own.
        let again = ground.run(manager.handle_output(&ctx, &rows(1))).unwrap();
        assert_eq!((again.version, again.write), (found.version, found.write));
    }
    let history = ground.run(manager.versions().unwrap().history(&input("x"))).unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(
        ground
            .server
            .number("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'larder_data_%'"),
        2
    );
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_connection_that_breaks_at_any_message_leaves_the_old_value_or_the_new_one() {
    let ground = Ground::start();
    let proxy = Proxy::to(ground.server.port);
    let mut config = ground.config();
    let address = config
        .address
        .expose()
        .replace(&ground.server.port.to_string(), &proxy.port.to_string());
    config.address = larder_io_core::Secret::new(address);
    config.idle_connections = 0;
    let (through, direct) = (config.open().unwrap(), ground.manager(|_| {}));
    ground.store(&direct, "x", 0).unwrap();
    let (mut old, mut failed) = (0, 0);
    for seed in 1.. {
        let ctx = output("x");
        proxy.left.store(seed - 1, Ordering::SeqCst);
        let stored = ground.run(through.handle_output(&ctx, &rows(seed)));
        let unbroken = proxy.left.swap(ALL, Ordering::SeqCst) >= 0;
        let found = ground.load(&direct, "x").unwrap();
        assert!(
            found == seed || (found == old && stored.is_err()),
            "message {seed}: {found} after {old}, {stored:?}"
        );
        let head = ground.run(direct.head(&input("x"))).unwrap().unwrap();
        assert_eq!(
            head.write == ctx.write,
            found == seed,
            "message {seed}: the receipt is of the value"
        );
        if stored.is_err() {
            failed += 1;
            // Tried again, it is there once.
            let again = ground.run(direct.handle_output(&ctx, &rows(seed))).unwrap();
            assert_eq!(again.write, ctx.write);
            assert_eq!(ground.load(&direct, "x").unwrap(), seed);
            let history = ground.run(direct.versions().unwrap().history(&input("x"))).unwrap();
            assert_eq!(history.iter().filter(|receipt| receipt.write == ctx.write).count(), 1);
        }
        old = seed;
        if unbroken {
            break;
        }
    }
    assert!(failed > 10, "{failed} stores failed");
}
