//! Law 15: what is claimed works, what is not claimed is refused, and no secret is shown.

use super::probe::Probe;
use super::support::output;
use crate::Fixture;
use larder_io_core::{ErrorKind, Form, InputContext, Precondition, Value, Version};

/// A form that is not claimed is refused with `Unsupported`, and nothing is stored.
pub async fn law_15_unclaimed_forms_are_refused(fixture: &Fixture) {
    for form in Form::ALL {
        if fixture.takes(form) {
            continue;
        }
        let value = match form {
            Form::Nothing => Value::Nothing,
            form => Probe::new(form).make(1),
        };
        let ctx = output("unclaimed");
        match fixture.manager().handle_output(&ctx, &value).await {
            Ok(_) => panic!("law 15: the form {form} is not claimed but is stored"),
            Err(error) => check_eq!(
                error.kind(),
                ErrorKind::Unsupported,
                "law 15: an unclaimed form: {error:?}"
            ),
        }
        let head = fixture.head(&InputContext::new(ctx.asset, None, ctx.location)).await;
        assert!(head.is_none(), "law 15: a refused form is there: {head:?}");
    }
}

/// What the manager says of itself is consistent and true.
pub async fn law_15_capabilities_are_true(fixture: &Fixture) {
    let info = fixture.manager().info();
    let claims = info.capabilities;
    assert!(!info.scheme.is_empty(), "law 15: the manager has no scheme");
    assert!(
        !claims.durable || claims.persistent,
        "law 15: a store cannot be durable and not persistent"
    );
    assert!(
        !claims.durable || claims.atomic_publish,
        "law 15: a durable store publishes in one step"
    );
    for form in fixture.forms() {
        let told = info
            .formats
            .iter()
            .any(|(name, format)| *name == form.name() && !format.is_empty());
        assert!(told, "law 15: the manager takes {form} but names no format for it");
    }
    let probe = fixture.probe();
    let ctx = output("claims");
    let input = ctx.to_input(probe.form());
    let first = fixture.store(&ctx, &probe.make(1)).await;
    let second = fixture.store(&output("claims"), &probe.make(2)).await;
    match fixture.manager().versions() {
        Some(versions) if claims.versions => {
            let history = versions.history(&input).await;
            assert!(history.is_ok(), "law 15: versions are claimed, but: {history:?}");
        }
        None => assert!(!claims.versions, "law 15: versions are claimed but not given"),
        Some(versions) => {
            let kind = versions.history(&input).await.err().map(|error| error.kind());
            check_eq!(
                kind,
                Some(ErrorKind::Unsupported),
                "law 15: versions are not claimed but listed"
            );
            let kind = versions
                .restore(&input, &first.version)
                .await
                .err()
                .map(|error| error.kind());
            check_eq!(
                kind,
                Some(ErrorKind::Unsupported),
                "law 15: versions are not claimed but restored"
            );
        }
    }
    if !claims.versions {
        let loaded = fixture
            .manager()
            .load_input(&input.clone().with_version(first.version))
            .await;
        let kind = loaded.map(|_| ()).err().map(|error| error.kind());
        let refused = matches!(kind, Some(ErrorKind::Unsupported | ErrorKind::NotFound));
        assert!(
            refused,
            "law 15: versions are not claimed, but loading an old one gives {kind:?}"
        );
    }
    let mut guarded = output("claims");
    guarded.precondition = Precondition::Unchanged(second.version);
    let stored = fixture.manager().handle_output(&guarded, &probe.make(3)).await;
    match claims.preconditions {
        true => assert!(stored.is_ok(), "law 15: preconditions are claimed, but: {stored:?}"),
        false => {
            let kind = stored.map(|_| ()).err().map(|error| error.kind());
            check_eq!(
                kind,
                Some(ErrorKind::Unsupported),
                "law 15: preconditions are not claimed, yet accepted"
            );
        }
    }
    let wanted = if claims.preconditions { 3 } else { 2 };
    match fixture.manager().load_input(&input.verified()).await {
        Ok(value) => check_eq!(
            probe.read(15, value).await,
            wanted,
            "law 15: a verified load gives another value"
        ),
        Err(error) => {
            assert!(!claims.verify, "law 15: verification is claimed, but: {error:?}");
            check_eq!(
                error.kind(),
                ErrorKind::Unsupported,
                "law 15: verification is not claimed: {error:?}"
            );
        }
    }
}

/// The fixture's secret is in no debug text, receipt or error.
pub async fn law_15_no_secret_is_shown(fixture: &Fixture) {
    let Some(secret) = fixture.secret() else { return };
    let manager = fixture.manager();
    let probe = fixture.probe();
    let mut shown = vec![format!("{manager:?}"), format!("{:?}", manager.info())];
    let ctx = output("shown");
    let input = ctx.to_input(probe.form());
    let missing = manager
        .load_input(&input)
        .await
        .map(|_| ())
        .expect_err("law 6: nothing is stored, yet it loads");
    shown.push(format!("{missing:?} {missing}"));
    let receipt = fixture.store(&ctx, &probe.make(1)).await;
    shown.push(format!("{receipt:?}"));
    let old = input.clone().with_version(Version::from_text("none"));
    let mut guarded = output("shown");
    guarded.precondition = Precondition::Absent;
    let errors = [
        manager.load_input(&old).await.map(|_| ()).err(),
        manager.handle_output(&guarded, &probe.make(2)).await.err(),
        manager
            .handle_output(&output("shown/refused"), &Value::Nothing)
            .await
            .err(),
    ];
    for error in errors.into_iter().flatten() {
        shown.push(format!("{error:?} {error} {:?}", error.causes()));
        shown.extend(error.contexts().map(|(name, value)| format!("{name}={value}")));
    }
    for text in shown {
        let clean = text.replace(secret, "[the secret]");
        assert!(!text.contains(secret), "law 15: a secret is shown in: {clean}");
    }
}
