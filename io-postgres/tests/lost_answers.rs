//! Answers that are lost on the way: what was published without being heard of is not published again (law 7).
#![allow(clippy::unwrap_used)]

mod common;

use common::{Ground, input, output, rows};
use larder_io_core::{ErrorKind, IoManager, Precondition};
use larder_io_postgres::PostgresConfig;
use larder_testkit::postgresql::Proxy;

/// A server, and the settings of a manager that reaches it by a way on which answers are lost.
fn ground() -> (Ground, Proxy, PostgresConfig) {
    let ground = Ground::start();
    let proxy = Proxy::to(ground.server.port);
    let mut config = ground.config();
    let address = config
        .address
        .expose()
        .replace(&ground.server.port.to_string(), &proxy.port.to_string());
    config.address = larder_io_core::Secret::new(address);
    (ground, proxy, config)
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_commit_whose_answer_is_lost_is_found() {
    let (ground, proxy, config) = ground();
    let manager = config.open().unwrap();
    for precondition in [Precondition::Absent, Precondition::None] {
        let mut ctx = output("x");
        ctx.precondition = precondition;
        let mut staged = ground.run(manager.stage(&ctx, &rows(1))).unwrap();
        proxy.lose_commit();
        let lost = ground.run(staged.publish()).unwrap_err();
        assert!(proxy.heal(), "the answer was lost");
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
    let (ground, proxy, mut config) = ground();
    config.idle_connections = 0;
    let (through, direct) = (config.open().unwrap(), ground.manager(|_| {}));
    ground.store(&direct, "x", 0).unwrap();
    let (mut old, mut failed) = (0, 0);
    for seed in 1.. {
        let ctx = output("x");
        proxy.lose_after(u32::try_from(seed - 1).unwrap());
        let stored = ground.run(through.handle_output(&ctx, &rows(seed)));
        let unbroken = !proxy.heal();
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

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_commit_whose_answer_is_lost_is_found_after_it_was_replaced_and_swept() {
    let (ground, proxy, mut config) = ground();
    config.history = 1;
    let (through, direct) = (config.open().unwrap(), ground.manager(|config| config.history = 1));
    let ctx = output("x");
    let mut staged = ground.run(through.stage(&ctx, &rows(1))).unwrap();
    proxy.lose_commit();
    ground.run(staged.publish()).unwrap_err();
    assert!(proxy.heal(), "the answer was lost");
    ground.store(&direct, "x", 2).unwrap();
    ground
        .server
        .sql("UPDATE assets.larder_values SET replaced_at = replaced_at - interval '1 hour'");
    ground.store(&direct, "x", 3).unwrap();
    let landed = ground.run(staged.publish()).unwrap();
    assert_eq!(landed.write, ctx.write);
    assert_eq!(ground.load(&direct, "x").unwrap(), 3);
}
