//! Tables that pass by while they are stored.

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use larder_io_core::{AssetKey, AssetValue, Error, ErrorKind, IoManager, OutputContext, TableStream};
use larder_io_fs::FsConfig;
use larder_io_object::TableFormat;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

fn batch(number: i64) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![number; 1000]));
    RecordBatch::try_from_iter([("number", numbers)]).expect("fits")
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
        let key: AssetKey = "numbers".parse().expect("is a key");
        let context = OutputContext::new(key, None, "numbers".parse().expect("is a location"));
        let sending = async move {
            for number in 0..10 {
                tokio::task::yield_now().await;
                sender.send(number).expect("somebody takes them");
            }
        };
        let (stored, ()) = tokio::join!(manager.handle_output(&context, &stream), sending);
        assert_eq!(stored.expect("is stored").rows, Some(10_000), "{format:?}");
    }
}
