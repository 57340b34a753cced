//! Reading: small values in one request, large ones by pinned ranges.

use super::BucketStore;
use crate::error::error;
use crate::store::{Purpose, Reader, parts_of, version_of, within};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use larder_io_core::{ByteStream, Effect, Error, ErrorKind, Result, Retry, Usage, Version};
use object_store::path::Path;
use object_store::{Attributes, GetOptions, GetRange, GetResult, ObjectMeta};
use std::ops::Range;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Times a range is asked for when its body was wrong. What fails before the body is retried by the transport below.
const BODY_ATTEMPTS: u32 = 3;

pub(super) async fn open(
    store: &BucketStore,
    path: &Path,
    version: Option<&Version>,
    purpose: Purpose,
) -> Result<Arc<dyn Reader>> {
    let id = version.and_then(|version| parts_of(version).1);
    let answer = Answer::first(store, path, id, purpose).await?;
    let found = version_of(answer.meta.e_tag.clone(), answer.meta.version.clone())?;
    // A version without an id can only be the published one.
    if let Some(wanted) = version.filter(|wanted| parts_of(wanted).1.is_none() && **wanted != found) {
        let message = format!("version `{wanted}` of `{path}` is not kept");
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    Ok(Arc::new(BucketReader {
        receipt: store.receipt_of(&answer.attributes).await?,
        version: found,
        pinned: Pinned {
            store: store.clone(),
            // A store with a prefix tells the whole key here, and wants the rest of it back.
            meta: ObjectMeta {
                location: path.clone(),
                ..answer.meta
            },
        },
        held: answer.held,
    }))
}

/// Bytes that came with the first answer, and where they begin.
#[derive(Clone)]
struct Held {
    start: u64,
    bytes: Bytes,
}

impl Held {
    fn slice(&self, range: &Range<u64>) -> Option<Bytes> {
        let end = self.start + self.bytes.len() as u64;
        let inside = range.start <= range.end && self.start <= range.start && range.end <= end;
        inside.then(|| {
            self.bytes
                .slice((range.start - self.start) as usize..(range.end - self.start) as usize)
        })
    }
}

struct Answer {
    meta: ObjectMeta,
    attributes: Attributes,
    held: Option<Held>,
}

/// The bytes of a small object of larder's own, which has `longest` bytes at most.
///
/// Read by a range, because only the answer to one tells the whole length.
pub(super) async fn small(store: &BucketStore, path: &Path, longest: u64) -> Result<Bytes> {
    let answer = Answer::get(store, path, None, GetRange::Bounded(0..longest)).await?;
    if answer.meta.size > longest {
        let message = format!("`{path}` is larger than the {longest} bytes that larder writes there");
        return Err(Error::new(ErrorKind::InvalidData, message));
    }
    Ok(answer.held.map(|held| held.bytes).unwrap_or_default())
}

impl Answer {
    async fn first(store: &BucketStore, path: &Path, version: Option<String>, purpose: Purpose) -> Result<Self> {
        let range = match purpose {
            Purpose::Receipt => return Self::head(store, path, version).await,
            Purpose::Footer if store.transfer.suffix_ranges => GetRange::Suffix(store.transfer.footer_bytes as u64),
            _ => GetRange::Bounded(0..store.transfer.range_bytes as u64),
        };
        match Self::get(store, path, version.clone(), range).await {
            Err(refused) if matches!(refused.kind(), ErrorKind::InvalidData | ErrorKind::Unavailable) => {
                // No range lies within an empty value.
                match Self::head(store, path, version).await {
                    Ok(answer) if answer.meta.size == 0 => Ok(Self {
                        held: Some(Held {
                            start: 0,
                            bytes: Bytes::new(),
                        }),
                        ..answer
                    }),
                    _ => Err(refused),
                }
            }
            other => other,
        }
    }

    async fn get(store: &BucketStore, path: &Path, version: Option<String>, range: GetRange) -> Result<Self> {
        let mut attempt = 1;
        loop {
            let options = GetOptions {
                range: Some(range.clone()),
                version: version.clone(),
                ..GetOptions::default()
            };
            let got = store.objects.get_opts(path, options).await.map_err(error)?;
            let (meta, attributes, range) = (got.meta.clone(), got.attributes.clone(), got.range.clone());
            match whole(got.bytes().await, &range) {
                Ok(bytes) => {
                    let held = Some(Held {
                        start: range.start,
                        bytes,
                    });
                    return Ok(Self { meta, attributes, held });
                }
                Err(error) if error.retry() == Retry::Never || attempt == BODY_ATTEMPTS => {
                    return Err(error.with_attempts(attempt));
                }
                Err(_) => attempt += 1,
            }
        }
    }

    async fn head(store: &BucketStore, path: &Path, version: Option<String>) -> Result<Self> {
        let options = |head| GetOptions {
            head,
            range: (!head).then_some(GetRange::Bounded(0..1)),
            version: version.clone(),
            ..GetOptions::default()
        };
        let refused = match store.objects.get_opts(path, options(true)).await {
            Ok(got) => {
                return Ok(Self {
                    meta: got.meta,
                    attributes: got.attributes,
                    held: None,
                });
            }
            Err(refused) => error(refused),
        };
        // The answer to a HEAD has no body that would say why: what is missing may be the bucket.
        match refused.kind() {
            // `Unexpected` is a status that says little without words, such as 400 for a token that expired.
            ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::Unauthenticated
            | ErrorKind::InvalidConfig
            | ErrorKind::Unexpected => match store.objects.get_opts(path, options(false)).await.map_err(error) {
                Ok(got) if refused.kind() != ErrorKind::NotFound => Ok(Self {
                    meta: got.meta,
                    attributes: got.attributes,
                    held: None,
                }),
                Err(told) if told.kind() != ErrorKind::NotFound => Err(told),
                _ => Err(refused),
            },
            _ => Err(refused),
        }
    }
}

/// The whole body, or an error that is worth another attempt.
fn whole(body: object_store::Result<Bytes>, range: &Range<u64>) -> Result<Bytes> {
    let bytes = body.map_err(|cause| error(cause).with_effect(Effect::None))?;
    let wanted = range.end - range.start;
    if bytes.len() as u64 == wanted {
        return Ok(bytes);
    }
    let message = format!("the storage announced {wanted} bytes and sent {}", bytes.len());
    Err(Error::new(ErrorKind::Unavailable, message).with_effect(Effect::None))
}

/// Ranges of one version of one value.
#[derive(Clone)]
struct Pinned {
    store: BucketStore,
    meta: ObjectMeta,
}

impl Pinned {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let mut attempt = 1;
        loop {
            let body = self.ask(range.clone()).await?;
            match whole(body.bytes().await, &range) {
                Err(error) if error.retry() != Retry::Never && attempt < BODY_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.with_attempts(attempt)),
                read => return read,
            }
        }
    }

    async fn ask(&self, range: Range<u64>) -> Result<GetResult> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: self.meta.e_tag.clone(),
            version: self.meta.version.clone(),
            ..GetOptions::default()
        };
        let got = self.store.objects.get_opts(&self.meta.location, options).await;
        let got = got.map_err(|cause| self.replaced(error(cause)))?;
        if got.meta.e_tag != self.meta.e_tag {
            let message = format!("the storage answered with another version of `{}`", self.meta.location);
            return Err(self.replaced(Error::new(ErrorKind::Conflict, message)));
        }
        Ok(got)
    }

    fn replaced(&self, cause: Error) -> Error {
        match cause.kind() {
            ErrorKind::Conflict | ErrorKind::NotFound => {
                let message = format!(
                    "`{}` was replaced or deleted while it was read, and the store kept no old version; load it again",
                    self.meta.location
                );
                Error::new(ErrorKind::Conflict, message).with_source(cause)
            }
            _ => cause,
        }
    }
}

struct BucketReader {
    pinned: Pinned,
    version: Version,
    receipt: Option<String>,
    held: Option<Held>,
}

impl BucketReader {
    fn in_held(&self, range: &Range<u64>) -> Option<Bytes> {
        self.held.as_ref()?.slice(range)
    }
}

#[async_trait]
impl Reader for BucketReader {
    fn size(&self) -> u64 {
        self.pinned.meta.size
    }

    fn version(&self) -> &Version {
        &self.version
    }

    fn modified_millis(&self) -> i64 {
        self.pinned.meta.last_modified.timestamp_millis()
    }

    fn receipt(&self) -> Option<&str> {
        self.receipt.as_deref()
    }

    fn held(&self) -> bool {
        self.in_held(&(0..self.size())).is_some()
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        within(&range, self.size())?;
        match self.in_held(&range) {
            Some(bytes) => Ok(bytes),
            None if range.is_empty() => Ok(Bytes::new()),
            None => self.pinned.read(range).await,
        }
    }

    fn stream(&self) -> ByteStream {
        let transfer = self.pinned.store.transfer;
        let (size, step) = (self.size(), transfer.range_bytes.max(1) as u64);
        let front = self.held.clone().filter(|held| held.start == 0).map(|held| held.bytes);
        let from = front.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let ranges = (from..size)
            .step_by(step as usize)
            .map(move |start| start..(start + step).min(size));
        let pinned = self.pinned.clone();
        // Tasks of their own, so that the ranges come in while the consumer works; dropping the stream ends them.
        let rest = stream::iter(ranges)
            .map(move |range| {
                let held = pinned.store.usage.as_ref().map(Usage::buffer);
                let held = held.map(|held| held.of(range.end - range.start));
                let (pinned, mut task) = (pinned.clone(), JoinSet::new());
                task.spawn(async move { pinned.read(range).await });
                async move {
                    let _held = held;
                    let stopped = || Error::new(ErrorKind::Cancelled, "the runtime is shutting down");
                    task.join_next()
                        .await
                        .and_then(|joined| joined.ok())
                        .unwrap_or_else(|| Err(stopped()))
                }
            })
            .buffered(transfer.ranges_in_flight.max(1));
        stream::iter(front.filter(|bytes| !bytes.is_empty()).map(Ok))
            .chain(rest)
            .boxed()
    }
}
