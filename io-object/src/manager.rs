//! `ObjectIo`: locations, siblings of other formats, receipts.

use crate::core::{Core, path, suffixed};
use crate::error::error;
use crate::format::{BARE, BLOB_SUFFIX, ObjectFormat, Settings, encode, of_suffix};
use crate::sink::Sink;
use crate::stage::StagedObject;
use crate::store::{Purpose, Store};
use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use larder_io_core::{
    Capabilities, Effect, Error, ErrorKind, Form, FormatChoice, InputContext, IoManager, Location, Maintenance,
    ManagerInfo, Naming, Original, OutputContext, Precondition, Receipt, Result, Staged, Value, Versions,
};
use object_store::path::Path;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Times a value that came in one request is asked for before it counts as damaged.
const READ_ATTEMPTS: u32 = 8;

/// Waits before a value is asked for again: 2 ms, then twice as long each time, half a second in all, in which a server
/// ends what it is in the middle of.
async fn pause(attempt: u32) {
    #[cfg(feature = "http")]
    tokio::time::sleep(std::time::Duration::from_millis(1 << attempt)).await;
    #[cfg(not(feature = "http"))]
    let _ = attempt;
}

/// An I/O manager over a [`Store`]: objects as json, msgpack or pickle, tables as parquet, arrow, csv, ndjson or
/// Avro, blobs as they are.
#[derive(Clone)]
pub struct ObjectIo {
    pub(crate) core: Arc<Core>,
    info: ManagerInfo,
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
        // Several places of one value are compared and changed in one step only where the store holds the others off.
        capabilities.preconditions = features.upload_preconditions && (features.holds || !settings.several());
        capabilities.versions = store.versions().is_some();
        capabilities.durable = features.durable;
        capabilities.persistent = features.persistent;
        capabilities.verify = true;
        let info = ManagerInfo::new(scheme, root, capabilities, Settings::forms())
            .with_formats(settings.formats())
            .with_remote(features.remote);
        Ok(Self {
            core: Arc::new(Core::new(store, settings)),
            info,
        })
    }

    /// Wraps any object store with default settings, without the extras of a backend of its own.
    ///
    /// # Errors
    /// As [`ObjectIo::new`].
    pub fn plain(scheme: &str, root: &str, objects: Arc<dyn object_store::ObjectStore>) -> Result<Self> {
        Self::new(
            scheme,
            root,
            Arc::new(crate::BucketStore::new(objects, root)),
            Settings::default(),
        )
    }
}

/// The beginning of a store: the value under its receipt, and where its bytes go.
fn begin(
    core: &Arc<Core>,
    ctx: &OutputContext,
    value: &Value,
    form: Form,
    suffix: &str,
    format: &str,
) -> Result<(StagedObject, Sink)> {
    let location = suffixed(&ctx.location, suffix)?;
    let path = path(&location)?;
    let mut receipt = Receipt::begin(ctx, location, form, format);
    receipt.uri = core.store.uri(&path);
    let mut staged = StagedObject::new(core, ctx, path.clone(), receipt);
    staged.kept = (ctx.keep_for_checks && value.replayable()).then(|| value.clone());
    let sink = Sink::new(core, path, ctx.write.clone());
    if !ctx.keep_for_checks || value.replayable() || core.store.features().reads_uploads {
        return Ok((staged, sink));
    }
    let (sink, spool) = sink.keeping()?;
    staged.spool = Some(spool);
    Ok((staged, sink))
}

/// Stages a sequence of structs as a table, when the settings ask for it and all of it comes back.
#[cfg(feature = "arrow")]
async fn stage_rows(core: &Arc<Core>, ctx: &OutputContext, value: &Value) -> Result<Option<Box<dyn Staged>>> {
    let Some(least) = core.settings.least_rows().filter(|_| ctx.naming != Naming::Bare) else {
        return Ok(None);
    };
    if value.form() != Form::Object {
        return Ok(None);
    }
    let Some(rows) = crate::records::as_rows(value, least).await else {
        return Ok(None);
    };
    let format = core.next_table(&ctx.to_input(Form::Object)).await?.0.name();
    let (mut staged, mut sink) = begin(core, ctx, value, Form::Object, format, format)?;
    let settings = core.settings.clone().with_table(format);
    let written = match crate::table::write(&rows, &mut sink, &settings).await {
        Ok(written) if !rows.complete(written.rows) => Err(Error::new(
            ErrorKind::Unexpected,
            "rows of an object were lost on their way into a table",
        )),
        other => other,
    };
    match written {
        Ok(written) => {
            staged.receipt.rows = Some(written.rows);
            staged.receipt.content_hash = Some(rows.digest.hash);
            staged.receipt.schema = written.schema;
            finish(staged, sink).await.map(Some)
        }
        // What a table cannot keep is an object again.
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            sink.abort().await;
            Ok(None)
        }
        Err(error) => {
            sink.abort().await;
            Err(error)
        }
    }
}

/// The end of a store, before anybody sees the value.
async fn finish(mut staged: StagedObject, sink: Sink) -> Result<Box<dyn Staged>> {
    let (body, bytes, hash) = sink.finish().await?;
    staged.receipt.bytes = bytes;
    staged.receipt.stored_hash = Some(hash);
    if staged.receipt.form == Form::Blob {
        staged.receipt.content_hash = Some(hash);
    }
    staged.receipt.duration = staged.began.elapsed();
    staged.body = Some(body);
    Ok(Box::new(staged))
}

impl fmt::Debug for ObjectIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectIo({:?}, {:?})", self.core.store, self.core.settings)
    }
}

/// Listing changes nothing, also where a page could not be understood.
fn unlisted(failed: object_store::Error) -> Error {
    error(failed).with_effect(Effect::None)
}

#[async_trait]
impl IoManager for ObjectIo {
    fn info(&self) -> &ManagerInfo {
        &self.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        let core = &self.core.counted(ctx.usage.as_ref());
        let form = value.form();
        if form == Form::Nothing {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "Nothing cannot be stored; its materialization is only recorded",
            ));
        }
        if ctx.precondition != Precondition::None && !self.info.capabilities.preconditions {
            let message = "this store cannot publish under a precondition; store without one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        #[cfg(feature = "arrow")]
        if let Some(staged) = stage_rows(core, ctx, value).await? {
            return Ok(staged);
        }
        let bare = ctx.naming == Naming::Bare && form == Form::Object;
        let (object, suffix, format) = match (bare, form) {
            (true, _) => (ObjectFormat::Pickle, BARE.to_owned(), "pickle"),
            (false, Form::Blob) => {
                let suffix = ctx.extension.as_deref().unwrap_or(BLOB_SUFFIX);
                (core.settings.object, suffix.to_owned(), core.settings.name(form))
            }
            (false, Form::Table) => {
                let format = core.next_table(&ctx.to_input(form)).await?.0.name();
                (core.settings.object, format.to_owned(), format)
            }
            (false, _) => {
                let format = core.settings.name(form);
                (core.settings.object, format.to_owned(), format)
            }
        };
        let (mut staged, mut sink) = begin(core, ctx, value, form, &suffix, format)?;
        let written = match value {
            Value::Native(_) | Value::Object(_) => {
                let (bytes, digest) = encode(value, object)?;
                staged.receipt.content_hash = Some(digest.hash);
                sink.push(bytes).await
            }
            #[cfg(feature = "arrow")]
            Value::Table(source) => {
                let settings = core.settings.clone().with_table(format);
                match crate::table::write(source.as_ref(), &mut sink, &settings).await {
                    Ok(written) => {
                        staged.receipt.rows = Some(written.rows);
                        staged.receipt.content_hash = written.content_hash;
                        staged.receipt.schema = written.schema;
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
            Value::Blob(source) => {
                async {
                    let mut chunks = source.open().await?;
                    while let Some(chunk) = chunks.try_next().await? {
                        sink.push(chunk).await?;
                    }
                    Ok(())
                }
                .await
            }
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                format!("a {form} cannot be stored by this manager"),
            )),
        };
        if let Err(error) = written {
            sink.abort().await;
            return Err(error);
        }
        finish(staged, sink).await
    }

    async fn stage_copy(&self, ctx: &OutputContext, original: &Original<'_>) -> Result<Option<Box<dyn Staged>>> {
        crate::copy::stage(&self.core.counted(ctx.usage.as_ref()), ctx, original).await
    }

    async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
        let core = self.core.counted(ctx.usage.as_ref());
        let mut attempt = 1;
        loop {
            let Some(found) = core.find(ctx, Purpose::Value).await? else {
                return Err(core.missing(ctx).await);
            };
            let receipt = core.receipt_or_foreign(ctx, &found)?;
            let asked = ctx.verify || core.settings.verify;
            // What is in memory is verified for nothing, beside the time of the request that brought it.
            let free = found.reader.held() && receipt.stored_hash.is_some();
            match core.check(&found, &receipt, asked || free).await {
                Ok(()) => {
                    let suffix = core.format_suffix(ctx, &found.suffix, &receipt).to_owned();
                    let value = core.decode(found.reader, &suffix, &receipt).await?;
                    if ctx.version.is_none() && of_suffix(&suffix).0 == Form::Table {
                        core.count_load(ctx).await;
                    }
                    return Ok(value);
                }
                // The bytes of one version under the headers of another: servers that are not atomic answer so while
                // the value is replaced.
                Err(_) if free && attempt < READ_ATTEMPTS => {
                    pause(attempt).await;
                    attempt += 1;
                }
                Err(damaged) => return Err(damaged),
            }
        }
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        let core = self.core.counted(ctx.usage.as_ref());
        match core.find(ctx, Purpose::Receipt).await? {
            Some(found) => core.receipt_or_foreign(ctx, &found).map(Some),
            None => Ok(None),
        }
    }

    async fn delete(&self, ctx: &InputContext) -> Result<()> {
        let core = self.core.counted(ctx.usage.as_ref());
        let _held = core.hold(ctx).await?;
        let (right, others) = core.suffixes(ctx);
        // Nothing was ever stored under a name that is too long with its suffix.
        let at = |suffix: &String| {
            suffixed(&ctx.location, suffix)
                .and_then(|location| path(&location))
                .ok()
        };
        for path in others.iter().filter_map(at) {
            core.delete_own(&ctx.asset, &path).await?;
        }
        // What counts goes last: until then it is what loads give, and a call that fails brings nothing older back.
        for suffix in right.iter().rev() {
            let Some(path) = at(suffix) else { continue };
            // A table is no object: a file of somebody else beside ours is theirs.
            match ctx.form == Some(Form::Object) && of_suffix(suffix).0 == Form::Table {
                true => core.delete_rows(&ctx.asset, &path).await?,
                false => core.delete(&path).await?,
            }
        }
        core.reset_loads(ctx).await;
        Ok(())
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        let (core, prefix) = (Arc::clone(&self.core), prefix.cloned());
        let listed = async move {
            let objects = core.store.objects();
            let below = prefix.as_ref().map(path).transpose()?;
            let mut paths: Vec<Path> = objects
                .list(below.as_ref())
                .map_ok(|meta| meta.location)
                .try_collect()
                .await
                .map_err(unlisted)?;
            if let Some(prefix) = &prefix {
                // The value at the prefix itself is `prefix.suffix`, beside the directory `prefix/`.
                let parent = prefix
                    .as_str()
                    .rsplit_once('/')
                    .map(|(parent, _)| Path::parse(parent))
                    .transpose();
                let parent = parent.map_err(|cause| Error::new(ErrorKind::InvalidDefinition, cause.to_string()))?;
                let beside = objects.list_with_delimiter(parent.as_ref()).await.map_err(unlisted)?;
                paths.extend(beside.objects.into_iter().map(|meta| meta.location));
            }
            let stems = paths.iter().filter_map(|path| {
                let location = path.as_ref().parse::<Location>().ok()?;
                // Without a suffix it is an object that a layout has a bare name for.
                let stem = location.split_suffix().map(|(stem, _)| stem);
                Some(stem.unwrap_or(location))
            });
            let stems: HashSet<Location> = stems
                .filter(|stem| prefix.as_ref().is_none_or(|prefix| stem.is_within(prefix)))
                .collect();
            Ok::<_, Error>(stream::iter(stems.into_iter().map(Ok)))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn next_format(&self, ctx: &InputContext) -> Result<Option<FormatChoice>> {
        let settings = &self.core.settings;
        let tables = self.core.next_table(ctx).await?;
        Ok(match (ctx.form, tables, settings.least_rows()) {
            (Some(Form::Table), (format, Some(because)), _) => Some(FormatChoice::new(format.name(), because)),
            (Some(Form::Object), (format, because), Some(rows)) if ctx.naming != Naming::Bare => {
                let because = because.map(|because| format!(" ({because})")).unwrap_or_default();
                let because = format!(
                    "a sequence of {rows} structs or more is stored as {}{because}",
                    format.name()
                );
                Some(FormatChoice::new(settings.name(Form::Object), because))
            }
            _ => None,
        })
    }

    fn versions(&self) -> Option<&dyn Versions> {
        self.core.store.versions().is_some().then_some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }
}
