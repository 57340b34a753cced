//! Writing: bytes arrive in parts; a value of one part is one put, a larger one an upload that is completed at publish.

use crate::core::Core;
use crate::spool::Spool;
use crate::store::Upload;
use bytes::Bytes;
use larder_io_core::{Buffered, ContentHash, Error, ErrorKind, Result, Usage, WriteId};
use object_store::path::Path;
use object_store::{PutPayload, PutPayloadMut};
use std::sync::Arc;
use tokio::task::{JoinHandle, JoinSet};

/// Parts before the part size grows: 12 GiB at 8 MiB, and as little memory as for small values up to there.
const PARTS_OF_FIRST_SIZE: usize = 1500;
/// Parts after which the part size doubles from then on, so that the 10,000 parts that S3 allows are never the limit: at 8 MiB the
/// last of them would end beyond 5 TiB. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PARTS_PER_SIZE: usize = 1000;

/// Pieces up to this size are copied together into blocks of it, so that a stream of many small ones takes no more memory
/// than its bytes.
const COPIED: usize = 64 << 10;

/// A part, and what counts that it is held.
type Held = (PutPayload, Option<Buffered>);

/// The bytes of a value on their way to the store.
pub(crate) struct Sink {
    core: Arc<Core>,
    path: Path,
    write: WriteId,
    /// The part that is being filled. Large pieces stay where they are.
    filling: PutPayloadMut,
    parts: usize,
    first: Option<Held>,
    upload: Option<Box<dyn Upload>>,
    /// Parts on their way; they go on while the next one is made.
    in_flight: JoinSet<Result<()>>,
    /// The hash of all parts so far, at most one part behind.
    hashing: Option<JoinHandle<Result<blake3::Hasher>>>,
    bytes: u64,
    /// What is read before it is published, where the store cannot read it back.
    spool: Option<Spool>,
}

/// Bytes that are written but not published.
pub(crate) enum Body {
    Small(Bytes),
    Large(Box<dyn Upload>),
}

impl Sink {
    pub(crate) fn new(core: &Arc<Core>, path: Path, write: WriteId) -> Self {
        Self {
            core: Arc::clone(core),
            path,
            write,
            filling: filling(),
            parts: 0,
            first: None,
            upload: None,
            in_flight: JoinSet::new(),
            hashing: None,
            bytes: 0,
            spool: None,
        }
    }

    /// Keeps what is written where it can be read back.
    ///
    /// # Errors
    /// `Unavailable` where no temporary file can be made.
    pub(crate) fn keeping(mut self) -> Result<(Self, Spool)> {
        let spool = Spool::new()?;
        self.spool = Some(spool.clone());
        Ok((self, spool))
    }

    /// Bytes of the next part.
    pub(crate) fn part_bytes(&self) -> usize {
        part_bytes(self.core.settings.part_bytes, self.parts)
    }

    /// Adds bytes of any length. More than [`COPIED`] of them are kept as they are until they are sent: a slice keeps
    /// whatever it was cut from.
    pub(crate) async fn push(&mut self, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            let wanted = self.part_bytes();
            let taken = bytes.split_to(bytes.len().min(wanted - self.filling.content_length()));
            match taken.len() <= COPIED {
                true => self.filling.extend_from_slice(&taken),
                false => self.filling.push(taken),
            }
            if self.filling.content_length() == wanted {
                let part = std::mem::replace(&mut self.filling, filling()).freeze();
                let held = self.held(&part);
                self.part(part, held).await?;
            }
        }
        Ok(())
    }

    /// Where what is held is counted, if anybody asks.
    pub(crate) fn usage(&self) -> Option<&Arc<Usage>> {
        self.core.usage.as_ref()
    }

    fn held(&self, part: &PutPayload) -> Option<Buffered> {
        self.usage()
            .map(|usage| usage.buffer().of(part.content_length() as u64))
    }

    /// Adds one part as it is, with what counts that it is held. It is hashed and written while the next one is made.
    pub(crate) async fn part(&mut self, part: PutPayload, held: Option<Buffered>) -> Result<()> {
        self.parts += 1;
        self.bytes += part.content_length() as u64;
        let mut hasher = self.hashed().await?;
        let hashed = part.clone();
        let spool = self.spool.clone();
        self.hashing = Some(tokio::task::spawn_blocking(move || {
            for piece in &hashed {
                hasher.update(piece);
            }
            spool.map_or(Ok(()), |spool| spool.append(&hashed))?;
            Ok(hasher)
        }));
        self.send((part, held)).await
    }

    /// The hash of all parts so far.
    async fn hashed(&mut self) -> Result<blake3::Hasher> {
        match self.hashing.take() {
            Some(hashing) => hashing
                .await
                .unwrap_or_else(|error| Err(Error::new(ErrorKind::Unexpected, format!("hashing stopped: {error}")))),
            None => Ok(blake3::Hasher::new()),
        }
    }

    /// The first part is held back: if no other comes, the value is small.
    async fn send(&mut self, part: Held) -> Result<()> {
        if self.upload.is_none() {
            let Some(first) = self.first.take() else {
                self.first = Some(part);
                return Ok(());
            };
            self.upload = Some(self.core.store.upload(&self.path, &self.write).await?);
            self.launch(first).await?;
        }
        self.launch(part).await
    }

    /// Sends a part on its way as soon as there is room.
    async fn launch(&mut self, (part, held): Held) -> Result<()> {
        let room = self.core.store.features().parts_in_flight.max(1);
        while self.in_flight.len() >= room {
            self.settle().await?;
        }
        if let Some(upload) = &mut self.upload {
            let written = upload.write(part);
            self.in_flight.spawn(async move {
                let _held = held;
                written.await
            });
        }
        Ok(())
    }

    /// Waits for one part.
    async fn settle(&mut self) -> Result<()> {
        match self.in_flight.join_next().await {
            Some(Ok(written)) => written,
            Some(Err(error)) => Err(Error::new(
                ErrorKind::Unexpected,
                format!("a part of the upload stopped: {error}"),
            )),
            None => Ok(()),
        }
    }

    /// Ends the value: body, bytes, hash of the bytes. After an error everything that was written is removed.
    pub(crate) async fn finish(mut self) -> Result<(Body, u64, ContentHash)> {
        let hash = match self.drain().await {
            Ok(hasher) => hasher.finalize().into(),
            Err(error) => {
                self.abort().await;
                return Err(error);
            }
        };
        let body = match self.upload {
            Some(upload) => Body::Large(upload),
            None => Body::Small(self.first.map(|(first, _)| Bytes::from(first)).unwrap_or_default()),
        };
        Ok((body, self.bytes, hash))
    }

    async fn drain(&mut self) -> Result<blake3::Hasher> {
        let rest = std::mem::take(&mut self.filling);
        if !rest.is_empty() {
            let rest = rest.freeze();
            let held = self.held(&rest);
            self.part(rest, held).await?;
        }
        while !self.in_flight.is_empty() {
            self.settle().await?;
        }
        self.hashed().await
    }

    /// Removes what was written so far.
    pub(crate) async fn abort(mut self) {
        // A part that arrives after the abort would stay on the storage.
        self.in_flight.shutdown().await;
        if let Some(upload) = &mut self.upload {
            // The error that led here is the one to tell; gc finds what stays.
            let _ = upload.abort().await;
        }
    }
}

fn filling() -> PutPayloadMut {
    PutPayloadMut::new().with_block_size(COPIED)
}

/// Bytes of part number `parts`.
pub(crate) fn part_bytes(first: usize, parts: usize) -> usize {
    let sizes = (parts + PARTS_PER_SIZE).saturating_sub(PARTS_OF_FIRST_SIZE) / PARTS_PER_SIZE;
    first << sizes.min(20)
}

#[cfg(test)]
mod tests {
    use super::part_bytes;

    #[test]
    fn parts_grow_so_that_ten_thousand_are_enough() {
        let first = 8 << 20;
        let ends: u64 = (0..10_000).map(|parts| part_bytes(first, parts) as u64).sum();
        assert!(ends > 5 << 40, "{ends} bytes");
        assert!(part_bytes(first, 9_999) <= 5 << 30, "the largest part that S3 takes");
        assert_eq!((part_bytes(first, 1_499), part_bytes(first, 1_500)), (first, 2 * first));
    }
}
