//! Loaded values that are read later.

use crate::support::*;
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use larder_executor::policy::{assemble, assemble_by_default};
use larder_io_core::{
    BatchStream, BlobSource, ByteStream, Capabilities, Error, ErrorKind, Forms, InputContext, IoManager, Location,
    ManagerInfo, OutputContext, Receipt, Result, Scan, Staged, TableSource, Value, async_trait,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fails to begin so many times, and then in the middle.
#[derive(Debug)]
struct Shaky {
    refusals: usize,
    begun: AtomicUsize,
}

impl Shaky {
    fn begin(&self) -> Result<()> {
        match self.begun.fetch_add(1, Ordering::Relaxed) < self.refusals {
            true => Err(Error::new(ErrorKind::Unavailable, "no connection")),
            false => Ok(()),
        }
    }
}

fn broke<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unavailable, "the connection broke"))
}

#[async_trait]
impl BlobSource for Shaky {
    fn size(&self) -> Option<u64> {
        Some(7)
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn open(&self) -> Result<ByteStream> {
        self.begin()?;
        Ok(stream::iter([Ok(Bytes::from("some")), broke()]).boxed())
    }
}

#[async_trait]
impl TableSource for Shaky {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]))
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        Some(9)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        self.begin()?;
        assert_eq!(request.limit, Some(5), "the request passes");
        let batch = RecordBatch::try_new(TableSource::schema(self), vec![Arc::new(Int64Array::from(vec![1, 2]))]);
        Ok(stream::iter([batch.map_err(Into::into), broke()]).boxed())
    }
}

/// Loads one value.
struct Shelf {
    info: ManagerInfo,
    value: Value,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shelf")
    }
}

fn unsupported<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "it only loads"))
}

#[async_trait]
impl IoManager for Shelf {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, _: &OutputContext, _: &Value) -> Result<Box<dyn Staged>> {
        unsupported()
    }

    async fn load_input(&self, _: &InputContext) -> Result<Value> {
        Ok(self.value.clone())
    }

    async fn head(&self, _: &InputContext) -> Result<Option<Receipt>> {
        unsupported()
    }

    async fn delete(&self, _: &InputContext) -> Result<()> {
        unsupported()
    }

    fn list(&self, _: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        stream::iter([unsupported()]).boxed()
    }
}

fn shaky(refusals: usize) -> Arc<Shaky> {
    Arc::new(Shaky {
        refusals,
        begun: AtomicUsize::new(0),
    })
}

fn shelf(value: Value) -> Arc<dyn IoManager> {
    let info = ManagerInfo::new("shelf", "s3://bucket/lake", Capabilities::default(), Forms::ALL);
    Arc::new(Shelf { info, value })
}

fn says_where(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let said: Vec<(&str, &str)> = error.contexts().collect();
    let expected = [
        ("operation", "load"),
        ("asset", "reports/summary"),
        ("io_manager", "lake (s3://bucket/lake)"),
        ("location", "reports/summary"),
    ];
    assert_eq!(said, expected);
}

#[tokio::test(start_paused = true)]
async fn the_beginning_of_a_reading_is_tried_again() {
    let source = shaky(2);
    let manager = assemble(shelf(Value::Blob(Arc::<Shaky>::clone(&source))), "lake", &plain());
    let Value::Blob(blob) = manager.load_input(&input()).await.expect("loads") else {
        panic!("is a blob")
    };
    assert_eq!((blob.size(), blob.replayable()), (Some(7), true));
    let (took, opened) = measured(blob.open()).await;
    assert_eq!((took, source.begun.load(Ordering::Relaxed)), (300, 3));
    let read: Result<Vec<Bytes>> = opened.expect("opens at last").try_collect().await;
    says_where(&read.expect_err("broke in the middle"));
    assert_eq!(
        source.begun.load(Ordering::Relaxed),
        3,
        "what was read is not read again"
    );
}

#[tokio::test(start_paused = true)]
async fn and_that_of_a_table_with_what_was_asked_of_it() {
    let source = shaky(1);
    let manager = assemble(shelf(Value::Table(Arc::<Shaky>::clone(&source))), "lake", &plain());
    let Value::Table(table) = manager.load_input(&input()).await.expect("loads") else {
        panic!("is a table")
    };
    assert_eq!(
        (table.rows(), table.schema().fields().len(), table.replayable()),
        (Some(9), 1, true)
    );
    let mut request = Scan::all();
    request.limit = Some(5);
    let mut batches = table.scan(request).await.expect("begins at the second attempt");
    assert_eq!(
        batches.next().await.and_then(Result::ok).map(|batch| batch.num_rows()),
        Some(2)
    );
    says_where(
        &batches
            .next()
            .await
            .expect("one more")
            .expect_err("broke in the middle"),
    );
}

#[tokio::test]
async fn without_policies_there_is_one_attempt_and_the_same_context() {
    let manager = assemble_by_default(shelf(Value::Blob(shaky(1))), "lake", None);
    let Value::Blob(blob) = manager.load_input(&input()).await.expect("loads") else {
        panic!("is a blob")
    };
    says_where(&blob.open().await.err().expect("fails"));
}
