//! What the manager and its staged values share: finding values, checking them, retiring siblings.

use crate::error::error;
use crate::format::{BARE, BLOB_SUFFIX, EncodedObject, FORMAT_SUFFIXES, ObjectFormat, Settings, of_suffix};
use crate::source::StoredBlob;
use crate::store::{Purpose, Reader, Store};
use futures_util::future::join_all;
use futures_util::stream::TryStreamExt;
use larder_io_core::{
    AssetKey, ContentHash, Error, ErrorKind, Form, InputContext, Location, Naming, Receipt, Result, Usage, Value,
    Version, WriteId,
};
use object_store::path::Path;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// What the manager and its staged values share.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    /// Stems without siblings of other formats, as far as this process knows.
    alone: Arc<Mutex<HashSet<Location>>>,
    /// Where what it takes is counted, if anybody asks.
    pub(crate) usage: Option<Arc<Usage>>,
}

/// The store's path of a location.
pub(crate) fn path(location: &Location) -> Result<Path> {
    Path::parse(location.as_str()).map_err(|cause| {
        let message = format!("the store cannot represent the location `{location}`");
        Error::new(ErrorKind::InvalidDefinition, message).with_source(cause)
    })
}

/// A location with a suffix, or as it is for [`BARE`].
pub(crate) fn suffixed(stem: &Location, suffix: &str) -> Result<Location> {
    match suffix {
        BARE => Ok(stem.clone()),
        suffix => stem.with_suffix(suffix),
    }
}

/// A location with a suffix, for messages.
pub(crate) fn named(stem: &Location, suffix: &str) -> String {
    match suffix {
        BARE => stem.to_string(),
        suffix => format!("{stem}.{suffix}"),
    }
}

/// The error of a file that holds the value in another form than the asset has now.
pub(crate) fn another_form(found: &Found, asked: Form) -> Error {
    let message = match asked {
        Form::Table => format!(
            "`{}` holds the rows of an object; take it as a `Vec` of structs, or let the asset return a `Table` and materialize it again",
            found.location
        ),
        other => format!(
            "`{}` is there, but it is no {other}: it was stored before the asset changed; materialize the asset again",
            found.location
        ),
    };
    Error::new(ErrorKind::NotFound, message)
}

/// A stored value that was found.
pub(crate) struct Found {
    pub(crate) path: Path,
    pub(crate) location: Location,
    pub(crate) suffix: String,
    pub(crate) reader: Arc<dyn Reader>,
}

impl Core {
    pub(crate) fn new(store: Arc<dyn Store>, settings: Settings) -> Self {
        Self {
            store,
            settings,
            alone: Arc::default(),
            usage: None,
        }
    }

    /// The same, counting what one value takes, if anybody asks.
    pub(crate) fn counted(self: &Arc<Self>, usage: Option<&Arc<Usage>>) -> Arc<Self> {
        match usage {
            None => Arc::clone(self),
            Some(usage) => {
                let store = self.store.counted(usage);
                Arc::new(self.with_store(store.unwrap_or_else(|| Arc::clone(&self.store)), usage))
            }
        }
    }

    pub(crate) fn with_store(&self, store: Arc<dyn Store>, usage: &Arc<Usage>) -> Self {
        Self {
            store,
            settings: self.settings.clone(),
            alone: Arc::clone(&self.alone),
            usage: Some(Arc::clone(usage)),
        }
    }

    /// Forgets that a stem has no siblings, after something else than a publish put a value there.
    pub(crate) fn forget(&self, stem: &Location) {
        if let Ok(mut alone) = self.alone.lock() {
            alone.remove(stem);
        }
    }

    /// The receipt of an opened value; one that larder did not write gets what the store knows.
    pub(crate) fn receipt(&self, path: &Path, reader: &dyn Reader) -> Result<Receipt> {
        let damaged = |problem: String| {
            Error::new(
                ErrorKind::InvalidData,
                format!("the receipt of `{path}` is damaged: {problem}"),
            )
        };
        let json = reader.receipt().ok_or_else(|| damaged("there is none".into()))?;
        let mut receipt: Receipt = serde_json::from_str(json).map_err(|error| damaged(error.to_string()))?;
        receipt.location = path.as_ref().parse()?;
        receipt.uri = self.store.uri(path);
        receipt.version = reader.version().clone();
        Ok(receipt)
    }

    pub(crate) fn receipt_or_foreign(&self, ctx: &InputContext, found: &Found) -> Result<Receipt> {
        if found.reader.receipt().is_some() {
            return self.receipt(&found.path, found.reader.as_ref());
        }
        let (form, format) = match ctx.form {
            Some(Form::Blob) => (Form::Blob, "raw"),
            _ => of_suffix(&found.suffix),
        };
        let mut receipt = Receipt::foreign(ctx, found.location.clone(), form, format);
        receipt.uri = self.store.uri(&found.path);
        receipt.version = found.reader.version().clone();
        receipt.write = WriteId::from_text(receipt.version.as_str());
        receipt.bytes = found.reader.size();
        receipt.stored_at = jiff::Timestamp::from_millisecond(found.reader.modified_millis()).unwrap_or_default();
        Ok(receipt)
    }

    /// The suffixes under which a value may be found: the right ones first, siblings of other formats after them. Where
    /// a value is at several of the right ones, the first counts.
    pub(crate) fn suffixes(&self, ctx: &InputContext) -> (Vec<String>, Vec<String>) {
        let bare = ctx.naming == Naming::Bare;
        let of = |form| self.settings.suffixes(form, bare, ctx.extension.as_deref());
        let mut right: Vec<String> = Vec::new();
        let forms = ctx
            .form
            .map_or(vec![Form::Object, Form::Table, Form::Blob], |form| vec![form]);
        for suffix in forms.into_iter().flat_map(of) {
            if !right.contains(&suffix) {
                right.push(suffix);
            }
        }
        let others = FORMAT_SUFFIXES
            .iter()
            .map(|suffix| (*suffix).to_owned())
            .chain(of(Form::Blob))
            .chain(bare.then(|| BARE.to_owned()));
        let others = others.filter(|suffix| !right.contains(suffix)).collect();
        (right, others)
    }

    /// Whether what stands at a suffix is of the form that is asked for: rows of an object are no table, though their file is
    /// one, and a table is no object.
    pub(crate) fn counts(&self, ctx: &InputContext, found: &Found) -> Result<bool> {
        if of_suffix(&found.suffix).0 != Form::Table {
            return Ok(true);
        }
        let stored = || match found.reader.receipt() {
            Some(_) => self
                .receipt(&found.path, found.reader.as_ref())
                .map(|receipt| receipt.form),
            None => Ok(Form::Table),
        };
        match ctx.form {
            Some(Form::Object) => Ok(stored()? == Form::Object),
            Some(Form::Table) => Ok(stored()? != Form::Object),
            _ => Ok(true),
        }
    }

    pub(crate) async fn open(
        &self,
        ctx: &InputContext,
        suffix: &str,
        version: Option<&Version>,
        purpose: Purpose,
    ) -> Result<Option<Found>> {
        // Nothing was ever stored under a name that is too long with this suffix.
        let Ok(location) = suffixed(&ctx.location, suffix) else {
            return Ok(None);
        };
        let path = path(&location)?;
        let purpose = match (purpose, suffix) {
            (Purpose::Value, "parquet") => Purpose::Footer,
            (other, _) => other,
        };
        match self.store.open(&path, version, purpose).await {
            Ok(reader) => Ok(Some(Found {
                path,
                location,
                suffix: suffix.to_owned(),
                reader,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The suffix by which bytes are decoded: a blob is one also where its extension is that of a format.
    pub(crate) fn format_suffix<'a>(&self, ctx: &InputContext, suffix: &'a str, receipt: &Receipt) -> &'a str {
        let blob = match ctx.form {
            Some(Form::Blob) => suffix == ctx.extension.as_deref().unwrap_or(BLOB_SUFFIX),
            Some(_) => false,
            None => receipt.form == Form::Blob,
        };
        if blob { BLOB_SUFFIX } else { suffix }
    }

    /// Turns stored bytes into a value; tables and blobs are read when they are asked for rows or bytes.
    /// The receipt tells of a table what its format does not.
    pub(crate) async fn decode(&self, reader: Arc<dyn Reader>, suffix: &str, receipt: &Receipt) -> Result<Value> {
        #[cfg(not(feature = "arrow"))]
        let _ = receipt;
        let object = |format, bytes| Value::Object(Arc::new(EncodedObject { bytes, format }));
        #[cfg(feature = "arrow")]
        if receipt.form == Form::Object && of_suffix(suffix).0 == Form::Table {
            return self.rows(reader, suffix, receipt).await;
        }
        match suffix {
            "json" => Ok(object(ObjectFormat::Json, reader.read(0..reader.size()).await?)),
            "msgpack" => Ok(object(ObjectFormat::Msgpack, reader.read(0..reader.size()).await?)),
            "pickle" | BARE => Ok(object(ObjectFormat::Pickle, reader.read(0..reader.size()).await?)),
            #[cfg(feature = "arrow")]
            "parquet" => Ok(Value::Table(Arc::new(
                crate::table::ParquetSource::open(reader)
                    .await?
                    .counted(self.usage.as_ref()),
            ))),
            #[cfg(feature = "arrow")]
            "arrow" => Ok(Value::Table(Arc::new(crate::table::ArrowSource::open(reader).await?))),
            #[cfg(feature = "arrow")]
            other => match crate::table::RowFormat::of(other) {
                Some(format) => {
                    let source =
                        crate::table::RowSource::open(reader, format, receipt.schema.as_deref(), receipt.rows).await?;
                    Ok(Value::Table(Arc::new(source)))
                }
                None => Ok(Value::Blob(Arc::new(StoredBlob(reader)))),
            },
            #[cfg(not(feature = "arrow"))]
            _ => Ok(Value::Blob(Arc::new(StoredBlob(reader)))),
        }
    }

    /// Turns the rows of an object back into it.
    #[cfg(feature = "arrow")]
    async fn rows(&self, reader: Arc<dyn Reader>, suffix: &str, receipt: &Receipt) -> Result<Value> {
        use crate::records::StoredRows;
        use crate::table::{ArrowSource, RowFormat, RowSource};
        let bytes = reader.size();
        let rows = match RowFormat::of(suffix) {
            Some(format) => {
                let source = RowSource::open(reader, format, receipt.schema.as_deref(), receipt.rows).await?;
                StoredRows::batches(bytes, &source, receipt.rows).await?
            }
            None if suffix == "arrow" => {
                StoredRows::batches(bytes, &ArrowSource::open(reader).await?, receipt.rows).await?
            }
            None => StoredRows::parquet(reader.as_ref(), receipt.rows).await?,
        };
        Ok(Value::Object(Arc::new(rows)))
    }

    /// Compares size, and the hash if asked to.
    pub(crate) async fn check(&self, found: &Found, receipt: &Receipt, verify: bool) -> Result<()> {
        let damaged = |problem: String| {
            let message = format!(
                "`{}` (version {}) is damaged: {problem}; restore an old version or materialize the asset again",
                found.location, receipt.version
            );
            Err(Error::new(ErrorKind::InvalidData, message))
        };
        let known = found.reader.receipt().is_some();
        if known && receipt.bytes != found.reader.size() {
            return damaged(format!(
                "{} bytes were stored, {} are there",
                receipt.bytes,
                found.reader.size()
            ));
        }
        if !verify {
            return Ok(());
        }
        let Some(stored) = receipt.stored_hash else {
            return damaged(
                "it has no receipt to verify it by: larder did not write it, or another program changed it".to_owned(),
            );
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

    /// Removes values of the same asset in formats that its own form does not have, which would be read by mistake after a
    /// change of settings. Called after the new value is published; failing is no reason to fail that, the next publish
    /// tries again.
    pub(crate) async fn retire_siblings(&self, ctx: &InputContext, own: &Path) {
        let stem = &ctx.location;
        if self.alone.lock().is_ok_and(|alone| alone.contains(stem)) {
            return;
        }
        let (right, _) = self.suffixes(ctx);
        let bare = (ctx.naming == Naming::Bare).then_some(&BARE);
        let siblings = FORMAT_SUFFIXES
            .iter()
            .chain([&BLOB_SUFFIX])
            .chain(bare)
            .filter(|suffix| !right.iter().any(|right| right == *suffix))
            .filter_map(|suffix| suffixed(stem, suffix).and_then(|sibling| path(&sibling)).ok())
            .filter(|sibling| sibling != own);
        let retired = siblings.map(|sibling| async move { self.delete_own(&ctx.asset, &sibling).await.is_ok() });
        let clean = join_all(retired).await.into_iter().all(|clean| clean);
        if let (true, Ok(mut alone)) = (clean, self.alone.lock()) {
            alone.insert(stem.clone());
        }
    }

    /// Removes a value only if its receipt says that this asset made it: a file that somebody else put beside ours is
    /// theirs.
    pub(crate) async fn delete_own(&self, asset: &AssetKey, path: &Path) -> Result<()> {
        let reader = match self.store.open(path, None, Purpose::Receipt).await {
            Ok(reader) => reader,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let ours = reader.receipt().is_some() && self.receipt(path, reader.as_ref())?.asset == *asset;
        if ours { self.delete(path).await } else { Ok(()) }
    }

    /// Removes rows that may be this asset's object: those whose receipt says so, or cannot be read.
    pub(crate) async fn delete_rows(&self, asset: &AssetKey, path: &Path) -> Result<()> {
        match self.delete_own(asset, path).await {
            Err(damaged) if damaged.kind() == ErrorKind::InvalidData => self.delete(path).await,
            other => other,
        }
    }

    /// Keeps others from changing the places of a value until what is given is dropped, where it has several and the store can.
    pub(crate) async fn hold(&self, ctx: &InputContext) -> Result<Option<Box<dyn Send>>> {
        match self.settings.several() && self.suffixes(ctx).0.len() > 1 {
            false => Ok(None),
            true => self.store.hold(&path(&ctx.location)?).await,
        }
    }

    pub(crate) async fn delete(&self, path: &Path) -> Result<()> {
        use object_store::ObjectStoreExt;
        match self.store.objects().delete(path).await.map_err(error) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
