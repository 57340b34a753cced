//! Values of another root, taken over as the bytes they are.

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use larder_io_core::{
    AssetKey, AssetValue, ErrorKind, Form, IoManager, Original, OutputContext, Receipt, RunId, Staged, Table, Version,
};
use larder_io_fs::{FsConfig, RecordKeeping};
use larder_io_object::{Compression, ObjectIo, TableFormat};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Roots {
    dir: TempDir,
    from: ObjectIo,
    to: ObjectIo,
}

impl Roots {
    fn new(change: impl Fn(&mut FsConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = FsConfig::new(dir.path().join("from"));
        config.history = 1;
        let from = config.open().expect("opens");
        let mut config = FsConfig::new(dir.path().join("to"));
        // What is stored anew there is of other bytes.
        config.compression = Compression::None;
        change(&mut config);
        let to = config.open().expect("opens");
        Self { dir, from, to }
    }

    fn file(&self, root: &str) -> PathBuf {
        self.dir.path().join(root).join("clean/flights.parquet")
    }

    async fn copy(&self, receipt: &Receipt) -> larder_io_core::Result<Option<Box<dyn Staged>>> {
        let original = Original::new(self.from.info(), receipt);
        self.to.stage_copy(&context(), &original).await
    }
}

fn context() -> OutputContext {
    let key: AssetKey = "clean/flights".parse().expect("is a key");
    let mut context = OutputContext::new(key, None, "clean/flights".parse().expect("is a location"));
    context.run = RunId::random();
    context.fingerprint = Some("of the target".to_owned());
    context
}

fn table(first: i64) -> Table {
    let numbers: ArrayRef = std::sync::Arc::new(Int64Array::from_iter_values(first..first + 50_000));
    Table::from(RecordBatch::try_from_iter([("n", numbers)]).expect("fits"))
}

async fn store(manager: &ObjectIo, first: i64) -> Receipt {
    let stored = manager.handle_output(&context(), &table(first).into_value()).await;
    stored.expect("is stored")
}

async fn first(manager: &ObjectIo) -> i64 {
    let mut input = context().to_input(Form::Table);
    input.verify = true;
    let value = manager.load_input(&input).await.expect("loads");
    let table = Table::from_value(value).await.expect("is a table");
    let column = table.batches()[0].column(0);
    column.as_any().downcast_ref::<Int64Array>().expect("numbers").value(0)
}

/// Files below a directory whose name is one of a staged file.
fn staged(root: &Path) -> usize {
    std::fs::read_dir(root.join(".larder/tmp")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn the_bytes_are_those_of_the_original_and_the_receipt_is_its_own() {
    for records in [RecordKeeping::Auto, RecordKeeping::Sidecar] {
        let roots = Roots::new(|config| config.records = records);
        let (old, receipt) = (store(&roots.to, 7).await, store(&roots.from, 1).await);
        let mut copied = roots.copy(&receipt).await.expect("can").expect("shares the disk");
        assert_eq!(first(&roots.to).await, 7, "nobody sees it yet");
        let published = copied.publish().await.expect("publishes");
        let head = roots.to.head(&context().to_input(Form::Table)).await;
        let head = head.expect("tells").expect("is there");
        assert_eq!((first(&roots.to).await, first(&roots.from).await), (1, 1));
        let bytes = |root| std::fs::read(roots.file(root)).expect("is a file");
        assert_eq!(bytes("to"), bytes("from"), "it was written anew");
        assert_eq!(
            (head.stored_hash, head.content_hash, head.rows, head.bytes),
            (receipt.stored_hash, receipt.content_hash, Some(50_000), receipt.bytes)
        );
        assert_eq!((&head.write, &head.version), (&published.write, &published.version));
        assert_ne!((&head.write, &head.version), (&receipt.write, &receipt.version));
        assert_eq!(head.fingerprint.as_deref(), Some("of the target"));
        let mode = std::fs::metadata(roots.file("to"))
            .expect("is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o444);
        // The one before it is kept, and removing the original changes nothing.
        let history = roots.to.versions().expect("keeps some");
        let history = history.history(&context().to_input(Form::Table)).await.expect("tells");
        assert!(history.iter().any(|kept| kept.version == old.version));
        roots
            .from
            .delete(&context().to_input(Form::Table))
            .await
            .expect("deletes");
        assert_eq!(first(&roots.to).await, 1);
    }
}

#[tokio::test]
async fn what_is_discarded_or_damaged_leaves_the_old_value() {
    let roots = Roots::new(|_| ());
    store(&roots.to, 7).await;
    let receipt = store(&roots.from, 1).await;
    let mut copied = roots.copy(&receipt).await.expect("can").expect("shares the disk");
    copied.discard().await.expect("discards");
    assert_eq!((first(&roots.to).await, staged(&roots.dir.path().join("to"))), (7, 0));

    let file = roots.file("from");
    let mut bytes = std::fs::read(&file).expect("is a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).expect("may");
    std::fs::write(&file, bytes).expect("writes");
    let refused = roots.copy(&receipt).await.map(drop).expect_err("is damaged");
    assert_eq!(refused.kind(), ErrorKind::InvalidData, "{refused}");
    assert!(refused.message().contains("clean/flights.parquet"), "{refused}");
    assert_eq!((first(&roots.to).await, staged(&roots.dir.path().join("to"))), (7, 0));
}

#[tokio::test]
async fn what_would_be_stored_otherwise_is_not_taken_over() {
    let roots = Roots::new(|_| ());
    let receipt = store(&roots.from, 1).await;
    let mut others = Vec::new();
    for change in [TableFormat::Arrow, TableFormat::Auto] {
        others.push(Roots::new(|config| config.table = change).to);
    }
    let original = Original::new(roots.from.info(), &receipt);
    for other in others {
        let staged = other.stage_copy(&context(), &original).await;
        assert!(staged.expect("can tell").is_none(), "{other:?}");
    }
    // Neither what nobody knows the hash of, nor what another kind of storage keeps, nor what is not there any more.
    let mut unknown = receipt.clone();
    unknown.stored_hash = None;
    assert!(roots.copy(&unknown).await.expect("can tell").is_none());
    let mut elsewhere = roots.from.info().clone();
    elsewhere.scheme = "s3".to_owned();
    let staged = roots
        .to
        .stage_copy(&context(), &Original::new(&elsewhere, &receipt))
        .await;
    assert!(staged.expect("can tell").is_none());
    let mut gone = receipt.clone();
    gone.version = Version::from_text("0000");
    assert!(roots.copy(&gone).await.expect("can tell").is_none());
    store(&roots.from, 2).await;
    assert!(roots.copy(&receipt).await.expect("can tell").is_none());
}
