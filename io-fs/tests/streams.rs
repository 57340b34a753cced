//! Tables that pass by while they are stored.

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use futures_util::{StreamExt, stream};
use larder_io_core::{AssetKey, AssetValue, Error, ErrorKind, IoManager, OutputContext, TableStream};
use larder_io_fs::FsConfig;
use larder_io_object::TableFormat;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

fn batch(number: i64) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![number; 1000]));
    RecordBatch::try_from_iter([("number", numbers)]).expect("fits")
}

fn context() -> OutputContext {
    let key: AssetKey = "numbers".parse().expect("is a key");
    OutputContext::new(key, None, "numbers".parse().expect("is a location"))
}

/// On one thread: if that waited for the rows itself, nobody would send them.
#[tokio::test]
async fn an_iterator_that_blocks_keeps_no_async_thread() {
    let dir = tempfile::tempdir().expect("a directory");
    for format in [TableFormat::Parquet, TableFormat::Arrow, TableFormat::Csv] {
        let mut config = FsConfig::new(dir.path().join(format!("{format:?}")));
        config.table = format;
        let manager = config.open().expect("opens");
        let (sender, receiver) = channel();
        let rows = std::iter::from_fn(move || match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(number) => Some(Ok(batch(number))),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => Some(Err(Error::new(ErrorKind::Timeout, "nobody sends rows"))),
        });
        let stream = TableStream::from_iter(batch(0).schema(), rows).into_value();
        let sending = async move {
            for number in 0..10 {
                tokio::task::yield_now().await;
                // Who takes no more has failed, and tells it.
                let _ = sender.send(number);
            }
        };
        let context = context();
        let (stored, ()) = tokio::join!(manager.handle_output(&context, &stream), sending);
        assert_eq!(stored.expect("is stored").rows, Some(10_000), "{format:?}");
    }
}

/// Tells when it is dropped.
struct Told(Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_dropped_ends_its_source_and_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = FsConfig::new(dir.path()).open().expect("opens");
    let ((begin, begun), (end, ended)) = (channel(), channel());
    let told = Told(end);
    let rows = stream::once(async move {
        let _ = begin.send(());
        Ok(batch(1))
    });
    let rows = rows.chain(stream::pending()).map(move |batch| {
        let _told = &told;
        batch
    });
    let stream = TableStream::new(batch(0).schema(), rows).into_value();
    let writing = tokio::spawn(async move { manager.handle_output(&context(), &stream).await.map(drop) });
    let wait = |told: Receiver<()>| move || told.recv_timeout(Duration::from_secs(20));
    let waited = tokio::task::spawn_blocking(wait(begun)).await.expect("ends");
    waited.expect("the first row is asked for");
    writing.abort();
    assert!(writing.await.expect_err("was dropped").is_cancelled());
    let waited = tokio::task::spawn_blocking(wait(ended)).await.expect("ends");
    waited.expect("the source is dropped");
    assert!(!dir.path().join("numbers.parquet").exists());
}
