//! Law 6: missing is `NotFound` on load, `None` on head, success on delete, and not the same as a stored null.

use super::support::output;
use crate::Fixture;
use larder_io_core::{AssetValue, ErrorKind, Form, InputContext, Retry, Version};

fn any(ctx: &larder_io_core::OutputContext) -> InputContext {
    InputContext::new(ctx.asset.clone(), None, ctx.location.clone())
}

/// What was never stored is missing: in an empty store, beside neighbours, in any form, in any version.
pub async fn law_06_missing_is_told_three_ways(fixture: &Fixture) {
    for neighbours in [false, true] {
        if neighbours {
            for at in ["dir/x/inside", "dir/xy", "dir/x.y", "di"] {
                fixture.store(&output(at), &fixture.probe().make(1)).await;
            }
        }
        let ctx = output("dir/x");
        let contexts = fixture
            .forms()
            .into_iter()
            .map(|form| ctx.to_input(form))
            .chain([any(&ctx)]);
        for input in contexts {
            fixture.assert_missing(6, "when nothing was stored", &input).await;
            let error = fixture.manager().load_input(&input).await.expect_err("is missing");
            check_eq!(
                error.retry(),
                Retry::Never,
                "law 6: what is missing need not be tried again: {error:?}"
            );
            assert!(!error.message().is_empty(), "law 6: a missing value has no message");
            for _ in 0..2 {
                let deleted = fixture.manager().delete(&input).await;
                deleted.unwrap_or_else(|error| panic!("law 6: delete of what is missing fails: {error:?}"));
            }
        }
        if let Some(versions) = fixture.manager().versions().filter(|_| fixture.claims().versions) {
            let history = versions.history(&ctx.to_input(fixture.forms()[0])).await;
            let empty = history.as_ref().is_ok_and(Vec::is_empty);
            assert!(empty, "law 6: what was never stored has a history: {history:?}");
        }
        check_eq!(
            fixture.list(Some("dir/x")).await.len(),
            usize::from(neighbours),
            "law 10: list below `dir/x`"
        );
    }
    let old = output("di")
        .to_input(fixture.forms()[0])
        .with_version(Version::from_text("no-such-version"));
    let error = fixture.manager().load_input(&old).await.err();
    let kind = error.as_ref().map(larder_io_core::Error::kind);
    let refused = matches!(kind, Some(ErrorKind::NotFound | ErrorKind::Unsupported));
    assert!(refused, "law 6: an unknown version was loaded: {error:?}");
}

/// What was deleted is missing, only that, and can be stored again.
pub async fn law_06_deleted_is_missing(fixture: &Fixture) {
    for form in fixture.forms() {
        let probe = super::probe::Probe::new(form);
        let (ctx, other) = (output("gone/a"), output("gone/b"));
        fixture.store(&ctx, &probe.make(1)).await;
        fixture.store(&other, &probe.make(2)).await;
        for _ in 0..2 {
            let deleted = fixture.manager().delete(&ctx.to_input(form)).await;
            deleted.unwrap_or_else(|error| panic!("law 6: delete failed: {error:?}"));
            fixture.assert_missing(6, "after a delete", &ctx.to_input(form)).await;
            fixture.assert_missing(6, "after a delete", &any(&ctx)).await;
        }
        check_eq!(
            fixture.list(None).await,
            ["gone/b"],
            "law 10: what was deleted is listed"
        );
        fixture
            .assert_holds(6, "after a delete beside it", &other, probe, 2)
            .await;
        fixture.store(&output("gone/a"), &probe.make(3)).await;
        fixture
            .assert_holds(6, "after a store that follows a delete", &ctx, probe, 3)
            .await;
        for stem in [&ctx, &other] {
            fixture
                .manager()
                .delete(&stem.to_input(form))
                .await
                .expect("law 6: delete failed");
        }
    }
}

/// A stored `None` and a stored unit in a list are values.
pub async fn law_06_a_stored_null_is_not_missing(fixture: &Fixture) {
    if !fixture.takes(Form::Object) {
        return;
    }
    let ctx = output("null");
    fixture.store(&ctx, &None::<String>.into_value()).await;
    let head = fixture.head(&ctx.to_input(Form::Object)).await;
    assert!(head.is_some(), "law 6: a stored null has no receipt");
    let value = fixture.manager().load_input(&ctx.to_input(Form::Object)).await;
    let value = value.unwrap_or_else(|error| panic!("law 6: a stored null is missing: {error:?}"));
    let read = Option::<String>::from_value(value).await;
    assert!(matches!(read, Ok(None)), "law 6: a stored null came back as {read:?}");
    check_eq!(fixture.list(None).await, ["null"], "law 6: a stored null is not listed");
}
