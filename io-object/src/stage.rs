//! Writing: bytes arrive in parts; a value of one part is one put, a larger one an upload that is completed at publish.

use crate::beside::Beside;
use crate::core::Core;
use crate::held::InMemory;
use crate::store::{Purpose, Reader, Upload, Written, conflict};
use async_trait::async_trait;
use bytes::Bytes;
use larder_io_core::{
    ContentHash, Error, ErrorKind, InputContext, OutputContext, Precondition, Receipt, Result, Staged, Value, Version,
    WriteId,
};
use object_store::path::Path;
use object_store::{PutPayload, PutPayloadMut};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::{JoinHandle, JoinSet};

/// Parts after which the part size doubles, so that the 10,000 parts that S3 allows are never the limit: at 8 MiB the
/// last of them would end beyond 5 TiB.
const PARTS_PER_SIZE: usize = 1000;

/// Pieces up to this size are copied together into blocks of it, so that a stream of many small ones takes no more memory
/// than its bytes.
const COPIED: usize = 64 << 10;

/// The bytes of a value on their way to the store.
pub(crate) struct Sink {
    core: Arc<Core>,
    path: Path,
    write: WriteId,
    /// The part that is being filled. Large pieces stay where they are.
    filling: PutPayloadMut,
    parts: usize,
    first: Option<PutPayload>,
    upload: Option<Box<dyn Upload>>,
    /// Parts on their way; they go on while the next one is made.
    in_flight: JoinSet<Result<()>>,
    /// The hash of all parts so far, at most one part behind.
    hashing: Option<JoinHandle<blake3::Hasher>>,
    bytes: u64,
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
        }
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
                self.part(part).await?;
            }
        }
        Ok(())
    }

    /// Adds one part as it is. It is hashed and written while the next one is made.
    pub(crate) async fn part(&mut self, part: PutPayload) -> Result<()> {
        self.parts += 1;
        self.bytes += part.content_length() as u64;
        let mut hasher = self.hashed().await?;
        let hashed = part.clone();
        self.hashing = Some(tokio::task::spawn_blocking(move || {
            for piece in &hashed {
                hasher.update(piece);
            }
            hasher
        }));
        self.send(part).await
    }

    /// The hash of all parts so far.
    async fn hashed(&mut self) -> Result<blake3::Hasher> {
        match self.hashing.take() {
            Some(hashing) => hashing
                .await
                .map_err(|error| Error::new(ErrorKind::Unexpected, format!("hashing stopped: {error}"))),
            None => Ok(blake3::Hasher::new()),
        }
    }

    /// The first part is held back: if no other comes, the value is small.
    async fn send(&mut self, part: PutPayload) -> Result<()> {
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
    async fn launch(&mut self, part: PutPayload) -> Result<()> {
        let room = self.core.store.features().parts_in_flight.max(1);
        while self.in_flight.len() >= room {
            self.settle().await?;
        }
        if let Some(upload) = &mut self.upload {
            self.in_flight.spawn(upload.write(part));
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
            None => Body::Small(self.first.map(Bytes::from).unwrap_or_default()),
        };
        Ok((body, self.bytes, hash))
    }

    async fn drain(&mut self) -> Result<blake3::Hasher> {
        let rest = std::mem::take(&mut self.filling);
        if !rest.is_empty() {
            self.part(rest.freeze()).await?;
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
    first << (parts / PARTS_PER_SIZE).min(20)
}

/// A value that was written but not published.
pub(crate) struct StagedObject {
    pub(crate) core: Arc<Core>,
    pub(crate) path: Path,
    pub(crate) receipt: Receipt,
    pub(crate) precondition: Precondition,
    /// What loads the value.
    input: InputContext,
    pub(crate) body: Option<Body>,
    /// The value itself, when checks may ask for it and it can be read again.
    pub(crate) kept: Option<Value>,
    pub(crate) keep_for_checks: bool,
    pub(crate) began: Instant,
    /// What was at the value's places before its own was written.
    seen: Option<Option<Beside>>,
    /// The version it got there.
    written: Option<Version>,
    pub(crate) published: bool,
}

impl StagedObject {
    pub(crate) fn new(core: &Arc<Core>, ctx: &OutputContext, path: Path, receipt: Receipt, value: &Value) -> Self {
        Self {
            core: Arc::clone(core),
            path,
            precondition: ctx.precondition.clone(),
            input: ctx.to_input(receipt.form),
            receipt,
            body: None,
            kept: (ctx.keep_for_checks && value.replayable()).then(|| value.clone()),
            keep_for_checks: ctx.keep_for_checks,
            began: Instant::now(),
            seen: None,
            written: None,
            published: false,
        }
    }

    async fn put(&mut self, precondition: &Precondition) -> Result<Version> {
        let receipt = receipt_json(&self.receipt)?;
        let written = Written {
            write: &self.receipt.write,
            receipt: &receipt,
            precondition,
        };
        match &mut self.body {
            Some(Body::Small(bytes)) => self.core.store.put(&self.path, bytes.clone(), &written).await,
            Some(Body::Large(upload)) => upload.complete(&written).await.map_err(conflict),
            None => Err(Error::new(
                ErrorKind::Unsupported,
                "the value was discarded and cannot be published",
            )),
        }
    }

    /// Writes the value at its place, in view of what is at its other ones.
    async fn write(&mut self) -> Result<Version> {
        let beside = self.core.beside(&self.input, &self.path, false).await?;
        let asked = self.precondition.clone();
        let wanted = match &beside {
            Some(beside) => beside.condition(&asked)?,
            None => asked.clone(),
        };
        let several = beside.is_some();
        let failed = match self.put(&wanted).await {
            Ok(version) => {
                self.seen = Some(beside);
                return Ok(version);
            }
            Err(error) => error,
        };
        // If this attempt landed all the same, it landed on what the first one saw.
        self.seen.get_or_insert(beside);
        let taken = matches!(failed.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists);
        if !several && taken && Core::shared(&self.input, &self.path) {
            // Rows of an object, from before the asset's type changed, count as nothing.
            let beside = self.core.beside(&self.input, &self.path, true).await?;
            let wanted = beside.and_then(|beside| beside.condition(&asked).ok());
            if let Some(wanted) = wanted.filter(|wanted| *wanted != asked) {
                return self.put(&wanted).await;
            }
        }
        Err(failed)
    }

    /// The version of our own write, when it is the published one.
    ///
    /// # Errors
    /// When nobody can tell what is published.
    async fn landed(&self) -> Result<Option<Version>> {
        let reader = match self.core.store.open(&self.path, None, Purpose::Receipt).await {
            Ok(reader) => reader,
            Err(missing) if missing.kind() == ErrorKind::NotFound => return Ok(None),
            Err(blind) => return Err(blind),
        };
        // A receipt that cannot be read is not ours.
        let published = self.core.receipt(&self.path, reader.as_ref()).ok();
        let own = published.filter(|receipt| receipt.write == self.receipt.write);
        Ok(own.map(|receipt| receipt.version))
    }
}

/// The error of a write whose outcome could not be looked at. What speaks of the published value may speak of our own.
fn undecided(failed: Error) -> Error {
    match failed.kind() {
        ErrorKind::Conflict | ErrorKind::AlreadyExists | ErrorKind::NotFound => {
            let message = format!(
                "the storage refused to publish, and did not say whether an attempt before had published it; try again: {}",
                failed.message()
            );
            Error::new(ErrorKind::Unavailable, message)
                .with_attempts(failed.attempts())
                .with_source(failed)
        }
        _ => failed,
    }
}

/// The receipt as JSON in printable ASCII: headers of object stores take nothing else.
fn receipt_json(receipt: &Receipt) -> Result<String> {
    let json = serde_json::to_string(receipt).map_err(|error| {
        Error::new(ErrorKind::Unexpected, format!("cannot write a receipt: {error}")).with_source(error)
    })?;
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        match matches!(c, ' '..='~') {
            true => ascii.push(c),
            false => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    Ok(ascii)
}

#[async_trait]
impl Staged for StagedObject {
    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    async fn load(&self) -> Result<Value> {
        if !self.keep_for_checks {
            let message = "the staged value was not kept for checks; set `keep_for_checks` in the output context";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if let Some(value) = &self.kept {
            return Ok(value.clone());
        }
        let reader: Arc<dyn Reader> = match &self.body {
            Some(Body::Small(bytes)) => Arc::new(InMemory { bytes: bytes.clone(), version: self.receipt.version.clone() }),
            Some(Body::Large(upload)) => upload.reader().await?.ok_or_else(|| {
                let message = "this store cannot read an upload before it is published; return a `Table` or a `LazyTable` instead of a stream";
                Error::new(ErrorKind::Unsupported, message)
            })?,
            None => return Err(Error::new(ErrorKind::Unsupported, "the value was discarded")),
        };
        // Suffixes are the names of formats; a blob's is none.
        self.core.decode(reader, &self.receipt.format, &self.receipt).await
    }

    async fn publish(&mut self) -> Result<Receipt> {
        if self.published {
            return Ok(self.receipt.clone());
        }
        let _held = self.core.hold(&self.input).await?;
        let version = match &self.written {
            Some(version) => version.clone(),
            None => match self.write().await {
                Ok(version) => version,
                // The answer may have been lost, or an attempt before this one may have landed.
                Err(error) => match self.landed().await {
                    Ok(Some(version)) => version,
                    Ok(None) => return Err(error),
                    Err(_) => return Err(undecided(error)),
                },
            },
        };
        self.written = Some(version.clone());
        if self.seen.is_none() {
            self.seen = Some(self.core.beside(&self.input, &self.path, false).await?);
        }
        if let Some(Some(beside)) = &self.seen {
            self.core
                .retire(beside, &self.precondition, &self.path, &version)
                .await?;
        }
        self.receipt.version = version;
        self.published = true;
        self.body = None;
        self.kept = None;
        self.receipt.duration = self.began.elapsed();
        self.core.retire_siblings(&self.input, &self.path).await;
        self.core.reset_loads(&self.input).await;
        Ok(self.receipt.clone())
    }

    async fn discard(&mut self) -> Result<()> {
        self.kept = None;
        // It was written, and what it replaces could not be removed.
        if let Some(version) = self.written.take_if(|_| !self.published) {
            self.body = None;
            return self.core.store.delete_version(&self.path, &version).await.map(drop);
        }
        match self.body.take() {
            Some(Body::Large(mut upload)) => upload.abort().await,
            _ => Ok(()),
        }
    }
}
