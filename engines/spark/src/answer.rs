//! The result of a query: its rows, or files that the cluster makes of them.

use crate::engine::Sent;
use crate::inputs::Inputs;
use crate::session::Session;
use crate::sql::Sql;
use crate::write::Target;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures_util::StreamExt;
use larder_io_core::{BatchStream, Effect, Error, ErrorKind, Fill, Filled, NewPlace, Result, Scan, TableSource};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lines in front of the query in what is sent.
const BEFORE: u64 = 1;

pub(crate) struct Answer(Arc<Inner>);

struct Inner {
    session: Session,
    /// Lives as long as the query may read it.
    _inputs: Inputs,
    sent: Sent,
    sql: Sql,
    schema: SchemaRef,
    /// It is run once: another time it may give other rows.
    run: AtomicBool,
}

impl Answer {
    pub(crate) fn new(session: Session, inputs: Inputs, sent: Sent, sql: Sql, schema: SchemaRef) -> Self {
        Self(Arc::new(Inner {
            session,
            _inputs: inputs,
            sent,
            sql,
            schema,
            run: AtomicBool::new(false),
        }))
    }
}

impl Inner {
    fn once(&self) -> Result<()> {
        match self.run.swap(true, Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::Unsupported, "a query is run once; run it anew")),
        }
    }

    /// The error with its place in the query. Whatever the cluster still does of it, nobody will look at that.
    fn told(&self, error: Error) -> Error {
        self.sent.told(error, BEFORE).with_effect(Effect::None)
    }
}

/// A directory that the cluster writes into; it goes when nobody waits for it any more. What is written into it later is found by `gc`.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(directory) = &self.0 {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

#[async_trait]
impl TableSource for Answer {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    fn replayable(&self) -> bool {
        false
    }

    fn fill(&self) -> Option<&dyn Fill> {
        Some(self)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let inner = Arc::clone(&self.0);
        inner.once()?;
        let rows = inner.session.rows(&inner.sql).await;
        let rows = rows.map_err(|error| inner.told(error))?;
        let batches = rows.map(move |batch| {
            let batch = batch.map_err(|error| inner.told(error))?;
            fitted(&batch, &inner.schema)
        });
        request.apply(&self.0.schema, batches.boxed())
    }
}

/// A batch in the columns' own encodings.
fn fitted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let unfit = |error: String| {
        let message = format!("the result does not fit its columns: {error}");
        Error::new(ErrorKind::InvalidData, message)
    };
    if batch.num_columns() != schema.fields().len() {
        return Err(unfit(format!("{} columns came", batch.num_columns())));
    }
    let one = |(column, field): (&ArrayRef, &Arc<arrow_schema::Field>)| match column.data_type() == field.data_type() {
        true => Ok(Arc::clone(column)),
        false => arrow_cast::cast(column, field.data_type()),
    };
    let columns = batch.columns().iter().zip(schema.fields()).map(one);
    let columns = columns
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unfit(error.to_string()))?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows).map_err(|error| unfit(error.to_string()))
}

/// The directory of a place that the workers share with this process.
fn directory(place: &NewPlace) -> Option<PathBuf> {
    match place {
        NewPlace::Folder(url) => {
            let path = url.strip_prefix("file://")?;
            path.starts_with('/').then(|| PathBuf::from(path))
        }
        _ => None,
    }
}

#[async_trait]
impl Fill for Answer {
    fn reaches(&self, place: &NewPlace) -> bool {
        directory(place).is_some()
    }

    async fn fill(&self, place: &NewPlace) -> Result<Filled> {
        let Some(directory) = directory(place) else {
            let message = format!("Spark does not reach {place}; this is a defect of its manager");
            return Err(Error::new(ErrorKind::Unexpected, message));
        };
        self.0.once()?;
        let unfinished = Unfinished(Some(directory.clone()));
        let written = self
            .0
            .session
            .write_parquet(&self.0.sql, &Target::new(&directory))
            .await;
        let written = written.map_err(|error| self.0.told(error))?;
        unfinished.keep();
        let files = written.files.into_iter().map(|file| {
            let name = file.path.strip_prefix(&directory).unwrap_or(&file.path);
            (name.display().to_string(), file.bytes)
        });
        let files: Vec<(String, u64)> = files.collect();
        Ok(Filled {
            rows: written.rows,
            bytes: Some(files.iter().map(|(_, bytes)| bytes).sum()),
            files,
        })
    }
}
