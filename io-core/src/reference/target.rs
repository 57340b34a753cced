//! What a reference points to.

use crate::error::Result;
use crate::key::Version;
use crate::value::{Form, Value};
#[cfg(feature = "arrow")]
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use std::fmt;

/// Columns that a reference names at most; of a wider table it names none, because what is stored is to be small.
#[cfg(feature = "arrow")]
const MOST_COLUMNS: usize = 1000;

/// What a target says of itself.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TargetFacts {
    /// A text that is another one whenever the target is; `None` where the target has no such thing.
    pub version: Option<Version>,
    /// Bytes.
    pub bytes: Option<u64>,
    /// Rows, where that costs no more than a look.
    pub rows: Option<u64>,
    /// Files, of a folder.
    pub files: Option<u64>,
    /// When it was changed last.
    pub modified: Option<jiff::Timestamp>,
    /// The format, such as `parquet`.
    pub format: Option<String>,
    /// The schema, where that costs no more than a look.
    #[cfg(feature = "arrow")]
    pub schema: Option<SchemaRef>,
}

impl TargetFacts {
    /// Names and types of the columns, where they are known and not very many.
    #[cfg(feature = "arrow")]
    pub fn columns(&self) -> Option<Vec<String>> {
        let fields = self.schema.as_ref()?.fields();
        let column = |field: &std::sync::Arc<arrow_schema::Field>| format!("{} {}", field.name(), field.data_type());
        (fields.len() <= MOST_COLUMNS).then(|| fields.iter().map(column).collect())
    }

    /// Without tables there are no columns.
    #[cfg(not(feature = "arrow"))]
    pub fn columns(&self) -> Option<Vec<String>> {
        None
    }
}

/// What a reference points to: a file, a folder of files, a table. It is looked up by [`Backend::target`](crate::Backend::target).
///
/// A value that was opened stays what it was, or reading it fails: never a mixture of two versions.
#[async_trait]
pub trait Target: fmt::Debug + Send + Sync {
    /// What it says of itself now without being read: version, bytes, time.
    ///
    /// # Errors
    /// `NotFound` when it is not there.
    async fn head(&self) -> Result<TargetFacts>;

    /// What it, or a version of it, says of itself, with rows and schema where they cost no more than a look.
    ///
    /// # Errors
    /// `NotFound` when it is not there; `Conflict` when it is another version and this one cannot be had any more; `InvalidData` for a
    /// target that is not of its format.
    async fn describe(&self, version: Option<&Version>) -> Result<TargetFacts>;

    /// Opens it, or a version of it, as a table or a blob.
    ///
    /// # Errors
    /// As [`Target::describe`]; `Unsupported` for a form that it cannot be read as.
    async fn open(&self, form: Form, version: Option<&Version>) -> Result<Value>;
}

const _: fn(&dyn Target) = |_| {};
