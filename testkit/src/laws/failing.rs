//! Laws 3 and 11: a store that does not come to its end changes nothing.

use super::probe::Probe;
use super::support::output;
use crate::Fixture;
use futures_util::FutureExt;
use larder_io_core::{ErrorKind, Form, OutputContext, Receipt};
use std::time::Duration;

/// Sizes below and above those at which stores begin to write before they have everything.
const SIZES: [usize; 2] = [16_000, 9 << 20];

/// Stores an old value and gives what must stay.
async fn old(fixture: &Fixture, at: &str, probe: Probe) -> (OutputContext, Receipt) {
    let ctx = output(at);
    let receipt = fixture.store(&ctx, &probe.make(1)).await;
    (ctx, receipt)
}

async fn assert_unchanged(fixture: &Fixture, when: &str, ctx: &OutputContext, probe: Probe, receipt: &Receipt) {
    fixture.assert_holds(3, when, ctx, probe, 1).await;
    let head = fixture.head(&ctx.to_input(probe.form())).await;
    let head = head.unwrap_or_else(|| panic!("law 3: {when}: the old receipt is gone"));
    let same = |receipt: &Receipt| (receipt.write.clone(), receipt.version.clone(), receipt.content_hash);
    check_eq!(same(&head), same(receipt), "law 3: {when}: the receipt is another one");
    check_eq!(
        fixture.list(None).await,
        [ctx.location.as_str()],
        "law 3: {when}: the list changed"
    );
}

fn streamed(fixture: &Fixture) -> Vec<Form> {
    let mut forms = fixture.forms();
    forms.retain(|form| *form != Form::Object);
    forms
}

/// A stream that fails, early or late, leaves the old value and its receipt.
pub async fn law_03_failed_store_keeps_the_old_value(fixture: &Fixture) {
    for form in streamed(fixture) {
        for (size, parts) in [(SIZES[0], 1), (SIZES[0], 4), (SIZES[1], 9)] {
            let probe = Probe::new(form).bytes(size);
            let (ctx, receipt) = old(fixture, "kept", probe).await;
            let broken = probe.stream(2, parts, true).expect("has streams");
            let stored = fixture.manager().handle_output(&output("kept"), &broken).await;
            assert!(
                stored.is_err(),
                "law 11: a store of a broken stream of {form} succeeded"
            );
            assert_unchanged(fixture, "after a failed stream", &ctx, probe, &receipt).await;
            fixture
                .manager()
                .delete(&ctx.to_input(form))
                .await
                .expect("law 6: delete failed");
        }
    }
    // What cannot be stored at all must not disturb either.
    let probe = fixture.probe();
    let (ctx, receipt) = old(fixture, "kept", probe).await;
    let refused = fixture
        .manager()
        .handle_output(&output("kept"), &larder_io_core::Value::Nothing)
        .await;
    if refused.is_err() {
        assert_unchanged(fixture, "after a refused store", &ctx, probe, &receipt).await;
    }
}

/// A store whose future is dropped leaves the old value and its receipt.
pub async fn law_03_cancelled_store_keeps_the_old_value(fixture: &Fixture) {
    for form in fixture.forms() {
        let probe = Probe::new(form).bytes(SIZES[0]);
        let (ctx, receipt) = old(fixture, "kept", probe).await;
        for when in ["at its first wait", "while it waits for its stream"] {
            let value = probe.stuck(2).unwrap_or_else(|| probe.make(2));
            let next = output("kept");
            let store = fixture.manager().stage(&next, &value);
            if when == "at its first wait" {
                drop(store.now_or_never());
            } else {
                let waited = tokio::time::timeout(Duration::from_millis(100), store).await;
                drop(waited);
            }
            assert_unchanged(
                fixture,
                &format!("after a store was cancelled {when}"),
                &ctx,
                probe,
                &receipt,
            )
            .await;
        }
        fixture.store(&output("kept"), &probe.make(3)).await;
        fixture
            .assert_holds(3, "when a store follows a cancelled one", &ctx, probe, 3)
            .await;
        fixture
            .manager()
            .delete(&ctx.to_input(form))
            .await
            .expect("law 6: delete failed");
    }
}

/// A value that was staged and then dropped or discarded leaves the old value and its receipt.
pub async fn law_03_unpublished_store_keeps_the_old_value(fixture: &Fixture) {
    for form in fixture.forms() {
        for size in SIZES {
            let probe = Probe::new(form).bytes(size);
            let (ctx, receipt) = old(fixture, "kept", probe).await;
            let staged = fixture.stage(&output("kept"), &probe.make(2)).await;
            assert_unchanged(fixture, "beside a staged value", &ctx, probe, &receipt).await;
            drop(staged);
            assert_unchanged(fixture, "after a staged value was dropped", &ctx, probe, &receipt).await;
            let mut staged = fixture.stage(&output("kept"), &probe.make(2)).await;
            staged.discard().await.expect("law 5: discard failed");
            assert_unchanged(fixture, "after a staged value was discarded", &ctx, probe, &receipt).await;
            fixture
                .manager()
                .delete(&ctx.to_input(form))
                .await
                .expect("law 6: delete failed");
        }
    }
}

/// A stream that fails publishes nothing where nothing was.
pub async fn law_11_failed_stream_publishes_nothing(fixture: &Fixture) {
    for form in streamed(fixture) {
        for (size, parts) in [(SIZES[0], 1), (SIZES[0], 50), (SIZES[1], 9)] {
            let probe = Probe::new(form).bytes(size);
            let broken = probe.stream(2, parts, true).expect("has streams");
            let ctx = output("nothing");
            let stored = fixture.manager().handle_output(&ctx, &broken).await;
            assert!(
                stored.is_err(),
                "law 11: a store of a broken stream of {form} succeeded"
            );
            fixture
                .assert_missing(11, "after a failed stream", &ctx.to_input(form))
                .await;
            let listed = fixture.list(None).await;
            assert!(listed.is_empty(), "law 11: a failed stream is listed: {listed:?}");
        }
    }
}

/// The error of a failed stream is that of the stream, so that a policy can ask it.
pub async fn law_11_failed_stream_tells_its_own_error(fixture: &Fixture) {
    for form in streamed(fixture) {
        let broken = Probe::new(form).stream(2, 3, true).expect("has streams");
        let error = match fixture.manager().handle_output(&output("broken"), &broken).await {
            Ok(_) => panic!("law 11: a store of a broken stream of {form} succeeded"),
            Err(error) => error,
        };
        check_eq!(
            error.kind(),
            ErrorKind::AssetFailed,
            "law 11: the stream's error was relabelled: {error:?}"
        );
        let told = format!("{error:?}").contains("broke on purpose");
        assert!(told, "law 11: the stream's error was lost: {error:?}");
    }
}
