//! The files of a folder as one table.

use super::Listed;
use crate::store::Purpose;
use crate::target::ObjectTarget;
use crate::target::store::{FileFacts, file_version};
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Result, Scan, TableSource};
use std::sync::Arc;

/// Files that are opened ahead of the one whose rows are being given.
const FILES_AHEAD: usize = 2;
/// Files whose footers are read at once.
const AT_ONCE: usize = 8;

/// The rows of all files, in the order of their names. Each file is the one that was listed, or reading it fails.
#[derive(Clone)]
pub(crate) struct FolderSource {
    target: ObjectTarget,
    files: Arc<Vec<FileFacts>>,
    format: &'static str,
    schema: SchemaRef,
    /// The same as text, for formats that keep no types.
    types: Option<Arc<str>>,
    rows: Option<u64>,
}

impl FolderSource {
    /// Takes the schema of the first file for that of all.
    pub(crate) async fn open(target: &ObjectTarget, listed: Listed, format: &'static str) -> Result<Self> {
        let mut source = Self {
            target: target.clone(),
            files: Arc::new(listed.files),
            format,
            schema: Arc::new(Schema::empty()),
            types: None,
            rows: None,
        };
        let Some(first) = source.files.first() else {
            return Ok(source);
        };
        let table = source.open_one(first).await?;
        source.schema = table.schema();
        if source.files.len() == 1 {
            source.rows = table.rows();
        }
        let kept = !matches!(format, "parquet" | "arrow" | "avro");
        if kept {
            let json = serde_json::to_string(source.schema.as_ref())
                .map_err(|error| Error::new(ErrorKind::Unexpected, format!("a schema cannot be written: {error}")))?;
            source.types = Some(json.into());
        }
        Ok(source)
    }

    /// The rows of all files by their footers; `None` for more files than `most`, and where footers do not tell.
    pub(crate) async fn count(&self, most: usize) -> Result<Option<u64>> {
        if self.files.len() > most || self.format != "parquet" {
            return Ok(self.rows);
        }
        let files: Vec<FileFacts> = self.files.as_ref().clone();
        let counts = stream::iter(files)
            .map(|file| async move { Ok::<_, Error>(self.checked(&file).await?.rows()) })
            .buffer_unordered(AT_ONCE);
        let counts: Vec<Option<u64>> = counts.try_collect().await?;
        Ok(counts.into_iter().sum())
    }

    async fn open_one(&self, file: &FileFacts) -> Result<Arc<dyn TableSource>> {
        let footer = matches!(self.format, "parquet" | "arrow");
        let purpose = if footer { Purpose::Footer } else { Purpose::Value };
        let replaced = |cause: Option<Error>| {
            let message = format!(
                "`{}` of `{}` was replaced or deleted while the folder was read; load it again",
                file.path, self.target.shown
            );
            let error = Error::new(ErrorKind::Conflict, message);
            match cause {
                Some(cause) => error.with_source(cause),
                None => error,
            }
        };
        let reader = match self.target.store.open(&file.path, purpose).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(replaced(Some(error))),
            other => other?,
        };
        if file_version(reader.version()) != file.version {
            return Err(replaced(None));
        }
        let table = self.target.table(reader, self.format, self.types.as_deref()).await;
        table.map_err(|error| self.within(file, error))
    }

    /// A file with the columns of the first.
    async fn checked(&self, file: &FileFacts) -> Result<Arc<dyn TableSource>> {
        let table = self.open_one(file).await?;
        let (has, wanted) = (table.schema(), &self.schema);
        if has.fields() != wanted.fields() {
            let message = format!(
                "the files of `{}` have different columns: `{}` has {}, the first one has {}",
                self.target.shown,
                file.path,
                columns(&has),
                columns(wanted)
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        Ok(table)
    }

    /// Says which file the damage is in.
    fn within(&self, file: &FileFacts, error: Error) -> Error {
        match error.kind() {
            ErrorKind::InvalidData => {
                let message = format!("`{}`: {}", file.path, error.message());
                Error::new(ErrorKind::InvalidData, message).with_source(error)
            }
            _ => error,
        }
    }
}

fn columns(schema: &Schema) -> String {
    let column = |field: &Arc<Field>| {
        let null = if field.is_nullable() { "" } else { " not null" };
        format!("{} {}{null}", field.name(), field.data_type())
    };
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl TableSource for FolderSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        self.rows
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        // Checks names and literals before anything is read.
        let wanted = request.schema(&self.schema)?;
        if let Some(predicate) = &request.predicate {
            predicate.check(&self.schema)?;
        }
        let mut rest = Scan::all();
        rest.limit = request.limit;
        let (source, schema) = (self.clone(), Arc::clone(&wanted));
        let files: Vec<FileFacts> = self.files.as_ref().clone();
        let batches = stream::iter(files)
            .map(move |file| {
                let (source, request) = (source.clone(), request.clone());
                async move { source.checked(&file).await?.scan(request).await }
            })
            // A limit is mostly reached in the first file.
            .buffered(if rest.limit.is_some() { 1 } else { FILES_AHEAD })
            .try_flatten()
            // Files differ in what else they say of their schema.
            .map(move |batch| batch.and_then(|batch| under(&batch, &schema)));
        rest.apply(&wanted, batches.boxed())
    }
}

fn under(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &rows).map_err(Error::from)
}
