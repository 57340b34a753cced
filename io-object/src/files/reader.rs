//! Reading a file whose size is known and that nobody replaces.

use super::Ground;
use crate::error::error;
use crate::store::{Reader, within};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use larder_io_core::{ByteStream, Effect, Error, ErrorKind, Result, Retry, Version};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use std::ops::Range;

/// Times a range is asked for when its body was wrong. What fails before the body is retried by the transport below.
const BODY_ATTEMPTS: u32 = 3;
/// Bytes of one range when the whole file is read in order.
const RANGE_BYTES: u64 = 8 << 20;

#[derive(Clone)]
pub(super) struct FileReader {
    ground: Ground,
    path: Path,
    size: u64,
    version: Version,
}

impl FileReader {
    pub(super) fn new(ground: &Ground, path: Path, size: u64) -> Self {
        Self {
            ground: ground.clone(),
            path,
            size,
            version: Version::from_text(""),
        }
    }

    /// Asks until the answer has the bytes that were asked for.
    async fn ask(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut attempt = 1;
        loop {
            let asked = match ranges {
                [one] => self
                    .ground
                    .objects
                    .get_range(&self.path, one.clone())
                    .await
                    .map(|bytes| vec![bytes]),
                many => self.ground.objects.get_ranges(&self.path, many).await,
            };
            let failed = match asked {
                Ok(found) => match found
                    .iter()
                    .zip(ranges)
                    .find(|(bytes, range)| bytes.len() as u64 != range.end - range.start)
                {
                    None => return Ok(found),
                    Some((bytes, range)) => {
                        let message = format!(
                            "the storage sent {} bytes of `{}` where {} were asked for",
                            bytes.len(),
                            self.path,
                            range.end - range.start
                        );
                        Error::new(ErrorKind::Unavailable, message).with_retry(Retry::After(None))
                    }
                },
                Err(cause) => error(cause),
            };
            if failed.retry() == Retry::Never || attempt == BODY_ATTEMPTS {
                return Err(failed.with_effect(Effect::None).with_attempts(attempt));
            }
            attempt += 1;
        }
    }
}

#[async_trait]
impl Reader for FileReader {
    fn size(&self) -> u64 {
        self.size
    }

    fn version(&self) -> &Version {
        &self.version
    }

    fn modified_millis(&self) -> i64 {
        0
    }

    fn receipt(&self) -> Option<&str> {
        None
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        within(&range, self.size)?;
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        Ok(self.ask(&[range]).await?.pop().unwrap_or_default())
    }

    async fn read_many(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match ranges {
            [] => Ok(Vec::new()),
            some => self.ask(some).await,
        }
    }

    fn stream(&self) -> ByteStream {
        let (reader, size) = (self.clone(), self.size);
        let ranges = (0..size)
            .step_by(RANGE_BYTES as usize)
            .map(move |start| start..(start + RANGE_BYTES).min(size));
        stream::iter(ranges)
            .then(move |range| {
                let reader = reader.clone();
                async move { reader.read(range).await }
            })
            .boxed()
    }
}
