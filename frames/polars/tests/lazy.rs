//! Lazy tables and streams that become frames: what is read of them.

use arrow_array::*;
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType as T, Field, Schema};
use larder_frames_polars::IntoFrame;
use larder_io_core::{BatchStream, LazyTable, Scan, Table, TableSource, TableStream, async_trait, col};
use std::sync::{Arc, Mutex};

/// A table that tells what was asked of it.
struct Asked(Table, Arc<Mutex<Vec<Scan>>>);

#[async_trait]
impl TableSource for Asked {
    fn schema(&self) -> arrow_schema::SchemaRef {
        self.0.schema().clone()
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn scan(&self, request: Scan) -> larder_io_core::Result<BatchStream> {
        self.1.lock().expect("nobody panics").push(request.clone());
        TableSource::scan(&self.0, request).await
    }
}

#[tokio::test]
async fn a_lazy_table_reads_what_was_asked() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
    let spans: ArrayRef = Arc::new(IntervalDayTimeArray::new(
        ScalarBuffer::from(vec![Default::default(); 10]),
        None,
    ));
    let batch =
        RecordBatch::try_from_iter([("n", Arc::clone(&numbers)), ("m", numbers), ("span", spans)]).expect("fits");
    let asked = Arc::default();
    let lazy = LazyTable::new(Arc::new(Asked(batch.into(), Arc::clone(&asked))));
    let error = lazy
        .clone()
        .into_frame()
        .await
        .expect_err("has a column that Polars does not have");
    assert!(error.message().contains("`span`"), "{error}");
    asked.lock().expect("nobody panics").clear();
    let narrowed = lazy
        .select(["m"])
        .and_then(|lazy| lazy.filter(col("n").gt(6)))
        .expect("fits")
        .limit(2);
    let frame = narrowed.into_frame().await.expect("reads");
    assert_eq!(
        frame
            .column("m")
            .and_then(|m| m.i64())
            .expect("are numbers")
            .iter()
            .flatten()
            .collect::<Vec<_>>(),
        [7, 8]
    );
    let wanted = Scan::all().select(["m"]).filter(col("n").gt(6)).limit(2);
    assert_eq!(*asked.lock().expect("nobody panics"), [wanted]);
}

#[tokio::test]
async fn a_stream_becomes_a_frame_batch_by_batch() {
    let schema = Arc::new(Schema::new(vec![Field::new("n", T::Int64, true)]));
    let made = Arc::clone(&schema);
    let batches = (0..3_i64).map(move |n| {
        Ok(RecordBatch::try_new(Arc::clone(&made), vec![Arc::new(Int64Array::from(vec![n]))]).expect("fits"))
    });
    let frame = TableStream::from_iter(schema, batches)
        .into_frame()
        .await
        .expect("reads");
    assert_eq!((frame.height(), frame.columns()[0].n_chunks()), (3, 3));
    assert_eq!(
        frame
            .column("n")
            .and_then(|n| n.i64())
            .expect("are numbers")
            .iter()
            .flatten()
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
}
