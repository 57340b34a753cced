//! A value that was written and that nobody sees yet.

use crate::beside::Beside;
use crate::core::Core;
use crate::held::InMemory;
use crate::sink::Body;
use crate::spool::Spool;
use crate::store::{Purpose, Reader, Written, conflict};
use async_trait::async_trait;
use larder_io_core::{
    Error, ErrorKind, InputContext, OutputContext, Precondition, Receipt, Result, Retention, Staged, Value, Version,
};
use object_store::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A value that was written but not published.
pub(crate) struct StagedObject {
    pub(crate) core: Arc<Core>,
    pub(crate) path: Path,
    pub(crate) receipt: Receipt,
    pub(crate) precondition: Precondition,
    retention: Option<Retention>,
    /// What loads the value.
    input: InputContext,
    pub(crate) body: Option<Body>,
    /// The value itself, when checks may ask for it and it can be read again.
    pub(crate) kept: Option<Value>,
    /// What was written, where the store cannot read an upload.
    pub(crate) spool: Option<Spool>,
    pub(crate) keep_for_checks: bool,
    pub(crate) began: Instant,
    /// What was at the value's places before its own was written.
    seen: Option<Option<Beside>>,
    /// The version it got there.
    written: Option<Version>,
    pub(crate) published: bool,
}

impl StagedObject {
    pub(crate) fn new(core: &Arc<Core>, ctx: &OutputContext, path: Path, receipt: Receipt) -> Self {
        Self {
            core: Arc::clone(core),
            path,
            precondition: ctx.precondition.clone(),
            retention: ctx.retention,
            input: ctx.to_input(receipt.form),
            receipt,
            body: None,
            kept: None,
            spool: None,
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
            retention: self.retention,
        };
        match &mut self.body {
            Some(Body::Small(bytes)) => {
                let put = self.core.store.put(&self.path, bytes.clone(), &written).await;
                put.map_err(conflict)
            }
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
            Some(Body::Small(bytes)) => Arc::new(InMemory {
                bytes: bytes.clone(),
                version: self.receipt.version.clone(),
            }),
            Some(Body::Large(_)) if let Some(spool) = &self.spool => spool.reader(self.receipt.version.clone())?,
            Some(Body::Large(upload)) => upload.reader().await?.ok_or_else(|| {
                let message = "this store cannot read an upload before it is published";
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
