//! What is said of one of the assets that a function makes.

use crate::retype::{Retype, retyped};
use larder_io_core::{Arity, AssetValue, Forms, Output};
use std::collections::BTreeMap;

/// One of the assets that a function makes.
#[derive(Clone, Debug)]
pub struct OutputSpec {
    pub(crate) key: String,
    pub(crate) forms: Forms,
    /// Whether its value is a reference.
    pub(crate) refers: bool,
    /// Whether the function returns a value for each partition.
    pub(crate) arity: Arity,
    pub(crate) io_manager: Option<String>,
    pub(crate) extension: Option<String>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) retention: Option<String>,
    pub(crate) retype: Option<Retype>,
    #[cfg(feature = "arrow")]
    pub(crate) columns: Option<arrow_schema::SchemaRef>,
}

impl OutputSpec {
    /// Names an output; its forms are none until they are set.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            forms: Forms::NONE,
            refers: false,
            arity: Arity::One,
            io_manager: None,
            extension: None,
            settings: BTreeMap::new(),
            retention: None,
            retype: None,
            #[cfg(feature = "arrow")]
            columns: None,
        }
    }

    /// Its value is a `T`; of a `Partitions<T>`, the value of each partition is.
    #[must_use]
    pub fn form_of<T: Output>(mut self) -> Self {
        self.forms = T::Item::forms();
        self.refers = T::Item::refers();
        self.arity = T::arity();
        self.retype = Some(retyped::<T::Item>);
        self
    }

    /// Its value is what `field` gives of the function's result; only the type counts.
    #[must_use]
    pub fn form_by<S, T: Output>(self, field: fn(&S) -> &T) -> Self {
        let _ = field;
        self.form_of::<T>()
    }

    /// The key of the I/O manager that stores it.
    #[must_use]
    pub fn io_manager(mut self, key: impl Into<String>) -> Self {
        self.io_manager = Some(key.into());
        self
    }

    /// The suffix of a blob, without a dot: `html`. Default `bin`.
    #[must_use]
    pub fn extension(mut self, extension: impl Into<String>) -> Self {
        self.extension = Some(extension.into());
        self
    }

    /// A setting of its I/O manager for this asset alone, by name and text as in a URL: `mode` and `append`. A manager that has
    /// no such settings is refused when definitions are built; `[bind]` of `larder.toml` says them where profiles differ.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// Which versions of it are kept once they are replaced, as [`Retention`](larder_io_core::Retention) reads it: `last 5`, `30 days`,
    /// `last 3 or 30 days`, `forever`. Default as the configuration or its I/O manager says.
    #[must_use]
    pub fn retention(mut self, retention: impl Into<String>) -> Self {
        self.retention = Some(retention.into());
        self
    }

    /// The columns of its table: held against what is stored, and against what is loaded, names in any order. Default any.
    #[cfg(feature = "arrow")]
    #[must_use]
    pub fn columns(mut self, schema: arrow_schema::SchemaRef) -> Self {
        self.columns = Some(schema);
        self
    }
}
