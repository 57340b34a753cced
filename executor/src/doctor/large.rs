//! A value that is written in parts.

use super::conditional::{Refusal, refusal, refused_otherwise};
use super::examine::{Asked, Exam};
use super::{Examination, Verdict};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{AssetValue, Blob, BlobSource, ByteStream, Form, Precondition, Receipt, Result, Value, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const WHAT: &str = "large write";
const READ: &str = "large read";
const CONDITIONAL: &str = "large conditional writes";

/// Bytes that are made at once.
const CHUNK: u64 = 1 << 20;

/// Bytes that look random and can be made again; nobody holds them all.
struct Noise {
    seed: u64,
    bytes: u64,
}

impl Noise {
    fn chunks(&self) -> impl Iterator<Item = Bytes> + Send + use<> {
        let (seed, bytes) = (self.seed, self.bytes);
        (0..bytes.div_ceil(CHUNK)).map(move |index| {
            // A chunk is at most 1 MiB.
            let length = CHUNK.min(bytes - index * CHUNK) as usize;
            let mut chunk = vec![0; length];
            fastrand::Rng::with_seed(seed.wrapping_add(index)).fill(&mut chunk);
            chunk.into()
        })
    }
}

#[async_trait]
impl BlobSource for Noise {
    fn size(&self) -> Option<u64> {
        Some(self.bytes)
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn open(&self) -> Result<ByteStream> {
        Ok(stream::iter(self.chunks().map(Ok)).boxed())
    }
}

/// Whether a blob is this noise; reads no further than the first difference.
async fn is_noise(loaded: Value, noise: &Noise) -> Result<bool> {
    let mut found = Blob::from_value(loaded).await?.stream().await?;
    let mut wanted = noise.chunks();
    let mut rest = Bytes::new();
    while let Some(mut chunk) = found.try_next().await? {
        while !chunk.is_empty() {
            if rest.is_empty() {
                match wanted.next() {
                    Some(next) => rest = next,
                    None => return Ok(false),
                }
            }
            let length = rest.len().min(chunk.len());
            if rest.split_to(length) != chunk.split_to(length) {
                return Ok(false);
            }
        }
    }
    Ok(rest.is_empty() && wanted.next().is_none())
}

impl Exam<'_> {
    /// Writes and reads a large value, under a precondition where these hold; `current` is the published version there.
    pub(super) async fn large(&mut self, bytes: u64, current: Option<Version>) {
        if !self.info.forms.contains(Form::Blob) {
            return self.tell(Examination::skipped(WHAT, "it takes no blobs"));
        }
        let precondition = current.clone().map_or(Precondition::None, Precondition::Unchanged);
        let noise = Noise { seed: 1, bytes };
        let written = match self.store_noise(precondition, &noise).await {
            Asked::Failed(error, took) if current.is_some() => Err(refused_otherwise(WHAT, error, took)),
            asked => asked.or_tell(WHAT),
        };
        match written {
            Ok((receipt, took)) if receipt.bytes != bytes => {
                let answer = format!("its receipt is of {} bytes, {bytes} were written", receipt.bytes);
                self.tell(Examination::wrong(WHAT, answer).took(took));
            }
            Ok((_, took)) => self.tell(Examination::fine(WHAT, format!("{bytes} bytes")).took(took)),
            Err(told) => {
                self.tell(told);
                self.tell(Examination::skipped(READ, format!("because of `{WHAT}`")));
                return;
            }
        }
        let read = self.read_noise(&noise).await;
        self.tell(read);
        if let Some(old) = current {
            let told = self.refuses_noise(old, &noise).await;
            self.tell(told);
        }
    }

    /// Two large writes that must be refused, and the value after them.
    async fn refuses_noise(&mut self, old: Version, noise: &Noise) -> Examination {
        let began = Instant::now();
        let other = Noise { seed: !0, ..*noise };
        for (precondition, condition) in [
            (Precondition::Absent, "nothing to be there"),
            (Precondition::Unchanged(old), "an old version to be there"),
        ] {
            let asked = self.store_noise(precondition, &other).await;
            match refusal(CONDITIONAL, condition, asked) {
                Refusal::Refused => {}
                Refusal::Other(told) => return told,
            }
        }
        let now = self.read_noise(noise).await;
        match now.verdict {
            Verdict::Fine => Examination::fine(CONDITIONAL, "hold").took(began.elapsed()),
            _ => Examination {
                what: CONDITIONAL,
                ..now
            },
        }
    }

    async fn store_noise(&mut self, precondition: Precondition, noise: &Noise) -> Asked<Receipt> {
        let value = Value::Blob(Arc::new(Noise { ..*noise }));
        let context = self.probe.output(precondition);
        let manager = Arc::clone(&self.manager);
        let asked = self
            .ask(self.patience(noise), manager.handle_output(&context, &value))
            .await;
        self.note(&asked);
        asked
    }

    async fn read_noise(&self, noise: &Noise) -> Examination {
        let context = self.probe.input().with_form(Form::Blob);
        let read = async {
            let loaded = self.manager.load_input(&context).await?;
            is_noise(loaded, noise).await
        };
        match self.ask(self.patience(noise), read).await.or_tell(READ) {
            Ok((true, took)) => Examination::fine(READ, "what was written").took(took),
            Ok((false, took)) => {
                Examination::wrong(READ, "the value that came back is not the one that was written").took(took)
            }
            Err(told) => told,
        }
    }

    fn patience(&self, noise: &Noise) -> Duration {
        self.options.patience + Duration::from_secs(noise.bytes.div_ceil(1 << 20))
    }
}
