//! Connections that break at each message: what was committed without being heard of is not recorded again.
#![allow(clippy::unwrap_used)]

mod common;

use common::block_on;
use common::server::{PASSWORD, Server};
use jiff::Timestamp;
use larder_catalog::{Catalog, Entry, Record, RunStarted};
use larder_io_core::{AssetKey, PartitionKey, RunId};
use larder_testkit::postgresql::Proxy;

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
    for passing in (0..40).map(Some).chain([None; 24]) {
        match passing {
            Some(pieces) => proxy.lose_after(pieces),
            None => proxy.lose_commit(),
        }
        record(&mut number);
        let first = block_on(catalog.flush());
        proxy.heal();
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
