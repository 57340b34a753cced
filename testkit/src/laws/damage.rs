//! Law 16: stored bytes are never trusted, and one form is never taken for another.

use super::probe::Probe;
use super::receipts::{damage, published};
use super::support::output;
use crate::Fixture;
use larder_io_core::{AssetValue, Blob, ErrorKind, Form, InputContext, IoManager, Table};
use std::sync::Arc;

/// One way in which bytes get damaged.
type Change = fn(&mut Vec<u8>);

const CHANGES: [(&str, Change); 8] = [
    ("emptied", Vec::clear),
    ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
    ("cut by one byte", |bytes| bytes.truncate(bytes.len().saturating_sub(1))),
    ("its first byte changed", |bytes| bytes[0] ^= 0xff),
    ("its last byte changed", |bytes| {
        *bytes.last_mut().expect("is not empty") ^= 0xff
    }),
    ("its end overwritten", |bytes| {
        let from = bytes.len().saturating_sub(64);
        bytes[from..].fill(0xff);
    }),
    ("every 97th byte changed", |bytes| {
        bytes.iter_mut().step_by(97).for_each(|byte| *byte = !*byte)
    }),
    ("replaced by zeros", |bytes| bytes.fill(0)),
];

/// A damaged file gives an error or, unverified, at worst other values: never a panic or a hang.
pub async fn law_16_damage_never_panics(fixture: &Fixture) {
    let Some(root) = fixture.root() else { return };
    for form in fixture.forms() {
        let probe = Probe::new(form).bytes(20_000);
        for (index, (how, change)) in CHANGES.into_iter().enumerate() {
            for verify in [false, true] {
                let ctx = output(&format!("hurt/{form}/{index}/{verify}"));
                let receipt = fixture.store(&ctx, &probe.make(1)).await;
                damage(&published(root, &receipt), change);
                let mut input = ctx.to_input(form);
                input.verify = verify;
                let read = tokio::spawn(read_everything(Arc::clone(fixture.manager()), input));
                let joined = tokio::time::timeout(std::time::Duration::from_secs(60), read).await;
                let joined = joined.unwrap_or_else(|_| panic!("law 16: reading a file that was {how} does not end"));
                let read =
                    joined.unwrap_or_else(|error| panic!("law 16: a file that was {how} makes it panic: {error}"));
                if let Err(error) = read {
                    let told = !error.message().is_empty();
                    assert!(told, "law 16: a file that was {how} gives an error without words");
                    let missing = error.kind() == ErrorKind::NotFound;
                    assert!(!missing, "law 6: a file that was {how} is called missing: {error:?}");
                }
                // The store must go on working over the damaged value.
                fixture.store(&output(ctx.location.as_str()), &probe.make(2)).await;
                fixture
                    .assert_holds(16, "after damage was replaced", &ctx, probe, 2)
                    .await;
            }
        }
    }
}

/// Reads whatever is there to its end, without looking at it.
async fn read_everything(manager: Arc<dyn IoManager>, input: InputContext) -> larder_io_core::Result<()> {
    let value = manager.load_input(&input).await?;
    match value.form() {
        Form::Table => Table::from_value(value).await.map(|_| ()),
        Form::Blob => Blob::from_value(value).await?.bytes().await.map(|_| ()),
        _ => Vec::<u64>::from_value(value).await.map(|_| ()),
    }
}

/// A value asked for in a form it was not stored in is refused with words, never given as something else.
pub async fn law_16_another_form_is_refused(fixture: &Fixture) {
    for stored in fixture.forms() {
        let probe = Probe::new(stored);
        let ctx = output(&format!("form/{stored}"));
        fixture.store(&ctx, &probe.make(1)).await;
        for asked in [Form::Object, Form::Table, Form::Blob] {
            if asked == stored {
                continue;
            }
            let loaded = fixture.manager().load_input(&ctx.to_input(asked)).await;
            let error = match loaded {
                Ok(value) => panic!("law 16: a {stored} asked for as {asked} gives {value:?}"),
                Err(error) => error,
            };
            let kinds = [ErrorKind::InvalidData, ErrorKind::NotFound, ErrorKind::Unsupported];
            assert!(
                kinds.contains(&error.kind()),
                "law 16: a {stored} asked for as {asked}: {error:?}"
            );
            assert!(!error.message().is_empty(), "law 16: a refused form has no message");
        }
        let unknown = InputContext::new(ctx.asset.clone(), None, ctx.location.clone());
        let value = fixture.load(&unknown).await;
        check_eq!(
            value.form(),
            stored,
            "law 16: a load that leaves the form open gives another one"
        );
        check_eq!(
            probe.read(16, value).await,
            1,
            "law 16: a load that leaves the form open gives another value"
        );
    }
}
