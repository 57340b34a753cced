//! A table or a blob that was reached by a reference: its errors say so.

use async_trait::async_trait;
use futures_util::stream::StreamExt;
use larder_io_core::{BlobSource, ByteStream, DataRef, Error, ErrorKind, Pin, Result, Value};
use std::sync::Arc;

/// Who is asked when reading fails.
#[derive(Clone, Debug)]
struct Way {
    shown: Arc<str>,
    pinned: bool,
}

impl Way {
    fn told(&self, error: Error) -> Error {
        let error = match error.kind() {
            ErrorKind::Conflict if self.pinned => {
                let message = format!(
                    "`{}` is not what was recorded any more: {}",
                    self.shown,
                    error.message()
                );
                Error::new(ErrorKind::InvalidData, message).with_source(error)
            }
            _ => error,
        };
        error.with_context("target", &self.shown)
    }
}

/// The value with errors that name its target.
pub(super) fn followed(value: Value, reference: &DataRef, pin: Pin) -> Value {
    let way = Way {
        shown: reference.shown().into(),
        pinned: pin == Pin::Pinned,
    };
    match value {
        #[cfg(feature = "arrow")]
        Value::Table(source) => Value::Table(Arc::new(table::FollowedTable { source, way })),
        Value::Blob(source) => Value::Blob(Arc::new(FollowedBlob { source, way })),
        other => other,
    }
}

struct FollowedBlob {
    source: Arc<dyn BlobSource>,
    way: Way,
}

#[async_trait]
impl BlobSource for FollowedBlob {
    fn size(&self) -> Option<u64> {
        self.source.size()
    }

    fn replayable(&self) -> bool {
        self.source.replayable()
    }

    fn in_memory(&self) -> Option<bytes::Bytes> {
        self.source.in_memory()
    }

    async fn open(&self) -> Result<ByteStream> {
        let way = self.way.clone();
        let chunks = self.source.open().await.map_err(|error| way.told(error))?;
        Ok(chunks.map(move |chunk| chunk.map_err(|error| way.told(error))).boxed())
    }
}

#[cfg(feature = "arrow")]
mod table {
    use super::Way;
    use arrow_schema::SchemaRef;
    use async_trait::async_trait;
    use futures_util::stream::StreamExt;
    use larder_io_core::{AtRest, BatchStream, Result, Scan, Table, TableSource};
    use std::sync::Arc;

    pub(super) struct FollowedTable {
        pub(super) source: Arc<dyn TableSource>,
        pub(super) way: Way,
    }

    #[async_trait]
    impl TableSource for FollowedTable {
        fn schema(&self) -> SchemaRef {
            self.source.schema()
        }

        fn replayable(&self) -> bool {
            self.source.replayable()
        }

        fn rows(&self) -> Option<u64> {
            self.source.rows()
        }

        fn in_memory(&self) -> Option<Table> {
            self.source.in_memory()
        }

        fn at_rest(&self) -> Option<AtRest> {
            // Who reads it there would not see that it is another one by now.
            self.source.at_rest().filter(|_| !self.way.pinned)
        }

        async fn scan(&self, request: Scan) -> Result<BatchStream> {
            let way = self.way.clone();
            let batches = self.source.scan(request).await.map_err(|error| way.told(error))?;
            Ok(batches.map(move |batch| batch.map_err(|error| way.told(error))).boxed())
        }
    }
}
