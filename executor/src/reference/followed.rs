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
        Value::Table(source) => Value::Table(Arc::new(crate::told::ToldTable {
            source,
            // Who reads a pinned target where it is would not see that it is another one by now.
            rests: !way.pinned,
            tell: Arc::new(move |error| way.told(error)),
        })),
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
