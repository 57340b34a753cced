//! A complete I/O manager of one's own: objects as JSON text, in this process. `memory` hands back the very value that
//! was stored; a shelf shows what storage makes of it: what a type reads back, and what JSON would lose.

use futures_util::stream::{self, BoxStream, StreamExt};
use larder_io_core::object::{AsObject, ObjectSource, Visit};
use larder_io_core::{
    Backend, Capabilities, Error, ErrorKind, Form, Forms, InputContext, IoManager, Location, ManagerInfo, ManagerUrl,
    OutputContext, Precondition, Receipt, Result, Staged, Value, Version, async_trait, hash::digest_object,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The backend of the scheme `shelf`, for `Definitions::backend`.
#[derive(Debug)]
pub struct ShelfBackend;

impl Backend for ShelfBackend {
    fn scheme(&self) -> &'static str {
        "shelf"
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        match (url.address(), url.query()) {
            ("", "") => Ok(Arc::new(ShelfIo::open())),
            _ => Err(Error::new(ErrorKind::InvalidConfig, "a shelf has no address and no settings: write `shelf:`")),
        }
    }
}

/// Keeps objects as JSON text. Cloning gives another handle to the same shelf.
#[derive(Clone, Debug)]
pub struct ShelfIo {
    info: ManagerInfo,
    entries: Arc<Mutex<BTreeMap<Location, (Receipt, Value)>>>,
}

impl ShelfIo {
    /// Opens an empty shelf. It claims what it does, and nothing else.
    pub fn open() -> Self {
        let mut claims = Capabilities::default();
        (claims.atomic_publish, claims.preconditions) = (true, true);
        let info = ManagerInfo::new("shelf", "", claims, Forms::of([Form::Object]));
        Self { info: info.with_formats(vec![("object", "json".to_owned())]), entries: Arc::default() }
    }

    /// What is published; an old version is never found.
    fn find(&self, ctx: &InputContext) -> Option<(Receipt, Value)> {
        let found = self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(&ctx.location).cloned();
        found.filter(|(receipt, _)| ctx.version.as_ref().is_none_or(|version| *version == receipt.version))
    }
}

#[async_trait]
impl IoManager for ShelfIo {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        let refuse = |why: String| Error::new(ErrorKind::Unsupported, format!("a shelf cannot keep this: {why}"));
        if value.form() != Form::Object {
            return Err(refuse(format!("it takes objects, not a {}", value.form())));
        }
        let digest = digest_object(value)?;
        if digest.losses.non_finite || digest.losses.nested_null || digest.losses.depth > 120 {
            return Err(refuse("JSON would lose a NaN, an infinity, `Some(None)` or very deep nesting".to_owned()));
        }
        let json = serde_json::to_vec(&AsObject(value)).map_err(|error| refuse(error.to_string()))?;
        let mut receipt = Receipt::begin(ctx, ctx.location.clone(), Form::Object, "json");
        receipt.uri = format!("shelf:{}", ctx.location);
        receipt.bytes = json.len() as u64;
        receipt.content_hash = Some(digest.hash);
        let value = Some(Value::Object(Arc::new(Json(json))));
        Ok(Box::new(Draft { shelf: self.clone(), ctx: ctx.clone(), receipt, value }))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        let missing = || format!("nothing is on the shelf at `{}`; materialize the asset first", ctx.location);
        match (self.find(ctx), ctx.form.unwrap_or(Form::Object)) {
            (None, _) => Err(Error::new(ErrorKind::NotFound, missing())),
            (Some((_, value)), Form::Object) => Ok(value),
            (Some((_, value)), other) => Err(value.mismatch(other.name())),
        }
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        Ok(self.find(ctx).map(|(receipt, _)| receipt))
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(&ctx.location);
        Ok(())
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let below = entries.keys().filter(|stem| prefix.is_none_or(|prefix| stem.is_within(prefix)));
        stream::iter(below.cloned().map(Ok).collect::<Vec<_>>()).boxed()
    }
}

/// A value that is encoded but not on the shelf. Dropping it leaves nothing behind.
struct Draft {
    shelf: ShelfIo,
    ctx: OutputContext,
    receipt: Receipt,
    value: Option<Value>,
}

#[async_trait]
impl Staged for Draft {
    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    async fn load(&self) -> Result<Value> {
        let kept = self.value.clone().filter(|_| self.ctx.keep_for_checks);
        kept.ok_or_else(|| Error::new(ErrorKind::Unsupported, "the value was not kept for checks"))
    }

    async fn publish(&mut self) -> Result<Receipt> {
        let discarded = || Error::new(ErrorKind::Unsupported, "the value was discarded; store it again");
        let value = self.value.clone().ok_or_else(discarded)?;
        // A write is one version, named by its id: so a second attempt knows what the first one did.
        let version = Version::from_text(self.receipt.write.as_str());
        let mut entries = self.shelf.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.get(&self.ctx.location).map(|(receipt, _)| &receipt.version);
        let landed = self.receipt.version == version || found == Some(&version);
        match (&self.ctx.precondition, found) {
            _ if landed => {}
            (Precondition::None, _) | (Precondition::Absent, None) => {}
            (Precondition::Unchanged(wanted), Some(found)) if wanted == found => {}
            _ => {
                return Err(Error::new(ErrorKind::Conflict, "the value on the shelf is not the expected one any more"));
            }
        }
        self.receipt.version = version;
        if !landed {
            entries.insert(self.ctx.location.clone(), (self.receipt.clone(), value));
        }
        Ok(self.receipt.clone())
    }

    async fn discard(&mut self) -> Result<()> {
        self.value = None;
        Ok(())
    }
}

/// Text that is read into whatever type is asked for.
struct Json(Vec<u8>);

impl ObjectSource for Json {
    fn with_deserializer(&self, visit: &mut Visit<'_>) -> Result<()> {
        let mut json = serde_json::Deserializer::from_slice(&self.0);
        let read = visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json));
        read.map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))
    }

    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }
}
