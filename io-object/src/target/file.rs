//! One file.

use super::ObjectTarget;
use super::format::Kind;
use crate::source::StoredBlob;
use crate::store::{Purpose, Reader};
use futures_util::stream::TryStreamExt;
use larder_io_core::{Error, ErrorKind, Form, Result, TargetFacts, Value, Version};
use std::sync::Arc;

/// What is known of an open file without reading it.
pub(super) fn facts(reader: &dyn Reader) -> TargetFacts {
    let mut facts = TargetFacts::default();
    facts.version = Some(reader.version().clone());
    facts.bytes = Some(reader.size());
    facts.modified = jiff::Timestamp::from_millisecond(reader.modified_millis()).ok();
    facts
}

impl ObjectTarget {
    fn kind(&self) -> Kind {
        self.format.clone().unwrap_or_else(|| Kind::of_path(&self.path))
    }

    async fn reader(&self, purpose: Purpose) -> Result<Arc<dyn Reader>> {
        match self.store.open(&self.path, purpose).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.is_folder(error).await),
            other => other,
        }
    }

    /// The error of a missing file, which may be a folder.
    async fn is_folder(&self, missing: Error) -> Error {
        match self.store.list(&self.path).try_next().await {
            Ok(Some(_)) => {
                let message = format!(
                    "`{}` is no file, but a folder; point to all its files by a slash at its end",
                    self.shown
                );
                Error::new(ErrorKind::NotFound, message)
            }
            _ => missing,
        }
    }

    pub(super) async fn file_head(&self) -> Result<TargetFacts> {
        let reader = self.reader(Purpose::Receipt).await?;
        let mut facts = facts(reader.as_ref());
        facts.format = self.kind().name();
        Ok(facts)
    }

    pub(super) async fn describe_file(&self, version: Option<&Version>) -> Result<TargetFacts> {
        let kind = self.kind();
        // Formats with a footer tell schema or rows there; others would have to be read.
        let footer = matches!(kind, Kind::Table("parquet" | "arrow"));
        let purpose = if footer { Purpose::Footer } else { Purpose::Receipt };
        let reader = self.reader(purpose).await?;
        self.is_wanted(version, reader.version())?;
        let mut facts = facts(reader.as_ref());
        facts.format = kind.name();
        #[cfg(feature = "arrow")]
        if footer {
            let table = self.table(reader, kind.table(&self.shown)?, None).await?;
            (facts.rows, facts.schema) = (table.rows(), Some(table.schema()));
        }
        Ok(facts)
    }

    pub(super) async fn open_file(&self, form: Form, version: Option<&Version>) -> Result<Value> {
        match form {
            Form::Blob => {
                let reader = self.reader(Purpose::Value).await?;
                self.is_wanted(version, reader.version())?;
                Ok(Value::Blob(Arc::new(StoredBlob(reader))))
            }
            #[cfg(feature = "arrow")]
            Form::Table => {
                let format = self.kind().table(&self.shown)?;
                let footer = matches!(format, "parquet" | "arrow");
                let purpose = if footer { Purpose::Footer } else { Purpose::Value };
                let reader = self.reader(purpose).await?;
                self.is_wanted(version, reader.version())?;
                Ok(Value::Table(self.table(reader, format, None).await?))
            }
            other => Err(self.no_such_form(other)),
        }
    }

    pub(super) fn no_such_form(&self, form: Form) -> Error {
        let message = format!("`{}` cannot be read as a value of form {form}", self.shown);
        Error::new(ErrorKind::Unsupported, message)
    }

    /// A table in an open file; `schema` says the types where the format has none of its own.
    #[cfg(feature = "arrow")]
    pub(super) async fn table(
        &self,
        reader: Arc<dyn Reader>,
        format: &'static str,
        schema: Option<&str>,
    ) -> Result<Arc<dyn larder_io_core::TableSource>> {
        use crate::table::{ArrowSource, ParquetSource, RowFormat, RowSource};
        Ok(match (format, RowFormat::of(format)) {
            (_, Some(rows)) => Arc::new(RowSource::open(reader, rows, schema, None).await?),
            ("arrow", None) => Arc::new(ArrowSource::open(reader).await?),
            _ => Arc::new(ParquetSource::open(reader).await?),
        })
    }
}
