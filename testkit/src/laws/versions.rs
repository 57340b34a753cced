//! Law 14: old versions are there to be listed, loaded and restored, and their readers are left alone.

use super::probe::Probe;
use super::replacing::{begin_reading, replace};
use super::support::output;
use crate::Fixture;
use larder_io_core::{ErrorKind, InputContext, Receipt, Version, Versions};

/// The versions, where they are claimed.
fn versions(fixture: &Fixture) -> Option<&dyn Versions> {
    let claimed = fixture.claims().versions;
    let versions = fixture.manager().versions();
    assert!(
        !claimed || versions.is_some(),
        "law 15: versions are claimed but not given"
    );
    versions.filter(|_| claimed)
}

async fn history(versions: &dyn Versions, input: &InputContext) -> Vec<Receipt> {
    let history = versions.history(input).await;
    history.unwrap_or_else(|error| panic!("law 14: there is no history: {error:?}"))
}

/// The history has every kept version, newest first, and each loads as what it was.
pub async fn law_14_history_and_old_versions(fixture: &Fixture) {
    let Some(versions) = versions(fixture) else { return };
    for form in fixture.forms() {
        for bytes in [800, 9 << 20] {
            let probe = Probe::new(form).bytes(bytes);
            let at = format!("old/{form}/{bytes}");
            let mut published = Vec::new();
            for seed in 1..=3 {
                published.push(fixture.store(&output(&at), &probe.make(seed)).await);
            }
            let input = output(&at).to_input(form);
            let listed = history(versions, &input).await;
            let ids = |receipts: &[Receipt]| -> Vec<Version> { receipts.iter().map(|r| r.version.clone()).collect() };
            let mut wanted = ids(&published);
            wanted.reverse();
            check_eq!(
                ids(&listed),
                wanted,
                "law 14: the history differs from what was published"
            );
            for (seed, receipt) in (1..=3).zip(&published) {
                let old = input.clone().with_version(receipt.version.clone());
                let found = probe.read(14, fixture.load(&old).await).await;
                check_eq!(found, seed, "law 14: version {} is another value", receipt.version);
                let told = listed
                    .iter()
                    .find(|listed| listed.version == receipt.version)
                    .expect("is listed");
                check_eq!(told.write, receipt.write, "law 14: the history names another write");
                check_eq!(
                    told.content_hash,
                    receipt.content_hash,
                    "law 14: the history tells another hash"
                );
            }
            fixture
                .assert_holds(14, "after old versions were loaded", &output(&at), probe, 3)
                .await;
            let unknown = input.clone().with_version(Version::from_text("no-such-version"));
            let error = fixture.manager().load_input(&unknown).await.map(|_| ());
            let kind = error.expect_err("law 14: an unknown version was loaded").kind();
            check_eq!(
                kind,
                ErrorKind::NotFound,
                "law 14: an unknown version is called something else"
            );
        }
    }
}

/// A restore publishes an old version again and keeps what it replaces.
pub async fn law_14_restore(fixture: &Fixture) {
    let Some(versions) = versions(fixture) else { return };
    for form in fixture.forms() {
        let probe = Probe::new(form);
        let at = format!("restored/{form}");
        let ctx = output(&at);
        let input = ctx.to_input(form);
        let first = fixture.store(&ctx, &probe.make(1)).await;
        let second = fixture.store(&output(&at), &probe.make(2)).await;
        let restored = versions.restore(&input, &first.version).await;
        let restored = restored.unwrap_or_else(|error| panic!("law 14: restore failed: {error:?}"));
        fixture.assert_holds(14, "after a restore", &ctx, probe, 1).await;
        let head = fixture.head(&input).await.expect("law 14: a restore left no receipt");
        check_eq!(
            head.version,
            restored.version,
            "law 14: head names another version than restore"
        );
        check_eq!(
            head.content_hash,
            first.content_hash,
            "law 14: a restored value has another hash"
        );
        let replaced = input.clone().with_version(second.version.clone());
        let found = probe.read(14, fixture.load(&replaced).await).await;
        check_eq!(found, 2, "law 14: what a restore replaced is lost");
        let listed = history(versions, &input).await;
        let kept = listed.iter().any(|receipt| receipt.version == second.version);
        assert!(kept, "law 14: what a restore replaced is not in the history");
        let unknown = versions.restore(&input, &Version::from_text("no-such-version")).await;
        let kind = unknown
            .map(|_| ())
            .expect_err("law 14: an unknown version was restored")
            .kind();
        check_eq!(
            kind,
            ErrorKind::NotFound,
            "law 14: an unknown version is called something else"
        );
        fixture
            .assert_holds(14, "after a restore that failed", &ctx, probe, 1)
            .await;
        fixture.store(&output(&at), &probe.make(3)).await;
        fixture
            .assert_holds(14, "after a store that follows a restore", &ctx, probe, 3)
            .await;
    }
}

/// An old version that is removed is gone, and nothing else is; the published one is refused.
pub async fn law_14_removing_versions(fixture: &Fixture) {
    let Some(versions) = versions(fixture) else { return };
    for form in fixture.forms() {
        for bytes in [800, 9 << 20] {
            let probe = Probe::new(form).bytes(bytes);
            let ctx = output(&format!("removed/{form}/{bytes}"));
            let input = ctx.to_input(form);
            let mut published = Vec::new();
            for seed in 1..=3 {
                let again = output(ctx.location.as_str());
                published.push(fixture.store(&again, &probe.make(seed)).await.version);
            }
            let [first, second, third] = &published[..] else {
                unreachable!()
            };
            let removed = versions.remove(&input, first).await;
            if !versions.removes() {
                let kind = removed.expect_err("law 15: what is not claimed was done").kind();
                check_eq!(
                    kind,
                    ErrorKind::Unsupported,
                    "law 15: what is not claimed is called something else"
                );
                continue;
            }
            removed.unwrap_or_else(|error| panic!("law 14: removing a version failed: {error:?}"));
            let old = |version: &Version| input.clone().with_version(version.clone());
            let found = fixture.manager().load_input(&old(first)).await.map(|_| ());
            let kind = found.expect_err("law 14: a removed version was loaded").kind();
            check_eq!(
                kind,
                ErrorKind::NotFound,
                "law 14: a removed version is called something else"
            );
            let kept: Vec<Version> = history(versions, &input).await.into_iter().map(|r| r.version).collect();
            check_eq!(
                kept,
                [third.clone(), second.clone()],
                "law 14: another version is gone, or the removed one is not"
            );
            let found = probe.read(14, fixture.load(&old(second)).await).await;
            check_eq!(found, 2, "law 14: removing a version changed another one");
            let again = versions.remove(&input, first).await;
            assert!(
                again.is_ok(),
                "law 14: what is gone does not count as removed: {again:?}"
            );
            let refused = versions.remove(&input, third).await;
            fixture
                .assert_holds(14, "after its published version was to be removed", &ctx, probe, 3)
                .await;
            let kind = refused.expect_err("law 14: the published version was removed").kind();
            check_eq!(
                kind,
                ErrorKind::Conflict,
                "law 14: the published version is called something else"
            );
            // One that was restored is published, by whichever of its names.
            let restored = versions.restore(&input, second).await;
            let restored = restored.unwrap_or_else(|error| panic!("law 14: restore failed: {error:?}"));
            let refused = versions.remove(&input, &restored.version).await;
            assert!(refused.is_err(), "law 14: a restored version was removed");
            fixture
                .assert_holds(14, "after a restored version was to be removed", &ctx, probe, 2)
                .await;
        }
    }
}

/// Who has begun to read, or has only loaded, gets the old value to its end when it is replaced or deleted meanwhile.
pub async fn law_14_readers_finish_undisturbed(fixture: &Fixture) {
    for form in fixture.forms() {
        for bytes in [80_000, 9 << 20] {
            let probe = Probe::new(form).bytes(bytes);
            let ctx = output(&format!("read/{form}/{bytes}"));
            fixture.store(&ctx, &probe.make(1)).await;
            let input = ctx.to_input(form);
            let loaded = fixture.load(&input).await;
            let reading = begin_reading(&loaded).await;
            replace(fixture, &ctx, probe, 2, 1).await;
            let finished = match reading.finish().await {
                Ok(value) => Some(probe.read(14, value).await),
                Err(error) => cut_off(fixture, &error),
            };
            assert!(
                finished.is_none_or(|seed| seed == 1),
                "law 14: a reader got {finished:?} instead of the old value"
            );
            let late = match probe.try_read(14, loaded).await {
                Ok(seed) => Some(seed),
                Err(error) => cut_off(fixture, &error),
            };
            assert!(
                late.is_none_or(|seed| seed == 1),
                "law 14: a loaded value turned into {late:?}"
            );
            let loaded = fixture.load(&input).await;
            let reading = begin_reading(&loaded).await;
            fixture.manager().delete(&input).await.expect("law 6: delete failed");
            match reading.finish().await {
                Ok(value) => check_eq!(probe.read(14, value).await, 2, "law 14: a delete changed what is read"),
                Err(error) => drop(cut_off(fixture, &error)),
            }
        }
    }
}

/// Where no versions are kept a reader may lose its value, but only with an error.
fn cut_off(fixture: &Fixture, error: &larder_io_core::Error) -> Option<u64> {
    assert!(
        !fixture.claims().versions,
        "law 14: a reader of a replaced version was cut off: {error:?}"
    );
    None
}
