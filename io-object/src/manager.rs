//! `ObjectIo`: locations, siblings of other formats, receipts.

use crate::error::error;
use crate::format::{EncodedObject, FORMAT_SUFFIXES, ObjectFormat, Settings, encode, of_suffix};
use crate::source::StoredBlob;
use crate::stage::{Sink, StagedObject};
use crate::store::{Reader, Store};
use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use larder_io_core::{
    Capabilities, ContentHash, Error, ErrorKind, Form, Garbage, GcOptions, InputContext, IoManager, Location, Maintenance,
    ManagerInfo, OutputContext, Precondition, Receipt, Result, Staged, Value, Version, Versions, WriteId,
};
use object_store::path::Path;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

/// An I/O manager over a [`Store`]: objects as json or msgpack, tables as parquet or arrow, blobs as they are.
#[derive(Clone)]
pub struct ObjectIo {
    core: Arc<Core>,
    info: ManagerInfo,
}

/// What the manager and its staged values share.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    /// Stems without siblings of other formats, as far as this process knows.
    alone: Mutex<HashSet<Location>>,
}

impl ObjectIo {
    /// Wraps a store.
    ///
    /// # Errors
    /// `InvalidConfig` for settings that cannot work.
    pub fn new(scheme: &str, root: &str, store: Arc<dyn Store>, settings: Settings) -> Result<Self> {
        settings.validate()?;
        let features = store.features();
        let mut capabilities = Capabilities::default();
        capabilities.atomic_publish = true;
        capabilities.preconditions = features.upload_preconditions;
        capabilities.versions = store.versions().is_some();
        capabilities.durable = features.durable;
        capabilities.persistent = features.persistent;
        capabilities.verify = true;
        let info = ManagerInfo::new(scheme, root, capabilities, Settings::forms()).with_formats(settings.formats());
        Ok(Self { core: Arc::new(Core { store, settings, alone: Mutex::default() }), info })
    }

    /// Wraps any object store with default settings, without the extras of a backend of its own.
    ///
    /// # Errors
    /// As [`ObjectIo::new`].
    pub fn plain(scheme: &str, root: &str, objects: Arc<dyn object_store::ObjectStore>) -> Result<Self> {
        Self::new(scheme, root, Arc::new(crate::PlainStore::new(objects, root)), Settings::default())
    }
}

impl fmt::Debug for ObjectIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectIo({:?}, {:?})", self.core.store, self.core.settings)
    }
}

/// The store's path of a location.
fn path(location: &Location) -> Result<Path> {
    Path::parse(location.as_str()).map_err(|cause| {
        let message = format!("the store cannot represent the location `{location}`");
        Error::new(ErrorKind::InvalidDefinition, message).with_source(cause)
    })
}

/// A stored value that was found.
struct Found {
    path: Path,
    location: Location,
    suffix: String,
    reader: Arc<dyn Reader>,
}

impl Core {
    /// The receipt of an opened value; one that larder did not write gets what the store knows.
    pub(crate) fn receipt(&self, path: &Path, reader: &dyn Reader) -> Result<Receipt> {
        let damaged = |problem: String| Error::new(ErrorKind::InvalidData, format!("the receipt of `{path}` is damaged: {problem}"));
        let json = reader.receipt().ok_or_else(|| damaged("there is none".into()))?;
        let mut receipt: Receipt = serde_json::from_str(json).map_err(|error| damaged(error.to_string()))?;
        receipt.location = path.as_ref().parse()?;
        receipt.uri = self.store.uri(path);
        receipt.version = reader.version().clone();
        Ok(receipt)
    }

    fn receipt_or_foreign(&self, ctx: &InputContext, found: &Found) -> Result<Receipt> {
        if found.reader.receipt().is_some() {
            return self.receipt(&found.path, found.reader.as_ref());
        }
        let (form, format) = of_suffix(&found.suffix);
        let mut receipt = Receipt::foreign(ctx, found.location.clone(), form, format);
        receipt.uri = self.store.uri(&found.path);
        receipt.version = found.reader.version().clone();
        receipt.write = WriteId::from_text(receipt.version.as_str());
        receipt.bytes = found.reader.size();
        receipt.stored_at = jiff::Timestamp::from_millisecond(found.reader.modified_millis()).unwrap_or_default();
        Ok(receipt)
    }

    /// The suffixes under which a value may be found: the right one first, siblings of other formats after it.
    fn suffixes(&self, ctx: &InputContext) -> (Vec<String>, Vec<String>) {
        let own = |form| self.settings.suffix(form, ctx.extension.as_deref()).to_owned();
        let right: Vec<String> = match ctx.form {
            Some(form) => vec![own(form)],
            None => [Form::Object, Form::Table, Form::Blob].into_iter().map(own).collect(),
        };
        let others = FORMAT_SUFFIXES.iter().map(|suffix| (*suffix).to_owned()).chain([own(Form::Blob)]);
        let others = others.filter(|suffix| !right.contains(suffix)).collect();
        (right, others)
    }

    async fn open(&self, ctx: &InputContext, suffix: &str, version: Option<&Version>) -> Result<Option<Found>> {
        let location = ctx.location.with_suffix(suffix)?;
        let path = path(&location)?;
        match self.store.open(&path, version).await {
            Ok(reader) => Ok(Some(Found { path, location, suffix: suffix.to_owned(), reader })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finds the published value, or the version that the context names in whatever format it was.
    async fn find(&self, ctx: &InputContext) -> Result<Option<Found>> {
        let (mut right, others) = self.suffixes(ctx);
        if ctx.version.is_some() || ctx.form.is_none() {
            right.extend(others);
        }
        for suffix in &right {
            if let Some(found) = self.open(ctx, suffix, ctx.version.as_ref()).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The error of a load that found nothing; it looks for siblings, so that a change of format is told.
    async fn missing(&self, ctx: &InputContext) -> Error {
        let stem = &ctx.location;
        if let Some(version) = &ctx.version {
            let message = format!("version `{version}` of `{stem}` is not kept; `history` lists those that are");
            return Error::new(ErrorKind::NotFound, message);
        }
        let (right, others) = self.suffixes(ctx);
        for suffix in others {
            if let Ok(Some(found)) = self.open(ctx, &suffix, None).await {
                let message = format!(
                    "there is no `{stem}.{}`, but `{}` is there, stored in another format before the asset or the manager changed; materialize the asset again, or set the format back",
                    right[0], found.location
                );
                return Error::new(ErrorKind::NotFound, message);
            }
        }
        Error::new(ErrorKind::NotFound, format!("nothing is stored at `{stem}.{}`; materialize the asset first", right.join("` or `")))
    }

    /// Turns stored bytes into a value; tables and blobs are read when they are asked for rows or bytes.
    pub(crate) async fn decode(&self, reader: Arc<dyn Reader>, suffix: &str) -> Result<Value> {
        let object = |format, bytes| Value::Object(Arc::new(EncodedObject { bytes, format }));
        match suffix {
            "json" => Ok(object(ObjectFormat::Json, reader.read(0..reader.size()).await?)),
            "msgpack" => Ok(object(ObjectFormat::Msgpack, reader.read(0..reader.size()).await?)),
            #[cfg(feature = "arrow")]
            "parquet" => Ok(Value::Table(Arc::new(crate::table::ParquetSource::open(reader).await?))),
            #[cfg(feature = "arrow")]
            "arrow" => Ok(Value::Table(Arc::new(crate::table::ArrowSource::open(reader).await?))),
            _ => Ok(Value::Blob(Arc::new(StoredBlob(reader)))),
        }
    }

    /// Compares size, and the hash if asked to.
    async fn check(&self, found: &Found, receipt: &Receipt, verify: bool) -> Result<()> {
        let damaged = |problem: String| {
            let message = format!(
                "`{}` (version {}) is damaged: {problem}; restore an old version or materialize the asset again",
                found.location, receipt.version
            );
            Err(Error::new(ErrorKind::InvalidData, message))
        };
        let known = found.reader.receipt().is_some();
        if known && receipt.bytes != found.reader.size() {
            return damaged(format!("{} bytes were stored, {} are there", receipt.bytes, found.reader.size()));
        }
        if !verify {
            return Ok(());
        }
        let Some(stored) = receipt.stored_hash else {
            return damaged("it has no receipt to verify it by: larder did not write it, or another program changed it".to_owned());
        };
        let mut hasher = blake3::Hasher::new();
        let mut chunks = found.reader.stream();
        while let Some(chunk) = chunks.try_next().await? {
            hasher.update(&chunk);
        }
        match ContentHash::from(hasher.finalize()) == stored {
            true => Ok(()),
            false => damaged("its hash is not the one of what was stored".to_owned()),
        }
    }

    /// Removes values of the same asset in other formats, which would be read by mistake after a change of settings.
    /// Called after the new value is published; failing is no reason to fail that, the next publish tries again.
    pub(crate) async fn retire_siblings(&self, location: &Location) {
        let Some((stem, own)) = location.split_suffix() else { return };
        if self.alone.lock().is_ok_and(|alone| alone.contains(&stem)) {
            return;
        }
        let mut clean = true;
        for suffix in FORMAT_SUFFIXES.iter().chain([&crate::format::BLOB_SUFFIX]).filter(|suffix| **suffix != own) {
            let Ok(sibling) = stem.with_suffix(suffix).and_then(|sibling| path(&sibling)) else { continue };
            clean &= self.delete(&sibling).await.is_ok();
        }
        if let (true, Ok(mut alone)) = (clean, self.alone.lock()) {
            alone.insert(stem);
        }
    }

    async fn delete(&self, path: &Path) -> Result<()> {
        use object_store::ObjectStoreExt;
        match self.store.objects().delete(path).await.map_err(error) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl IoManager for ObjectIo {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        let core = &self.core;
        let form = value.form();
        if form == Form::Nothing {
            return Err(Error::new(ErrorKind::Unsupported, "Nothing cannot be stored; its materialization is only recorded"));
        }
        if ctx.precondition != Precondition::None && !self.info.capabilities.preconditions {
            let message = "this store cannot publish under a precondition; store without one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let location = ctx.location.with_suffix(core.settings.suffix(form, ctx.extension.as_deref()))?;
        let path = path(&location)?;
        let mut receipt = Receipt::begin(ctx, location, form, core.settings.name(form));
        receipt.uri = core.store.uri(&path);
        let mut staged = StagedObject::new(core, ctx, path.clone(), receipt, value);
        let mut sink = Sink::new(core, path, ctx.write.clone());
        let written = match value {
            Value::Native(_) | Value::Object(_) => {
                let (bytes, digest) = encode(value, core.settings.object)?;
                staged.receipt.content_hash = Some(digest.hash);
                sink.push(bytes).await
            }
            #[cfg(feature = "arrow")]
            Value::Table(source) => match crate::table::write(source.as_ref(), &mut sink, &core.settings).await {
                Ok(written) => {
                    staged.receipt.rows = Some(written.rows);
                    staged.receipt.content_hash = written.content_hash;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Value::Blob(source) => async {
                let mut chunks = source.open().await?;
                while let Some(chunk) = chunks.try_next().await? {
                    sink.push(chunk).await?;
                }
                Ok(())
            }
            .await,
            _ => Err(Error::new(ErrorKind::Unsupported, format!("a {form} cannot be stored by this manager"))),
        };
        if let Err(error) = written {
            sink.abort().await;
            return Err(error);
        }
        let (body, bytes, hash) = sink.finish().await?;
        staged.receipt.bytes = bytes;
        staged.receipt.stored_hash = Some(hash);
        if form == Form::Blob {
            staged.receipt.content_hash = Some(hash);
        }
        staged.receipt.duration = staged.began.elapsed();
        staged.body = Some(body);
        Ok(Box::new(staged))
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        let Some(found) = self.core.find(ctx).await? else { return Err(self.core.missing(ctx).await) };
        let receipt = self.core.receipt_or_foreign(ctx, &found)?;
        self.core.check(&found, &receipt, ctx.verify || self.core.settings.verify).await?;
        self.core.decode(found.reader, &found.suffix).await
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        match self.core.find(ctx).await? {
            Some(found) => self.core.receipt_or_foreign(ctx, &found).map(Some),
            None => Ok(None),
        }
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        let (right, others) = self.core.suffixes(ctx);
        for suffix in right.iter().chain(&others) {
            self.core.delete(&path(&ctx.location.with_suffix(suffix)?)?).await?;
        }
        Ok(())
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        let (core, prefix) = (Arc::clone(&self.core), prefix.cloned());
        let listed = async move {
            let objects = core.store.objects();
            let below = prefix.as_ref().map(path).transpose()?;
            let mut paths: Vec<Path> = objects.list(below.as_ref()).map_ok(|meta| meta.location).try_collect().await.map_err(error)?;
            if let Some(prefix) = &prefix {
                // The value at the prefix itself is `prefix.suffix`, beside the directory `prefix/`.
                let parent = prefix.as_str().rsplit_once('/').map(|(parent, _)| Path::parse(parent)).transpose();
                let parent = parent.map_err(|cause| Error::new(ErrorKind::InvalidDefinition, cause.to_string()))?;
                let beside = objects.list_with_delimiter(parent.as_ref()).await.map_err(error)?;
                paths.extend(beside.objects.into_iter().map(|meta| meta.location));
            }
            let stems = paths.iter().filter_map(|path| path.as_ref().parse::<Location>().ok()?.split_suffix().map(|(stem, _)| stem));
            let stems: HashSet<Location> = stems.filter(|stem| prefix.as_ref().is_none_or(|prefix| stem.is_within(prefix))).collect();
            Ok::<_, Error>(stream::iter(stems.into_iter().map(Ok)))
        };
        stream::once(listed).try_flatten().boxed()
    }

    fn versions(&self) -> Option<&dyn Versions> {
        self.core.store.versions().is_some().then_some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }
}

#[async_trait]
impl Versions for ObjectIo {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        let (right, others) = self.core.suffixes(ctx);
        let mut receipts: Vec<Receipt> = Vec::new();
        for suffix in right.iter().chain(&others) {
            let location = ctx.location.with_suffix(suffix)?;
            let at = path(&location)?;
            let kept = match self.core.store.versions() {
                Some(versions) => versions.kept(&at).await?,
                None => Vec::new(),
            };
            for version in std::iter::once(None).chain(kept.iter().map(Some)) {
                // A version that went away since it was listed is not history any more.
                let Some(found) = self.core.open(ctx, suffix, version).await? else { continue };
                let receipt = self.core.receipt_or_foreign(ctx, &found)?;
                if !receipts.iter().any(|known| known.version == receipt.version) {
                    receipts.push(receipt);
                }
            }
        }
        receipts.sort_by(|a, b| b.stored_at.cmp(&a.stored_at).then_with(|| b.version.cmp(&a.version)));
        Ok(receipts)
    }

    async fn restore(&self, ctx: &InputContext, version: &Version) -> Result<Receipt> {
        let versions = self.core.store.versions().ok_or_else(|| Error::new(ErrorKind::Unsupported, "this store keeps no old versions"))?;
        let ctx = ctx.clone().with_version(version.clone());
        let Some(found) = self.core.find(&ctx).await? else { return Err(self.core.missing(&ctx).await) };
        versions.restore(&found.path, version).await?;
        if let Ok(mut alone) = self.core.alone.lock() {
            alone.remove(&ctx.location);
        }
        self.core.retire_siblings(&found.location).await;
        self.core.receipt_or_foreign(&ctx, &found)
    }
}

#[async_trait]
impl Maintenance for ObjectIo {
    async fn gc(&self, options: &GcOptions) -> Result<Vec<Garbage>> {
        self.core.store.gc(options).await
    }
}
