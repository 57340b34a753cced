//! Tables as the cluster reads them: files where they are, or files that are made for the query.

use crate::cast::quoted;
use crate::files::Files;
use crate::session::Session;
use arrow_schema::SchemaRef;
use futures_util::{StreamExt, TryStreamExt};
use larder_io_core::{AtRest, BatchStream, Error, ErrorKind, LazyTable, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What stands in a query for its tables, while the session lives.
pub(crate) struct Inputs {
    /// In the order of the tables, one for each place of it.
    pub(crate) sources: Vec<Vec<String>>,
    /// Tables that are in no files yet, with the names of their views and how many each has.
    spooled: Vec<(String, usize, LazyTable)>,
    /// Files that were made for the query; they go with it.
    spool: Option<Spool>,
}

impl Inputs {
    /// Makes views in the session, as many of each table as it has places in the query: Spark 4.0.1 mixes the columns of one view up that stands in a query and in
    /// its subquery. Of tables that are in no files that the cluster reads the columns alone are brought, so that a query can be looked at before a row is read.
    ///
    /// # Errors
    /// `Unsupported` for a table that is in no files where no `staging` is set, or with a column that Spark does not read; whatever the tables give.
    pub(crate) async fn bring(
        session: &Session,
        tables: &[LazyTable],
        places: &[usize],
        staging: Option<&Path>,
    ) -> Result<Self> {
        let mut inputs = Self {
            sources: Vec::new(),
            spooled: Vec::new(),
            spool: None,
        };
        for (number, table) in tables.iter().enumerate() {
            let name = format!("larder_input_{}", number + 1);
            let places = places.get(number).copied().unwrap_or(1);
            let source = match table.at_rest() {
                Some(at) if reads(&at) => views(session, &name, places, &at, table.schema()).await?,
                _ => {
                    let spool = match &mut inputs.spool {
                        Some(spool) => spool,
                        empty => empty.insert(Spool::new(staging)?),
                    };
                    let file = spool.file(&format!("{name}-columns"), table, None).await?;
                    inputs.spooled.push((name.clone(), places, table.clone()));
                    views(session, &name, places, &AtRest::Files(vec![file]), table.schema()).await?
                }
            };
            inputs.sources.push(source);
        }
        Ok(inputs)
    }

    /// Brings the rows of what is in no files.
    ///
    /// # Errors
    /// Whatever the tables give; `Unavailable` when they cannot be written.
    pub(crate) async fn bring_rows(&mut self, session: &Session) -> Result<()> {
        let Some(spool) = &self.spool else { return Ok(()) };
        for (name, places, table) in self.spooled.drain(..) {
            let file = spool.file(&name, &table, Some(table.stream().await?.boxed())).await?;
            views(session, &name, places, &AtRest::Files(vec![file]), table.schema()).await?;
        }
        Ok(())
    }
}

/// Parts of a table that one query reads at most: each is a view, and Spark plans their union.
const MOST_PARTS: usize = 512;

/// Whether the cluster reads what is there.
fn reads(at: &AtRest) -> bool {
    match at {
        AtRest::Files(files) => !files.is_empty() && files.iter().all(|file| file.starts_with("file:/")),
        AtRest::Parts(parts) => (1..=MOST_PARTS).contains(&parts.len()) && parts.iter().all(|(at, _)| reads(at)),
        _ => false,
    }
}

/// The same rows as often as they are named in a query.
async fn views(session: &Session, name: &str, places: usize, at: &AtRest, schema: &SchemaRef) -> Result<Vec<String>> {
    let mut all = Vec::with_capacity(places);
    for place in 1..=places {
        let name = match place {
            1 => name.to_owned(),
            _ => format!("{name}_again_{place}"),
        };
        all.push(view(session, &name, at, schema).await?);
    }
    Ok(all)
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

/// How the directories of copies begin.
const SPOOL: &str = "larder-";
/// A directory of copies that nobody has changed for so long is of a process that was killed: 7 days, which no query takes.
const LEFT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Pages that are held before they are written: 32 MiB.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// Removes what processes left that were killed. It is tried again with the next copies.
fn sweep(staging: &Path) {
    let Ok(entries) = std::fs::read_dir(staging) else {
        return;
    };
    for entry in entries.flatten() {
        let own = entry.file_name().to_str().is_some_and(|name| {
            let id = name.strip_prefix(SPOOL).unwrap_or_default();
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let changed = entry.metadata().and_then(|known| known.modified()).ok();
        let age = changed.and_then(|changed| changed.elapsed().ok());
        if own && age.is_some_and(|age| age > LEFT) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A directory that the cluster reaches, which goes when this is dropped.
struct Spool(PathBuf);

impl Spool {
    fn new(staging: Option<&Path>) -> Result<Self> {
        let Some(staging) = staging else {
            let message = "a table of the query is in no files that the cluster reads: keep it in a Delta table (all of it, or by the asset's partitions, up to 32 columns) on a disk that the workers share, or set `staging` in `[engines.spark]` to a directory that they share, for copies";
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        sweep(staging);
        let directory = staging.join(format!("{SPOOL}{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&directory).map_err(|error| {
            let message = format!(
                "the directory `staging` ({}) cannot be written: {error}",
                staging.display()
            );
            Error::new(ErrorKind::PermissionDenied, message).with_source(error)
        })?;
        Ok(Self(directory))
    }

    /// Writes a table; at no time more is held than a row group's pages.
    async fn file(&self, name: &str, table: &LazyTable, rows: Option<BatchStream>) -> Result<String> {
        let path = self.0.join(format!("{name}.parquet"));
        let failed = {
            let path = path.display().to_string();
            move |error: String| {
                let message = format!("the rows for the cluster cannot be written to `{path}`: {error}");
                Error::new(ErrorKind::Unavailable, message)
            }
        };
        let settings = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(128 << 10))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        let file = File::create(&path).map_err(|error| failed(error.to_string()))?;
        let writer = ArrowWriter::try_new(file, SchemaRef::clone(table.schema()), Some(settings));
        let mut writer = writer.map_err(|error| failed(error.to_string()))?;
        let mut batches = rows.unwrap_or_else(|| futures_util::stream::empty().boxed());
        while let Some(batch) = batches.try_next().await? {
            let work = move || writer.write(&batch).map(|()| writer);
            writer = blocking(work).await.map_err(&failed)?;
        }
        blocking(move || writer.close()).await.map_err(&failed)?;
        Ok(format!("file://{}", path.display()))
    }
}

/// Compresses and writes where it may take its time.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> parquet::errors::Result<T> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What stays is in a directory that is named after larder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_killed_processes_left_is_swept() {
        let staging = tempfile::tempdir().expect("a directory");
        let make = |name: &str, age: Duration| {
            let path = staging.path().join(name);
            std::fs::create_dir(&path).expect("is made");
            std::fs::write(path.join("rows.parquet"), "rows").expect("is written");
            let then = std::time::SystemTime::now() - age;
            File::open(&path)
                .and_then(|dir| dir.set_modified(then))
                .expect("is set");
            path
        };
        let id = "0123456789abcdef0123456789abcdef";
        let old = make(&format!("larder-{id}"), LEFT * 2);
        let young = make(&format!("larder-{}", id.replace('0', "1")), LEFT / 2);
        let theirs = make("larder-notes", LEFT * 2);
        sweep(staging.path());
        assert_eq!([&old, &young, &theirs].map(|path| path.exists()), [false, true, true]);
    }
}
