//! Law 7: of two writers one wins whole; under a precondition the other learns that it lost, and nobody loses by
//! being told twice.

use super::probe::Probe;
use super::support::output;
use crate::Fixture;
use larder_io_core::{ErrorKind, IoManager, OutputContext, Precondition, Receipt, Result, Value, Version};
use std::sync::Arc;

async fn store(manager: Arc<dyn IoManager>, ctx: OutputContext, value: Value) -> Result<Receipt> {
    manager.handle_output(&ctx, &value).await
}

fn under(at: &str, precondition: Precondition) -> OutputContext {
    let mut ctx = output(at);
    ctx.precondition = precondition;
    ctx
}

fn conflict(law: &str, result: &Result<Receipt>) {
    match result {
        Err(error) if error.kind() == ErrorKind::Conflict => {}
        other => panic!("law 7: {law}, instead of Conflict: {other:?}"),
    }
}

/// Without preconditions a manager must say so; with them this gives true.
async fn guarded(fixture: &Fixture, probe: Probe) -> bool {
    if fixture.claims().preconditions {
        return true;
    }
    for precondition in [Precondition::Absent, Precondition::Unchanged(Version::from_text("x"))] {
        let stored = store(
            Arc::clone(fixture.manager()),
            under("unguarded", precondition.clone()),
            probe.make(1),
        )
        .await;
        match stored {
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            other => panic!("law 7: {precondition:?} is not claimed, yet gives no Unsupported: {other:?}"),
        }
    }
    fixture
        .assert_missing(
            7,
            "after an unsupported precondition",
            &output("unguarded").to_input(probe.form()),
        )
        .await;
    false
}

/// Of two writers at once one value wins, whole, with its own receipt.
pub async fn law_07_concurrent_writers(fixture: &Fixture) {
    for form in fixture.forms() {
        for (bytes, rounds) in [(8_000, 10), (1 << 20, 4)] {
            let probe = Probe::new(form).bytes(bytes);
            for round in 0..rounds {
                let at = format!("race/{form}");
                let seeds = [round * 2 + 1, round * 2 + 2];
                let contexts = [output(&at), output(&at)];
                let tasks: Vec<_> = seeds
                    .iter()
                    .zip(&contexts)
                    .map(|(seed, ctx)| {
                        tokio::spawn(store(Arc::clone(fixture.manager()), ctx.clone(), probe.make(*seed)))
                    })
                    .collect();
                for task in tasks {
                    let stored = task.await.expect("law 7: a writer panicked");
                    stored.unwrap_or_else(|error| panic!("law 7: a writer without precondition failed: {error:?}"));
                }
                let input = contexts[0].to_input(form);
                let found = probe.read(7, fixture.load(&input).await).await;
                let head = fixture
                    .head(&input)
                    .await
                    .expect("law 7: neither writer left a receipt");
                let winner = contexts.iter().position(|ctx| ctx.write == head.write);
                let winner = winner.unwrap_or_else(|| panic!("law 7: the receipt is of neither writer: {head:?}"));
                check_eq!(
                    found,
                    seeds[winner],
                    "law 7: the receipt of one writer stands by the value of another"
                );
            }
        }
    }
}

/// `Unchanged` publishes while the version stands and gives `Conflict` when it does not.
pub async fn law_07_unchanged(fixture: &Fixture) {
    let probe = fixture.probe();
    if !guarded(fixture, probe).await {
        return;
    }
    unchanged(fixture, probe).await;
}

async fn unchanged(fixture: &Fixture, probe: Probe) {
    let manager = || Arc::clone(fixture.manager());
    let ctx = output("guarded");
    let first = fixture.store(&ctx, &probe.make(1)).await;
    let guard = || Precondition::Unchanged(first.version.clone());
    let second = store(manager(), under("guarded", guard()), probe.make(2)).await;
    let second = second.unwrap_or_else(|error| panic!("law 7: Unchanged fails though nothing changed: {error:?}"));
    check_ne!(second.version, first.version, "law 7: two versions have one name");
    let late = store(manager(), under("guarded", guard()), probe.make(3)).await;
    conflict("a store over a version that was replaced", &late);
    fixture.assert_holds(7, "after a conflict", &ctx, probe, 2).await;
    let head = fixture
        .head(&ctx.to_input(probe.form()))
        .await
        .expect("law 7: a conflict removed the receipt");
    check_eq!(head.write, second.write, "law 7: a conflict changed the receipt");
    let nowhere = store(manager(), under("nowhere", guard()), probe.make(4)).await;
    conflict("a store over a version of nothing", &nowhere);
    fixture
        .assert_missing(7, "after a conflict", &output("nowhere").to_input(probe.form()))
        .await;
    fixture
        .manager()
        .delete(&ctx.to_input(probe.form()))
        .await
        .expect("law 6: delete failed");
    let deleted = store(
        manager(),
        under("guarded", Precondition::Unchanged(second.version)),
        probe.make(5),
    )
    .await;
    conflict("a store over a version that was deleted", &deleted);
}

/// `Absent` publishes where nothing is and gives `Conflict` where something is.
pub async fn law_07_absent(fixture: &Fixture) {
    let probe = fixture.probe();
    if !guarded(fixture, probe).await {
        return;
    }
    absent(fixture, probe).await;
}

async fn absent(fixture: &Fixture, probe: Probe) {
    let manager = || Arc::clone(fixture.manager());
    let first = store(manager(), under("once", Precondition::Absent), probe.make(1)).await;
    first.unwrap_or_else(|error| panic!("law 7: Absent fails though nothing is there: {error:?}"));
    let second = store(manager(), under("once", Precondition::Absent), probe.make(2)).await;
    conflict("a store where something is", &second);
    fixture
        .assert_holds(7, "after a conflict", &output("once"), probe, 1)
        .await;
    fixture
        .manager()
        .delete(&output("once").to_input(probe.form()))
        .await
        .expect("law 6: delete failed");
    let again = store(manager(), under("once", Precondition::Absent), probe.make(3)).await;
    again.unwrap_or_else(|error| panic!("law 7: Absent fails after a delete: {error:?}"));
    fixture
        .assert_holds(7, "after a delete", &output("once"), probe, 3)
        .await;
}

/// Of writers that publish at once under one precondition exactly one wins.
pub async fn law_07_racing_preconditions(fixture: &Fixture) {
    let probe = fixture.probe();
    if !guarded(fixture, probe).await {
        return;
    }
    for round in 0..10_u64 {
        let at = format!("race/{round}");
        let precondition = match round % 2 {
            0 => Precondition::Absent,
            _ => Precondition::Unchanged(fixture.store(&output(&at), &probe.make(0)).await.version),
        };
        let mut tasks = Vec::new();
        for seed in 1..=4 {
            let mut staged = fixture
                .stage(&under(&at, precondition.clone()), &probe.make(seed))
                .await;
            tasks.push(tokio::spawn(async move { (seed, staged.publish().await) }));
        }
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.expect("law 7: a writer panicked") {
                (seed, Ok(_)) => winners.push(seed),
                (_, lost) => conflict("a writer that lost a race", &lost),
            }
        }
        check_eq!(
            winners.len(),
            1,
            "law 7: {} of 4 writers won under {precondition:?}",
            winners.len()
        );
        fixture
            .assert_holds(7, "after a race", &output(&at), probe, winners[0])
            .await;
    }
}

/// Preconditions hold for values that are written in parts as well.
pub async fn law_07_large_values(fixture: &Fixture) {
    let probe = fixture.probe().bytes(20 << 20);
    if !guarded(fixture, probe).await {
        return;
    }
    unchanged(fixture, probe).await;
    absent(fixture, probe).await;
    let at = "large-race";
    let mut first = fixture.stage(&under(at, Precondition::Absent), &probe.make(1)).await;
    let mut second = fixture.stage(&under(at, Precondition::Absent), &probe.make(2)).await;
    let (first, second) = tokio::join!(first.publish(), second.publish());
    let (winner, loser) = if first.is_ok() { (1, second) } else { (2, first) };
    conflict("a large value that lost a race", &loser);
    fixture
        .assert_holds(7, "after a race", &output(at), probe, winner)
        .await;
}

/// Publishing again gives the same receipt, also when another value was published in between, and changes nothing.
pub async fn law_07_own_write_is_known(fixture: &Fixture) {
    for form in fixture.forms() {
        let probe = Probe::new(form);
        let preconditions = match fixture.claims().preconditions {
            true => vec![Precondition::None, Precondition::Absent],
            false => vec![Precondition::None],
        };
        for (index, precondition) in preconditions.into_iter().enumerate() {
            let at = format!("twice/{form}/{index}");
            let mut staged = fixture.stage(&under(&at, precondition), &probe.make(1)).await;
            let first = staged
                .publish()
                .await
                .unwrap_or_else(|error| panic!("law 7: publish failed: {error:?}"));
            let again = staged.publish().await;
            let again = again.unwrap_or_else(|error| panic!("law 7: a second publish of one write fails: {error:?}"));
            check_eq!(again, first, "law 7: a second publish gives another receipt");
            fixture.store(&output(&at), &probe.make(2)).await;
            let late = staged.publish().await;
            let late = late.unwrap_or_else(|error| panic!("law 7: a late publish of one write fails: {error:?}"));
            check_eq!(late, first, "law 7: a late publish gives another receipt");
            fixture
                .assert_holds(7, "after a late second publish", &output(&at), probe, 2)
                .await;
        }
    }
}

/// A second attempt of a write whose first attempt landed unnoticed succeeds and is not a conflict.
pub async fn law_07_second_attempt_is_known(fixture: &Fixture) {
    let probe = fixture.probe();
    if !guarded(fixture, probe).await {
        return;
    }
    for bytes in [800, 9 << 20] {
        let probe = probe.bytes(bytes);
        let ctx = under(&format!("attempts/{bytes}"), Precondition::Absent);
        let first = fixture.store(&ctx, &probe.make(1)).await;
        let second = store(Arc::clone(fixture.manager()), ctx.clone(), probe.make(1)).await;
        let second = second.unwrap_or_else(|error| panic!("law 7: a writer lost against its own write: {error:?}"));
        check_eq!(
            second.write,
            first.write,
            "law 7: the receipt of a second attempt is another's"
        );
        check_eq!(
            second.version,
            first.version,
            "law 7: a second attempt published a second version"
        );
        fixture.assert_holds(7, "after a second attempt", &ctx, probe, 1).await;
    }
}
