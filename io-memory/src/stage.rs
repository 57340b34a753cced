//! From a value to an entry: what is kept as it is, what is collected, what the receipt says of it.

use crate::store::Shelves;
#[cfg(feature = "arrow")]
use larder_io_core::TableSource;
use larder_io_core::hash::digest_object;
use larder_io_core::{
    AssetValue, Blob, BlobSource, ContentHash, Error, ErrorKind, Form, OutputContext, Precondition, Receipt, Result,
    Retention, Staged, Value, Version, async_trait,
};
use std::sync::Arc;
use std::time::Instant;

/// Makes a value that can be kept, and its receipt.
pub(crate) async fn prepare(ctx: &OutputContext, value: &Value) -> Result<(Value, Receipt)> {
    match value {
        Value::Native(_) | Value::Object(_) => {
            let mut receipt = begin(ctx, Form::Object, "native");
            receipt.content_hash = Some(digest_object(value)?.hash);
            Ok((value.clone(), receipt))
        }
        #[cfg(feature = "arrow")]
        Value::Table(source) => table(ctx, source.as_ref()).await,
        Value::Blob(source) => blob(ctx, source).await,
        other => {
            let message = format!(
                "memory does not store a value of form {}; it takes object, table, blob",
                other.form()
            );
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

#[cfg(feature = "arrow")]
async fn table(ctx: &OutputContext, source: &dyn TableSource) -> Result<(Value, Receipt)> {
    let table = larder_io_core::table::collect(source).await?;
    let (hash, rows) = larder_io_core::table::hash_table(&table).await?;
    let bytes: usize = table.batches().iter().map(|batch| batch.get_array_memory_size()).sum();
    let mut receipt = begin(ctx, Form::Table, "table");
    receipt.bytes = bytes as u64;
    receipt.rows = Some(rows);
    receipt.content_hash = hash;
    Ok((table.into_value(), receipt))
}

async fn blob(ctx: &OutputContext, source: &Arc<dyn BlobSource>) -> Result<(Value, Receipt)> {
    let bytes = Blob::from_source(Arc::clone(source)).bytes().await?;
    let mut receipt = begin(ctx, Form::Blob, "blob");
    receipt.bytes = bytes.len() as u64;
    receipt.content_hash = Some(ContentHash::of(&bytes));
    Ok((Blob::from(bytes).into_value(), receipt))
}

fn begin(ctx: &OutputContext, form: Form, format: &str) -> Receipt {
    let mut receipt = Receipt::begin(ctx, ctx.location.clone(), form, format);
    receipt.uri = format!("memory:{}", ctx.location);
    receipt
}

/// A value that was prepared but is on no shelf yet.
pub(crate) struct Pending {
    shelves: Shelves,
    /// Gone after a discard.
    value: Option<Value>,
    receipt: Receipt,
    precondition: Precondition,
    retention: Option<Retention>,
    keep_for_checks: bool,
    published: bool,
    began: Instant,
}

impl Pending {
    pub(crate) fn new(
        shelves: Shelves,
        ctx: &OutputContext,
        value: Value,
        mut receipt: Receipt,
        began: Instant,
    ) -> Self {
        receipt.duration = began.elapsed();
        Self {
            shelves,
            value: Some(value),
            receipt,
            precondition: ctx.precondition.clone(),
            retention: ctx.retention,
            keep_for_checks: ctx.keep_for_checks,
            published: false,
            began,
        }
    }
}

#[async_trait]
impl Staged for Pending {
    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    async fn load(&self) -> Result<Value> {
        if !self.keep_for_checks {
            let message = "a staged value can be loaded only when the store asked for `keep_for_checks`";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        self.value.clone().ok_or_else(discarded)
    }

    async fn publish(&mut self) -> Result<Receipt> {
        if self.published {
            return Ok(self.receipt.clone());
        }
        let value = self.value.clone().ok_or_else(discarded)?;
        let mut receipt = self.receipt.clone();
        // A write has one version for ever: a second attempt of it finds the first by this name.
        receipt.version = Version::from_text(receipt.write.as_str());
        receipt.duration = self.began.elapsed();
        self.receipt = self
            .shelves
            .publish(value, receipt, &self.precondition, self.retention)?;
        self.published = true;
        Ok(self.receipt.clone())
    }

    async fn discard(&mut self) -> Result<()> {
        if !self.published {
            self.value = None;
        }
        Ok(())
    }
}

fn discarded() -> Error {
    Error::new(ErrorKind::Unsupported, "the staged value was discarded; store it again")
}
