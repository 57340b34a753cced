//! Loaded values that are read later: the beginning of a reading is tried again, and its errors say what it was of.

use super::Stack;
use super::context::{Operation, Subject, Verb};
use super::retry::retryable;
use super::timeout::Attempt;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::StreamExt;
use larder_io_core::{BlobSource, ByteStream, InputContext, Result, Value};
use std::sync::Arc;

/// Wraps what is read later; a value in memory passes unchanged.
pub(super) fn guarded(stack: &Arc<Stack>, ctx: &InputContext, value: Value) -> Value {
    let of = || Of {
        stack: Arc::clone(stack),
        ctx: Arc::new(ctx.clone()),
    };
    match value {
        #[cfg(feature = "arrow")]
        Value::Table(source) if source.in_memory().is_none() => {
            Value::Table(Arc::new(table::LoadedTable { of: of(), source }))
        }
        Value::Blob(source) if source.in_memory().is_none() => Value::Blob(Arc::new(LoadedBlob { of: of(), source })),
        other => other,
    }
}

/// Where a value was loaded from.
#[derive(Clone)]
struct Of {
    stack: Arc<Stack>,
    ctx: Arc<InputContext>,
}

impl Of {
    fn operation(&self) -> Operation<'_> {
        self.stack.operation(Verb::Load, Subject::Input(&self.ctx))
    }

    /// Opens without a part in the limit: a store of the same manager may be waiting for what is read here.
    async fn open<T, F: Future<Output = Result<T>>>(&self, open: impl Fn() -> F) -> Result<T> {
        let attempt = || Attempt::of(0, open());
        self.stack.run(self.operation().unlimited(), retryable, attempt).await
    }
}

struct LoadedBlob {
    of: Of,
    source: Arc<dyn BlobSource>,
}

#[async_trait]
impl BlobSource for LoadedBlob {
    fn size(&self) -> Option<u64> {
        self.source.size()
    }

    fn replayable(&self) -> bool {
        self.source.replayable()
    }

    fn in_memory(&self) -> Option<Bytes> {
        self.source.in_memory()
    }

    async fn open(&self) -> Result<ByteStream> {
        let chunks = self.of.open(|| self.source.open()).await?;
        let of = self.of.clone();
        let explained = chunks.map(move |chunk| chunk.map_err(|error| of.operation().explain(error)));
        Ok(explained.boxed())
    }
}

#[cfg(feature = "arrow")]
mod table {
    use super::Of;
    use arrow_schema::SchemaRef;
    use async_trait::async_trait;
    use futures_util::stream::StreamExt;
    use larder_io_core::{AtRest, BatchStream, Result, Scan, Table, TableSource};
    use std::sync::Arc;

    pub(super) struct LoadedTable {
        pub(super) of: Of,
        pub(super) source: Arc<dyn TableSource>,
    }

    #[async_trait]
    impl TableSource for LoadedTable {
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
            self.source.at_rest()
        }

        async fn scan(&self, request: Scan) -> Result<BatchStream> {
            let batches = self.of.open(|| self.source.scan(request.clone())).await?;
            let of = self.of.clone();
            let explained = batches.map(move |batch| batch.map_err(|error| of.operation().explain(error)));
            Ok(explained.boxed())
        }
    }
}
