//! A complete I/O manager of one's own: objects as JSON text, in this process. `memory` hands back the very value that
//! was stored; a shelf shows what storage makes of it: what a type reads back, and what JSON would lose.

use futures_util::stream::{self, BoxStream, StreamExt};
use larder_io_core::*;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc, sync::Mutex, sync::PoisonError};

/// Keeps objects as JSON text. Cloning gives another handle to the same shelf.
#[derive(Clone, Debug)]
pub struct ShelfIo {
    info: ManagerInfo,
    config: ShelfConfig,
    entries: Arc<Mutex<BTreeMap<Location, (Receipt, Value)>>>,
}

/// Settings of a shelf; as a URL, `shelf:?largest=1000000`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShelfConfig {
    /// Bytes of JSON that a value may have at most. Default no limit.
    pub largest: Option<usize>,
}

/// Handed over as a backend, a shelf is what the URL `shelf:` means.
impl Backend for ShelfIo {
    fn scheme(&self) -> &'static str {
        "shelf"
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        if !url.address().is_empty() {
            return Err(Error::new(ErrorKind::InvalidConfig, "a shelf has no address: write `shelf:`"));
        }
        let config = url.settings([("largest", ["SHELF_LARGEST"].as_slice())])?;
        Ok(Arc::new(Self { config, ..self.clone() }))
    }
}

impl ShelfIo {
    /// Makes an empty shelf, which claims what it can do and nothing else.
    pub fn empty() -> Self {
        let mut claims = Capabilities::default();
        (claims.atomic_publish, claims.preconditions) = (true, true);
        let info = ManagerInfo::new("shelf", "", claims, Forms::of([Form::Object]));
        let info = info.with_formats(vec![("object", "json".to_owned())]);
        Self { info, config: ShelfConfig::default(), entries: Arc::default() }
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
        let refuse = |why: &str| Error::new(ErrorKind::Unsupported, format!("a shelf cannot keep this: {why}"));
        let (Value::Native(_) | Value::Object(_)) = value else { return Err(refuse("it takes objects only")) };
        let digest = hash::digest_object(value)?;
        if digest.losses.non_finite || digest.losses.nested_null || digest.losses.depth > 120 {
            return Err(refuse("JSON would lose a NaN, an infinity, `Some(None)` or what nests deeper than 120"));
        }
        let json = serde_json::to_vec(&object::AsObject(value)).map_err(|error| refuse(&error.to_string()))?;
        if let Some(largest) = self.config.largest.filter(|largest| json.len() > *largest) {
            return Err(refuse(&format!("it has {} bytes as JSON, and `largest` is {largest}", json.len())));
        }
        let mut receipt = Receipt::begin(ctx, ctx.location.clone(), Form::Object, "json");
        receipt.uri = format!("shelf:{}", ctx.location);
        receipt.bytes = json.len() as u64;
        receipt.content_hash = Some(digest.hash);
        let value = Some(Value::Object(Arc::new(Json(json))));
        Ok(Box::new(Draft { shelf: self.clone(), ctx: ctx.clone(), receipt, value }))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        match (self.find(ctx), ctx.form.unwrap_or(Form::Object)) {
            (Some((_, value)), Form::Object) => Ok(value),
            (Some((_, value)), other) => Err(value.mismatch(&format!("a {other}"))),
            (None, _) => Err(Error::new(ErrorKind::NotFound, format!("the shelf has no `{}`", ctx.location))),
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
        // A write is one version, named by its id: so a second attempt knows what the first one did.
        let version = Version::from_text(self.receipt.write.as_str());
        let mut entries = self.shelf.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.get(&self.ctx.location).map(|(receipt, _)| &receipt.version);
        let landed = self.receipt.version == version || found == Some(&version);
        match (&self.ctx.precondition, found) {
            _ if landed => {}
            _ if self.value.is_none() => return Err(Error::new(ErrorKind::Unsupported, "the value was discarded")),
            (Precondition::None, _) | (Precondition::Absent, None) => {}
            (Precondition::Unchanged(wanted), Some(found)) if wanted == found => {}
            _ => return Err(Error::new(ErrorKind::Conflict, "somebody else changed the value; decide anew")),
        }
        self.receipt.version = version;
        if let Some(value) = self.value.clone().filter(|_| !landed) {
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

impl object::ObjectSource for Json {
    fn with_deserializer(&self, visit: &mut object::Visit<'_>) -> Result<()> {
        let mut json = serde_json::Deserializer::from_slice(&self.0);
        let read = visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json));
        read.map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))
    }

    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }
}
