//! Tables and blobs that come back changed.

use super::{Fault, object};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampSecondArray};
use arrow_schema::{Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use larder_io_core::table::collect;
use larder_io_core::{
    AssetValue, BatchStream, Blob, BlobSource, ByteStream, Error, ErrorKind, InputContext, IoManager, Result, Scan,
    Table, TableSource, Value, async_trait,
};
use std::sync::Arc;

/// The value as the faulty store keeps it.
pub(super) async fn mangle(fault: Fault, value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Native(_) | Value::Object(_) => object::mangle(fault, value),
        Value::Table(source) => match table(fault, source.as_ref()).await? {
            Some(table) => table.into_value(),
            None => value.clone(),
        },
        Value::Blob(source) => match blob(fault, source).await? {
            Some(blob) => blob.into_value(),
            None => value.clone(),
        },
        other => other.clone(),
    })
}

async fn table(fault: Fault, source: &dyn TableSource) -> Result<Option<Table>> {
    let schema = source.schema();
    match fault {
        Fault::ReversesBatches => {
            let table = collect(source).await?;
            Table::new(schema, table.batches().iter().rev().cloned().collect()).map(Some)
        }
        Fault::DropsLastBatch if !source.replayable() => {
            let table = collect(source).await?;
            let kept = table.batches().len().saturating_sub(1);
            Table::new(schema, table.batches()[..kept].to_vec()).map(Some)
        }
        Fault::EmptyTableLosesSchema => {
            let table = collect(source).await?;
            let empty = Table::new(Arc::new(Schema::empty()), Vec::new())?;
            Ok(Some(if table.rows() == 0 { empty } else { table }))
        }
        Fault::DropsMetadata => {
            let fields = schema
                .fields()
                .iter()
                .map(|field| field.as_ref().clone().with_metadata(Default::default()));
            let bare: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            rebuild(&collect(source).await?, bare, |column| Arc::clone(column)).map(Some)
        }
        Fault::PositiveZero => {
            let positive = |column: &ArrayRef| match column.as_primitive_opt::<Float64Type>() {
                Some(floats) => {
                    Arc::new(floats.unary::<_, Float64Type>(|x| if x == 0.0 { 0.0 } else { x })) as ArrayRef
                }
                None => Arc::clone(column),
            };
            rebuild(&collect(source).await?, schema, positive).map(Some)
        }
        Fault::DropsTimezones => {
            let zoneless = |data_type: &arrow_schema::DataType| match data_type {
                arrow_schema::DataType::Timestamp(TimeUnit::Second, _) => {
                    arrow_schema::DataType::Timestamp(TimeUnit::Second, None)
                }
                other => other.clone(),
            };
            let fields = schema.fields().iter().map(|field| {
                let data_type = zoneless(field.data_type());
                field.as_ref().clone().with_data_type(data_type)
            });
            let fields: Vec<_> = fields.collect();
            let zoneless: SchemaRef = Arc::new(Schema::new(fields).with_metadata(schema.metadata().clone()));
            let drop_zone = |column: &ArrayRef| match column.as_any().downcast_ref::<TimestampSecondArray>() {
                Some(stamps) => Arc::new(stamps.clone().with_timezone_opt(None::<Arc<str>>)) as ArrayRef,
                None => Arc::clone(column),
            };
            rebuild(&collect(source).await?, zoneless, drop_zone).map(Some)
        }
        Fault::PublishesFailedStreams => {
            let mut batches = Vec::new();
            let mut stream = source.scan(Scan::all()).await?;
            while let Some(Ok(batch)) = stream.next().await {
                batches.push(batch);
            }
            Table::new(schema, batches).map(Some)
        }
        _ => Ok(None),
    }
}

fn rebuild(table: &Table, schema: SchemaRef, change: impl Fn(&ArrayRef) -> ArrayRef) -> Result<Table> {
    let batches = table.batches().iter().map(|batch| {
        let columns: Vec<ArrayRef> = batch.columns().iter().map(&change).collect();
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options).map_err(Error::from)
    });
    Table::new(Arc::clone(&schema), batches.collect::<Result<_>>()?)
}

async fn blob(fault: Fault, source: &Arc<dyn BlobSource>) -> Result<Option<Blob>> {
    match fault {
        Fault::TruncatesBlobs => {
            let bytes = Blob::from_source(Arc::clone(source)).bytes().await?;
            let cut = if bytes.len() > 8 << 20 { 1 } else { 0 };
            Ok(Some(Blob::from(bytes.slice(..bytes.len() - cut))))
        }
        Fault::StopsAtEmptyChunk | Fault::PublishesFailedStreams => {
            let mut bytes = Vec::new();
            let mut stream = source.open().await?;
            while let Some(Ok(chunk)) = stream.next().await {
                if chunk.is_empty() && fault == Fault::StopsAtEmptyChunk {
                    break;
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(Some(Blob::from(bytes)))
        }
        _ => Ok(None),
    }
}

/// The value cut in half, where that can be done.
pub(super) async fn half(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Table(source) => {
            let batch = collect(source.as_ref()).await?.to_batch()?;
            Table::from(batch.slice(0, batch.num_rows() / 2)).into_value()
        }
        Value::Blob(source) => {
            let bytes = Blob::from_source(Arc::clone(source)).bytes().await?;
            Blob::from(bytes.slice(..bytes.len() / 16 * 8)).into_value()
        }
        _ => vec![7_u64].into_value(),
    })
}

/// The blob with what the old one had beyond its length.
pub(super) async fn with_tail(old: &Value, new: &Value) -> Result<Value> {
    let (Value::Blob(old), Value::Blob(new)) = (old, new) else {
        return Ok(new.clone());
    };
    let (old, new) = (Blob::from_source(Arc::clone(old)), Blob::from_source(Arc::clone(new)));
    let (old, new) = (old.bytes().await?, new.bytes().await?);
    let tail = old.get(new.len()..).unwrap_or_default();
    Ok(Blob::from([&new, tail].concat()).into_value())
}

/// A table whose scans do not look at their predicates.
pub(super) struct Unfiltered(pub(super) Arc<dyn TableSource>);

#[async_trait]
impl TableSource for Unfiltered {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn replayable(&self) -> bool {
        self.0.replayable()
    }

    async fn scan(&self, mut request: Scan) -> Result<BatchStream> {
        request.predicate = None;
        self.0.scan(request).await
    }
}

/// A blob that is looked up again whenever it is opened.
pub(super) struct Late {
    pub(super) manager: Arc<dyn IoManager>,
    pub(super) input: InputContext,
}

#[async_trait]
impl BlobSource for Late {
    fn size(&self) -> Option<u64> {
        None
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn open(&self) -> Result<ByteStream> {
        match self.manager.load_input(&self.input).await? {
            Value::Blob(source) => {
                let chunks: Vec<Bytes> = source.open().await?.try_collect().await?;
                Ok(futures_util::stream::iter(chunks.into_iter().map(Ok)).boxed())
            }
            _ => Err(Error::new(ErrorKind::InvalidData, "it is no blob any more")),
        }
    }
}
