//! Bytes: in memory, behind a handle, or as a stream that is read once.

use crate::error::{Error, ErrorKind, Result};
use crate::value::{Access, AssetValue, Form, Forms, Value};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::fmt;
use std::sync::{Arc, Mutex};

/// Chunks of bytes, in order, of any size; it ends after the first error and may be dropped early.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Something that can be read as bytes.
#[async_trait]
pub trait BlobSource: Send + Sync {
    /// The size in bytes, when it is known before reading.
    fn size(&self) -> Option<u64>;

    /// Whether [`BlobSource::open`] can be called again.
    fn replayable(&self) -> bool;

    /// The bytes when they are in memory already.
    fn in_memory(&self) -> Option<Bytes> {
        None
    }

    /// Reads from the beginning.
    ///
    /// # Errors
    /// `Unsupported` when a stream that is read once was read; whatever the storage gives.
    async fn open(&self) -> Result<ByteStream>;
}

/// Bytes that an asset returns or takes: a web page, a model, an archive. Cloning copies a pointer.
#[derive(Clone)]
pub struct Blob(Arc<dyn BlobSource>);

impl Blob {
    /// Wraps a source.
    pub fn from_source(source: Arc<dyn BlobSource>) -> Self {
        Self(source)
    }

    /// Wraps a stream that can be read once, so that a failed store cannot be tried again.
    pub fn from_stream(stream: ByteStream) -> Self {
        Self(Arc::new(Once(Mutex::new(Some(stream)))))
    }

    /// The size in bytes, when it is known before reading.
    pub fn size(&self) -> Option<u64> {
        self.0.size()
    }

    /// Reads everything into memory.
    ///
    /// # Errors
    /// As [`BlobSource::open`].
    pub async fn bytes(&self) -> Result<Bytes> {
        if let Some(bytes) = self.0.in_memory() {
            return Ok(bytes);
        }
        let chunks: Vec<Bytes> = self.0.open().await?.try_collect().await?;
        if let [only] = chunks.as_slice() {
            return Ok(only.clone());
        }
        let mut all = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
        chunks.iter().for_each(|chunk| all.extend_from_slice(chunk));
        Ok(all.freeze())
    }

    /// Reads everything as UTF-8.
    ///
    /// # Errors
    /// `InvalidData` when the bytes are not UTF-8; else as [`Blob::bytes`].
    pub async fn text(&self) -> Result<String> {
        String::from_utf8(self.bytes().await?.into()).map_err(|error| {
            Error::new(ErrorKind::InvalidData, format!("the blob is not UTF-8 text: {error}")).with_source(error)
        })
    }

    /// Reads chunk by chunk.
    ///
    /// # Errors
    /// As [`BlobSource::open`].
    pub async fn stream(&self) -> Result<ByteStream> {
        self.0.open().await
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size() {
            Some(size) => write!(f, "Blob({size} bytes)"),
            None => f.write_str("Blob(stream)"),
        }
    }
}

impl<B: Into<Bytes>> From<B> for Blob {
    fn from(bytes: B) -> Self {
        Self(Arc::new(Memory(bytes.into())))
    }
}

#[async_trait]
impl AssetValue for Blob {
    fn forms() -> Forms {
        Forms::of([Form::Blob])
    }

    fn access() -> Access {
        Access::Streamed
    }

    fn into_value(self) -> Value {
        Value::Blob(self.0)
    }

    async fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Blob(source) => Ok(Self(source)),
            other => Err(other.mismatch("a blob")),
        }
    }
}

struct Memory(Bytes);

#[async_trait]
impl BlobSource for Memory {
    fn size(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }

    fn replayable(&self) -> bool {
        true
    }

    fn in_memory(&self) -> Option<Bytes> {
        Some(self.0.clone())
    }

    async fn open(&self) -> Result<ByteStream> {
        Ok(stream::iter([Ok(self.0.clone())]).boxed())
    }
}

struct Once(Mutex<Option<ByteStream>>);

#[async_trait]
impl BlobSource for Once {
    fn size(&self) -> Option<u64> {
        None
    }

    fn replayable(&self) -> bool {
        false
    }

    async fn open(&self) -> Result<ByteStream> {
        self.0
            .lock()
            .ok()
            .and_then(|mut stream| stream.take())
            .ok_or_else(consumed)
    }
}

/// The error of a second reading of a stream that is read once.
pub(crate) fn consumed() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "the stream was read already; a stream can be read and stored only once",
    )
}
