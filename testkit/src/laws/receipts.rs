//! Law 13: a receipt is true, and so is verification.

use super::probe::Probe;
use super::support::{files, output};
use super::tables::rows;
use crate::Fixture;
use larder_io_core::hash::digest_object;
use larder_io_core::table::hash_table;
use larder_io_core::{
    AssetValue, Blob, ContentHash, ErrorKind, Form, OutputContext, Receipt, RunId, Table, TableStream, Value,
};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The hash that the logical value has everywhere.
async fn hash(value: &Value) -> Option<ContentHash> {
    match value {
        Value::Table(source) => hash_table(source.as_ref()).await.expect("the probe can be hashed").0,
        Value::Blob(source) => {
            let bytes = Blob::from_source(source.clone()).bytes().await;
            Some(ContentHash::of(&bytes.expect("the probe can be read")))
        }
        object => Some(digest_object(object).expect("the probe can be hashed").hash),
    }
}

fn described(receipt: &Receipt, ctx: &OutputContext) {
    check_eq!(receipt.asset, ctx.asset, "law 13: the receipt names another asset");
    check_eq!(
        receipt.partition,
        ctx.partition,
        "law 13: the receipt names another partition"
    );
    check_eq!(receipt.write, ctx.write, "law 13: the receipt names another write");
    check_eq!(receipt.run, ctx.run, "law 13: the receipt names another run");
    check_eq!(
        receipt.code_version,
        ctx.code_version,
        "law 13: the receipt names another code version"
    );
    check_eq!(
        receipt.fingerprint,
        ctx.fingerprint,
        "law 13: the receipt has another fingerprint"
    );
    let at = receipt.location.as_str();
    assert!(
        at.starts_with(ctx.location.as_str()),
        "law 13: the receipt names another location, {at}"
    );
}

/// Asset, write, form, bytes, rows and hash are those of what was stored.
pub async fn law_13_receipts_are_true(fixture: &Fixture) {
    for form in fixture.forms() {
        for (seed, bytes) in [(1, 800), (2, 300_000), (3, 9 << 20)] {
            let probe = Probe::new(form).bytes(bytes);
            let mut ctx = output(&format!("true/{form}/{seed}"));
            ctx.run = RunId::from_text("run-of-the-check");
            ctx.code_version = Some("code é 1".to_owned());
            ctx.fingerprint = Some("0123456789abcdef0123456789abcdef".to_owned());
            let value = probe.make(seed);
            let receipt = fixture.store(&ctx, &value).await;
            described(&receipt, &ctx);
            check_eq!(receipt.form, form, "law 13: the receipt tells another form");
            assert!(!receipt.format.is_empty(), "law 13: the receipt tells no format");
            assert!(
                !receipt.version.as_str().is_empty(),
                "law 13: the receipt names no version"
            );
            assert!(!receipt.uri.is_empty(), "law 13: the receipt gives no address");
            check_eq!(
                receipt.content_hash,
                hash(&value).await,
                "law 13: the receipt's hash is not the value's"
            );
            match (&value, receipt.rows) {
                (Value::Table(source), rows) => check_eq!(rows, source.rows(), "law 13: the receipt counts other rows"),
                (_, rows) => check_eq!(rows, None, "law 13: a {form} has rows"),
            }
            if let Value::Blob(source) = &value {
                check_eq!(
                    Some(receipt.bytes),
                    source.size(),
                    "law 13: the receipt counts other bytes"
                );
            }
            if fixture.claims().persistent {
                assert!(receipt.bytes > 0, "law 13: the receipt counts no bytes");
                assert!(
                    receipt.stored_hash.is_some() || !fixture.claims().verify,
                    "law 13: no hash of stored bytes"
                );
            }
            if let Some(path) = fixture.root().map(|root| root.join(receipt.location.as_str())) {
                let length = std::fs::metadata(&path).map(|file| file.len());
                let length = length.unwrap_or_else(|error| panic!("law 13: no file {}: {error}", path.display()));
                check_eq!(
                    length,
                    receipt.bytes,
                    "law 13: the file has another size than the receipt says"
                );
            }
            let staged = fixture.stage(&output("staged"), &value).await;
            check_eq!(
                staged.receipt().content_hash,
                receipt.content_hash,
                "law 13: a staged value hashes otherwise"
            );
        }
    }
}

/// Equal values have one hash however they came, different values different ones.
pub async fn law_13_hash_is_of_the_logical_value(fixture: &Fixture) {
    for form in fixture.forms() {
        let probe = Probe::new(form).bytes(100_000);
        let first = fixture.store(&output("same/a"), &probe.make(1)).await;
        let second = fixture.store(&output("same/b"), &probe.make(1)).await;
        let third = fixture.store(&output("same/a"), &probe.make(2)).await;
        check_eq!(
            first.content_hash,
            second.content_hash,
            "law 13: equal values have different hashes"
        );
        check_ne!(
            first.content_hash,
            third.content_hash,
            "law 13: different values have one hash"
        );
        assert!(first.content_hash.is_some(), "law 13: an ordinary {form} has no hash");
        if let Some(stream) = probe.stream(1, 7, false) {
            let streamed = fixture.store(&output("same/c"), &stream).await;
            check_eq!(
                streamed.content_hash,
                first.content_hash,
                "law 13: a streamed value hashes otherwise"
            );
        }
        for stem in ["same/a", "same/b", "same/c"] {
            fixture
                .manager()
                .delete(&output(stem).to_input(form))
                .await
                .expect("law 6: delete failed");
        }
    }
    if fixture.takes(Form::Table) {
        let whole = Table::from(rows(0, 1000)).into_value();
        let cut = [rows(0, 10), rows(10, 0), rows(10, 989), rows(999, 1)];
        let stream = TableStream::from_iter(cut[0].schema(), cut.into_iter().map(Ok)).into_value();
        let wanted = hash(&whole).await;
        for (at, value) in [("rows/whole", whole), ("rows/cut", stream)] {
            let receipt = fixture.store(&output(at), &value).await;
            check_eq!(
                receipt.content_hash,
                wanted,
                "law 13: the hash of {at} depends on its batches"
            );
            check_eq!(
                receipt.rows,
                Some(1000),
                "law 13: the receipt of {at} counts other rows"
            );
        }
    }
}

/// Head tells what publish told.
pub async fn law_13_head_agrees_with_publish(fixture: &Fixture) {
    for form in fixture.forms() {
        for bytes in [800, 9 << 20] {
            let probe = Probe::new(form).bytes(bytes);
            let ctx = output(&format!("agrees/{form}/{bytes}"));
            fixture.store(&output(ctx.location.as_str()), &probe.make(1)).await;
            let published = fixture.store(&ctx, &probe.make(2)).await;
            let mut head = fixture
                .head(&ctx.to_input(form))
                .await
                .expect("law 13: a published value has no receipt");
            // Read back, the duration is that of staging.
            head.duration = published.duration;
            check_eq!(head, published, "law 13: head tells another receipt than publish");
        }
    }
}

/// Cuts a path's bytes or changes them.
pub(crate) fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut permissions = std::fs::metadata(path).expect("the stored file is there").permissions();
    if permissions.readonly() {
        #[allow(clippy::permissions_set_readonly_false)]
        permissions.set_readonly(false);
        std::fs::set_permissions(path, permissions).expect("the stored file's mode can be changed");
    }
    let mut bytes = std::fs::read(path).expect("the stored file can be read");
    change(&mut bytes);
    // In place and without cutting first: damage on a disk makes no new file, and a reader may have mapped this one.
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .expect("the stored file can be opened");
    file.write_all(&bytes).expect("the stored file can be written");
    file.set_len(bytes.len() as u64).expect("the stored file can be cut");
}

/// The published file of a receipt.
pub(crate) fn published(root: &Path, receipt: &Receipt) -> PathBuf {
    let path = root.join(receipt.location.as_str());
    let found = files(root);
    assert!(
        path.is_file(),
        "law 13: {} is no file; there are {found:?}",
        path.display()
    );
    path
}

/// A changed byte anywhere in the stored file is found by a load that verifies.
pub async fn law_13_damage_is_found(fixture: &Fixture) {
    let (Some(root), true) = (fixture.root(), fixture.claims().verify) else {
        return;
    };
    for form in fixture.forms() {
        let probe = Probe::new(form).bytes(50_000);
        for (index, part) in [0.0, 0.3, 0.6, 0.999].into_iter().enumerate() {
            let ctx = output(&format!("damaged/{form}/{index}"));
            let receipt = fixture.store(&ctx, &probe.make(1)).await;
            let verified = ctx.to_input(form).verified();
            check_eq!(
                probe.read(13, fixture.load(&verified).await).await,
                1,
                "law 13: verification changes a value"
            );
            damage(&published(root, &receipt), |bytes| {
                let at = (bytes.len() as f64 * part) as usize;
                bytes[at] ^= 0x10;
            });
            let loaded = match fixture.manager().load_input(&verified).await {
                // What is read lazily may be verified while it is read.
                Ok(value) => probe.try_read(13, value).await.map(|_| ()),
                Err(error) => Err(error),
            };
            let error = loaded.expect_err("law 13: a damaged value passes verification");
            check_eq!(
                error.kind(),
                ErrorKind::InvalidData,
                "law 13: damage is called something else: {error:?}"
            );
        }
    }
}
