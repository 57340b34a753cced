//! Files that a query's own engine writes, where nobody looks; they become the table's like all others.

use crate::at_rest::is_plain;
use crate::partition::Scope;
use crate::write::{DataFile, Writer, name, remove};
use arrow_schema::Schema;
use futures_util::TryStreamExt;
use larder_io_core::{Error, ErrorKind, Filled, NewPlace, Result, TableSource, WriteId};
use larder_io_object::files::TableFile;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaData;
use std::collections::HashMap;

/// How the folder of such files begins, below the table: what begins with `_` is hidden from every reader of Delta.
const FOLDER: &str = "_larder_fill_";
/// What an engine calls its files of rows.
const ROWS: &str = ".parquet";
/// How engines compress them, for their names here.
const COMPRESSION: &str = "zstd";

/// The folder that a file below the table lies in, if it is such a one.
pub(crate) fn filled_folder(name: &str) -> Option<&str> {
    let (folder, _) = name.split_once('/')?;
    folder.starts_with(FOLDER).then_some(folder)
}

impl Writer<'_> {
    /// Lets the source write its rows itself; `None` where it cannot, or where the rows have to be looked at.
    pub(crate) async fn fill(&self, source: &dyn TableSource, scope: &Scope) -> Result<Option<Vec<DataFile>>> {
        let Some(fill) = source.fill() else { return Ok(None) };
        let looked_at = scope
            .predicate()
            .iter()
            .flat_map(|rows| rows.columns())
            .any(|column| self.schema.field_with_name(column).is_ok());
        if looked_at || !self.varying().is_empty() || self.stored_schema().fields() != self.schema.fields() {
            return Ok(None);
        }
        let folder = format!("{FOLDER}{}", WriteId::random());
        let path = self.log.path(&folder)?;
        let root = &self.files.ground().root;
        // Others may read a `%` or a blank of a URL as something else.
        let bare = root.split_once("://").map_or(root.as_str(), |(_, bare)| bare);
        if !is_plain(bare) || !is_plain(path.as_ref()) {
            return Ok(None);
        }
        let place = NewPlace::Folder(format!("{root}/{path}/"));
        if !fill.reaches(&place) {
            return Ok(None);
        }
        let filled = fill.fill(&place).await;
        let taken = match filled {
            Ok(filled) => self.take(&folder, &filled).await,
            Err(error) => Err(error),
        };
        self.clear(&folder).await;
        taken.map(Some)
    }

    /// Takes what was written. After an error what was taken is removed.
    async fn take(&self, folder: &str, filled: &Filled) -> Result<Vec<DataFile>> {
        let mut taken = Vec::with_capacity(filled.files.len());
        for (file, bytes) in &filled.files {
            match self.one(folder, file, *bytes).await {
                Ok(file) => taken.push(file),
                Err(error) => {
                    remove(self.log, &taken).await;
                    return Err(error);
                }
            }
        }
        let rows: u64 = taken.iter().map(|file| file.rows).sum();
        if rows != filled.rows {
            remove(self.log, &taken).await;
            let message = format!(
                "{rows} rows are in the files of {} that were written; nothing is stored",
                filled.rows
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        // Files without rows say nothing.
        let (rows, empty): (Vec<DataFile>, Vec<DataFile>) = taken.into_iter().partition(|file| file.rows > 0);
        match rows.is_empty() {
            true => Ok(empty),
            false => {
                remove(self.log, &empty).await;
                Ok(rows)
            }
        }
    }

    async fn one(&self, folder: &str, file: &str, bytes: u64) -> Result<DataFile> {
        if !file.ends_with(ROWS) {
            let message = format!("`{file}` was written as rows and is called as no Parquet file is");
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        let id = WriteId::random();
        let own = name(self.prefix, &id, COMPRESSION);
        let (from, to) = (self.log.path(&format!("{folder}/{file}"))?, self.log.path(&own)?);
        let adopted = self.files.adopt(&to, &id, &from, bytes).await?;
        if let Err(error) = self.fits(&adopted) {
            // Nothing refers to it; what stays is found by `gc`.
            let _ = self.log.objects().delete(&Path::from(own)).await;
            return Err(error);
        }
        Ok(self.written(own, adopted, self.values(HashMap::new()), &self.schema))
    }

    /// Whether a file has the columns of the table.
    fn fits(&self, file: &TableFile) -> Result<()> {
        let described = file.metadata.file_metadata();
        let found = parquet_to_arrow_schema(described.schema_descr(), described.key_value_metadata());
        let found = found.map_err(|error| {
            Error::new(
                ErrorKind::InvalidData,
                format!("what was written has columns that are none: {error}"),
            )
        })?;
        let told = |schema: &Schema| {
            let fields = schema.fields().iter();
            fields
                .map(|field| format!("{} {}", field.name(), field.data_type()))
                .collect::<Vec<_>>()
        };
        let (found, wanted) = (told(&found), told(&self.schema));
        let firm = self.schema.fields().iter().filter(|field| !field.is_nullable());
        if let Some(field) = firm
            .into_iter()
            .find(|field| !has_no_null(&file.metadata, field.name()))
        {
            let message = format!(
                "column `{}` may not be null, and what the engine wrote has nulls there, or does not say",
                field.name()
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        match found == wanted {
            true => Ok(()),
            false => {
                let message = format!(
                    "the engine wrote other columns than it said: {} instead of {}",
                    found.join(", "),
                    wanted.join(", ")
                );
                Err(Error::new(ErrorKind::InvalidData, message))
            }
        }
    }

    /// Removes what the engine left; what stays is found by `gc`.
    async fn clear(&self, folder: &str) {
        let objects = self.log.objects();
        let mut left = objects.list(Some(&Path::from(folder)));
        while let Ok(Some(meta)) = left.try_next().await {
            let _ = objects.delete(&meta.location).await;
        }
    }
}

/// Whether a column has no null, by the file's own account.
fn has_no_null(file: &ParquetMetaData, column: &str) -> bool {
    let described = file.file_metadata().schema_descr();
    let leaf = (0..described.num_columns()).find(|leaf| described.column(*leaf).path().parts() == [column]);
    leaf.is_some_and(|leaf| {
        let mut groups = file.row_groups().iter();
        described.column(leaf).max_def_level() == 0
            || groups.all(|group| group.column(leaf).statistics().and_then(|known| known.null_count_opt()) == Some(0))
    })
}
