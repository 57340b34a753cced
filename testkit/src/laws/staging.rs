//! Laws 4 and 5: what is staged is nowhere to be seen, what is published is there to stay.

use super::probe::Probe;
use super::support::{bytes_below, load, output, visible};
use crate::Fixture;
use larder_io_core::{ErrorKind, GcOptions};
use std::time::Duration;

/// What was published is there when the store is opened again.
pub async fn law_04_reopening_gives_the_value(fixture: &Fixture) {
    if !fixture.claims().persistent {
        return;
    }
    let reopen = || {
        let reopened = fixture.reopened();
        reopened.expect("law 4: the manager claims to be persistent, so its fixture needs `with_reopen`")
    };
    for form in fixture.forms() {
        for size in [800, 9 << 20] {
            let probe = Probe::new(form).bytes(size);
            let ctx = output(&format!("stays/{form}/{size}"));
            let receipt = fixture.store(&ctx, &probe.make(5)).await;
            let again = reopen();
            let found = probe.read(4, load(again.as_ref(), &ctx.to_input(form)).await).await;
            check_eq!(found, 5, "law 4: another value is there after reopening");
            let head = again
                .head(&ctx.to_input(form))
                .await
                .expect("law 4: head fails after reopening");
            let head = head.expect("law 4: the receipt is gone after reopening");
            check_eq!(
                (head.write, head.version),
                (receipt.write, receipt.version),
                "law 4: another receipt"
            );
        }
    }
    let probe = fixture.probe();
    let staged = fixture.stage(&output("never"), &probe.make(1)).await;
    let found = reopen().head(&output("never").to_input(probe.form())).await;
    assert!(
        matches!(found, Ok(None)),
        "law 5: a staged value is there after reopening: {found:?}"
    );
    drop(staged);
}

/// Staged data is not loaded, not found by head, not listed, not in the history, and no file that tools would find.
pub async fn law_05_staged_is_invisible(fixture: &Fixture) {
    for form in fixture.forms() {
        for size in [800, 9 << 20] {
            let probe = Probe::new(form).bytes(size);
            fixture.store(&output("neighbour"), &probe.make(1)).await;
            let files = fixture.root().map(visible);
            let ctx = output(&format!("new/{form}/{size}"));
            let mut staged = fixture.stage(&ctx, &probe.make(2)).await;
            fixture
                .assert_missing(5, "while a value is staged", &ctx.to_input(form))
                .await;
            let listed = fixture.list(None).await;
            check_eq!(listed, ["neighbour"], "law 5: a staged value is listed");
            check_eq!(fixture.root().map(visible), files, "law 5: tools can see a staged file");
            if let Some(versions) = fixture.manager().versions() {
                let history = versions.history(&ctx.to_input(form)).await.unwrap_or_default();
                assert!(history.is_empty(), "law 5: a staged value is in the history");
            }
            check_eq!(
                staged.receipt().version.as_str(),
                "",
                "law 5: a staged receipt names a version"
            );
            staged
                .publish()
                .await
                .unwrap_or_else(|error| panic!("law 5: publish failed: {error:?}"));
            fixture.assert_holds(5, "after publishing", &ctx, probe, 2).await;
            for stem in [&ctx, &output("neighbour")] {
                let deleted = fixture.manager().delete(&stem.to_input(form)).await;
                deleted.unwrap_or_else(|error| panic!("law 6: delete failed: {error:?}"));
            }
        }
    }
}

/// Discarding removes what was staged, can be repeated, and does nothing to what was published.
pub async fn law_05_discard_leaves_nothing(fixture: &Fixture) {
    for form in fixture.forms() {
        let probe = Probe::new(form).bytes(9 << 20);
        fixture.store(&output("first"), &Probe::new(form).make(1)).await;
        let before = fixture.root().map(bytes_below);
        let ctx = output(&format!("discarded/{form}"));
        let mut staged = fixture.stage(&ctx, &probe.make(2)).await;
        for _ in 0..2 {
            staged
                .discard()
                .await
                .unwrap_or_else(|error| panic!("law 5: discard failed: {error:?}"));
        }
        fixture.assert_missing(5, "after a discard", &ctx.to_input(form)).await;
        if let (Some(root), Some(before)) = (fixture.root(), before) {
            // A lock or an empty directory may stay; a value may not. Encoded, it is smaller than in memory.
            let left = bytes_below(root).saturating_sub(before);
            assert!(left < 4096, "law 5: a discarded {form} leaves {left} bytes");
        }
        let mut staged = fixture
            .stage(&output(&format!("discarded/{form}")), &probe.make(3))
            .await;
        staged
            .publish()
            .await
            .unwrap_or_else(|error| panic!("law 5: publish failed: {error:?}"));
        staged
            .discard()
            .await
            .unwrap_or_else(|error| panic!("law 5: discard after publish failed: {error:?}"));
        fixture
            .assert_holds(5, "after a discard of what was published", &ctx, probe, 3)
            .await;
    }
}

/// A staged value can be loaded for checks when that was asked for, else never.
pub async fn law_05_staged_load_is_for_checks(fixture: &Fixture) {
    for form in fixture.forms() {
        let probe = Probe::new(form).bytes(400_000);
        // More than one request takes: stores send it while it comes.
        let large = Probe::new(form).bytes(9 << 20);
        let values = [
            (probe, Some(probe.make(4))),
            (probe, probe.stream(4, 5, false)),
            (large, large.stream(4, 5, false)),
        ];
        let values = values.into_iter().filter_map(|(probe, value)| Some((probe, value?)));
        for (index, (probe, value)) in values.enumerate() {
            let mut ctx = output(&format!("checked/{form}/{index}"));
            let staged = fixture.stage(&ctx, &probe.make(3)).await;
            let refused = staged.load().await.err().map(|error| error.kind());
            let wanted = Some(ErrorKind::Unsupported);
            check_eq!(
                refused,
                wanted,
                "law 15: a staged value is loaded without `keep_for_checks`"
            );
            drop(staged);
            ctx.keep_for_checks = true;
            let mut staged = fixture.stage(&ctx, &value).await;
            for _ in 0..2 {
                let loaded = staged.load().await;
                let loaded = loaded.unwrap_or_else(|error| panic!("law 5: a staged {form} does not load: {error:?}"));
                check_eq!(probe.read(5, loaded).await, 4, "law 5: another value was staged");
            }
            fixture
                .assert_missing(5, "while a value is checked", &ctx.to_input(form))
                .await;
            staged
                .publish()
                .await
                .unwrap_or_else(|error| panic!("law 5: publish failed: {error:?}"));
            fixture.assert_holds(5, "after its checks", &ctx, probe, 4).await;
        }
    }
}

/// Cleaning up removes what was abandoned and nothing that is published; a dry run removes nothing.
pub async fn law_05_gc_spares_what_is_published(fixture: &Fixture) {
    let Some(maintenance) = fixture.manager().maintenance() else {
        return;
    };
    let probe = fixture.probe().bytes(9 << 20);
    let ctx = output("published");
    fixture.store(&ctx, &probe.make(1)).await;
    fixture.store(&output("published"), &probe.make(2)).await;
    let before = fixture.root().map(bytes_below);
    for _ in 0..2 {
        drop(fixture.stage(&output("abandoned"), &probe.make(3)).await);
    }
    // File times are coarser than the clock.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut options = GcOptions::default();
    let young = maintenance
        .gc(&options)
        .await
        .unwrap_or_else(|error| panic!("law 5: gc failed: {error:?}"));
    assert!(
        young.is_empty(),
        "law 5: gc removes what is younger than it was told: {young:?}"
    );
    options.older_than = Duration::ZERO;
    options.dry_run = true;
    let told = maintenance
        .gc(&options)
        .await
        .unwrap_or_else(|error| panic!("law 5: gc failed: {error:?}"));
    options.dry_run = false;
    let removed = maintenance
        .gc(&options)
        .await
        .unwrap_or_else(|error| panic!("law 5: gc failed: {error:?}"));
    check_eq!(
        told.len(),
        removed.len(),
        "law 5: a dry run tells another garbage than a real one removes"
    );
    let rest = maintenance
        .gc(&options)
        .await
        .unwrap_or_else(|error| panic!("law 5: gc failed: {error:?}"));
    assert!(rest.is_empty(), "law 5: gc leaves garbage: {rest:?}");
    fixture.assert_holds(5, "after gc", &ctx, probe, 2).await;
    if let Some(versions) = fixture.manager().versions().filter(|_| fixture.claims().versions) {
        let history = versions
            .history(&ctx.to_input(probe.form()))
            .await
            .expect("law 14: no history after gc");
        check_eq!(history.len(), 2, "law 5: gc removed an old version");
    }
    if let (Some(root), Some(before)) = (fixture.root(), before) {
        let left = bytes_below(root).saturating_sub(before);
        assert!(left < 4096, "law 5: gc leaves {left} bytes of abandoned values");
    }
}
