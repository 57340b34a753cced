//! Bytes that arrive in an async stream, for decoders that read on a thread.

use super::ROW_BYTES;
use bytes::Bytes;
use futures_util::StreamExt;
use larder_io_core::{ByteStream, Error};
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Chunks that wait for the decoder.
const CHUNKS_AHEAD: usize = 2;

/// The reading end.
pub(super) struct Feed {
    chunk: Bytes,
    next: Option<mpsc::Receiver<Bytes>>,
    /// Bytes since the last end of a line, where lines are rows.
    line: Option<usize>,
    failed: Failed,
}

/// The storage's own error, which is told instead of the decoder's.
#[derive(Clone, Default)]
pub(super) struct Failed(Arc<Mutex<Option<Error>>>);

impl Failed {
    fn set(&self, error: Error) {
        if let Ok(mut slot) = self.0.lock() {
            *slot = Some(error);
        }
    }

    pub(super) fn take(&self) -> Option<Error> {
        self.0.lock().ok().and_then(|mut slot| slot.take())
    }

    fn any(&self) -> bool {
        self.0.lock().is_ok_and(|slot| slot.is_some())
    }
}

impl Feed {
    /// A feed of a stream, which a task of its own pulls for as long as the feed lives.
    pub(super) fn of_stream(mut stream: ByteStream) -> (Self, Failed) {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let failed = Failed::default();
        let feed = Self {
            chunk: Bytes::new(),
            next: Some(receiver),
            line: None,
            failed: failed.clone(),
        };
        let told = failed.clone();
        tokio::spawn(async move {
            while let Some(chunk) = stream.next().await {
                match chunk {
                    Ok(chunk) => {
                        if sender.send(chunk).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => return told.set(error),
                }
            }
        });
        (feed, failed)
    }

    /// A feed of bytes that are there.
    pub(super) fn of_bytes(bytes: impl Into<Bytes>) -> Self {
        Self {
            chunk: bytes.into(),
            next: None,
            line: None,
            failed: Failed::default(),
        }
    }

    /// A feed of pieces, as a slow storage sends them.
    #[cfg(test)]
    pub(super) fn of_pieces(pieces: Vec<Bytes>) -> Self {
        let (sender, receiver) = mpsc::channel(pieces.len().max(1));
        pieces.into_iter().for_each(|piece| drop(sender.try_send(piece)));
        Self {
            next: Some(receiver),
            ..Self::of_bytes(Bytes::new())
        }
    }

    /// Refuses lines that are longer than a row may be.
    ///
    /// # Errors
    /// For the chunk that is there.
    pub(super) fn of_lines(mut self) -> Result<Self, String> {
        self.line = Some(0);
        self.count().map_err(|error| error.to_string())?;
        Ok(self)
    }

    /// Counts bytes of lines.
    fn count(&mut self) -> io::Result<()> {
        let Some(line) = &mut self.line else { return Ok(()) };
        for piece in self.chunk.split_inclusive(|byte| *byte == b'\n') {
            *line += piece.len();
            if *line > ROW_BYTES {
                return Err(io::Error::other("a line is longer than 64 MiB"));
            }
            if piece.ends_with(b"\n") {
                *line = 0;
            }
        }
        Ok(())
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() {
            let Some(next) = &mut self.next else { break };
            match next.blocking_recv() {
                Some(chunk) => {
                    self.chunk = chunk;
                    self.count()?;
                }
                None if self.failed.any() => return Err(io::Error::other("the storage failed")),
                None => self.next = None,
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        let _ = self.chunk.split_to(amount.min(self.chunk.len()));
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let taken = ready.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&ready[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}
