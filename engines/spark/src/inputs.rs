//! Tables as the cluster reads them: files where they are, or files that are made for the query.

use crate::cast::quoted;
use crate::files::Files;
use crate::session::Session;
use arrow_schema::SchemaRef;
use futures_util::TryStreamExt;
use larder_io_core::{AtRest, Error, ErrorKind, LazyTable, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What stands in a query for its tables, while the session lives.
pub(crate) struct Inputs {
    /// In the order of the tables.
    pub(crate) sources: Vec<String>,
    /// Files that were made for the query; they go with it.
    _spool: Option<Spool>,
}

impl Inputs {
    /// Makes views in the session. Of tables that are in no files `rows` says whether their rows are brought, or their columns alone.
    ///
    /// # Errors
    /// `Unsupported` for a table that is in no files where no `staging` is set, or with a column that Spark does not read; whatever the tables give.
    pub(crate) async fn bring(
        session: &Session,
        tables: &[LazyTable],
        staging: Option<&Path>,
        rows: bool,
    ) -> Result<Self> {
        let mut inputs = Self {
            sources: Vec::new(),
            _spool: None,
        };
        for (number, table) in tables.iter().enumerate() {
            let name = format!("larder_input_{}", number + 1);
            let source = match table.at_rest() {
                Some(at) if reads(&at) => view(session, &name, &at, table.schema()).await?,
                _ => {
                    let spool = match &mut inputs._spool {
                        Some(spool) => spool,
                        empty => empty.insert(Spool::new(staging)?),
                    };
                    let file = spool.keep(&name, table, rows).await?;
                    let at = AtRest::Files(vec![file]);
                    view(session, &name, &at, table.schema()).await?
                }
            };
            inputs.sources.push(source);
        }
        Ok(inputs)
    }
}

/// Whether the cluster reads what is there.
fn reads(at: &AtRest) -> bool {
    match at {
        AtRest::Files(files) => !files.is_empty() && files.iter().all(|file| file.starts_with("file:/")),
        AtRest::Parts(parts) => !parts.is_empty() && parts.iter().all(|(at, _)| reads(at)),
        _ => false,
    }
}

/// Views of files, and what stands for them in a query.
async fn view(session: &Session, name: &str, at: &AtRest, schema: &SchemaRef) -> Result<String> {
    match at {
        AtRest::Files(files) => {
            let files = Files::parquet(files.iter().map(String::as_str)).with_schema(SchemaRef::clone(schema));
            session.view(name, &files).await?;
            Ok(quoted(name))
        }
        AtRest::Parts(parts) => {
            let mut all = Vec::with_capacity(parts.len());
            for (number, (at, added)) in parts.iter().enumerate() {
                let own = schema.fields().len().saturating_sub(added.len());
                let own: Vec<usize> = (0..own).collect();
                let rows = Box::pin(view(
                    session,
                    &format!("{name}_{}", number + 1),
                    at,
                    &SchemaRef::new(schema.project(&own)?),
                ))
                .await?;
                let columns = added.iter().map(|(column, value)| {
                    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
                    format!(", '{value}' as {}", quoted(column))
                });
                all.push(format!("select *{} from {rows}", columns.collect::<String>()));
            }
            Ok(format!("({})", all.join(" union all ")))
        }
        _ => Err(Error::new(
            ErrorKind::Unexpected,
            "a table is where Spark does not read; this is a defect",
        )),
    }
}

/// A directory that the cluster reaches, which goes when this is dropped.
struct Spool(PathBuf);

impl Spool {
    fn new(staging: Option<&Path>) -> Result<Self> {
        let Some(staging) = staging else {
            let message = "a table of the query is in no files that the cluster reads: keep it in Parquet files or a Delta table on a disk that the workers share, or set `staging` in `[engines.spark]` to a directory that they share, for copies";
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let directory = staging.join(format!("larder-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&directory).map_err(|error| {
            let message = format!(
                "the directory `staging` ({}) cannot be written: {error}",
                staging.display()
            );
            Error::new(ErrorKind::PermissionDenied, message).with_source(error)
        })?;
        Ok(Self(directory))
    }

    /// Writes the rows of a table; at no time more is held than a row group's pages.
    async fn keep(&self, name: &str, table: &LazyTable, rows: bool) -> Result<String> {
        let path = self.0.join(format!("{name}.parquet"));
        let failed = |error: String| {
            let message = format!(
                "the rows for the cluster cannot be written to `{}`: {error}",
                path.display()
            );
            Error::new(ErrorKind::Unavailable, message)
        };
        let file = File::create(&path).map_err(|error| failed(error.to_string()))?;
        let settings = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(128 << 10))
            .build();
        let writer = ArrowWriter::try_new(file, SchemaRef::clone(table.schema()), Some(settings));
        let mut writer = writer.map_err(|error| failed(error.to_string()))?;
        if rows {
            let mut batches = table.stream().await?;
            while let Some(batch) = batches.try_next().await? {
                writer.write(&batch).map_err(|error| failed(error.to_string()))?;
            }
        }
        writer.close().map_err(|error| failed(error.to_string()))?;
        Ok(format!("file://{}", path.display()))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What stays is in a directory that is named after larder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
