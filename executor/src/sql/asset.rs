//! An asset whose function is a query.

use super::resolve::Resolved;
use crate::asset::{Asset, AssetBuilder};
use larder_io_core::{SqlValue, TableStream};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is said of a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    pub(crate) text: String,
    /// The file that it stands in.
    pub(crate) file: Option<String>,
    /// The engine that the asset asks for.
    pub(crate) engine: Option<String>,
    pub(crate) parameters: BTreeMap<String, SqlValue>,
    /// The lines of the header by what they say; of parameters, tags and settings with their names, as `parameter: least`.
    pub(crate) header: BTreeMap<String, usize>,
    /// What is wrong with what the file says, with its line.
    pub(crate) problems: Vec<String>,
    /// Once definitions are built.
    pub(crate) resolved: Option<Arc<Resolved>>,
}

impl Sql {
    /// The file, in parentheses behind an asset's key.
    pub(crate) fn placed(&self) -> String {
        match &self.file {
            Some(file) => format!(" ({file})"),
            None => String::new(),
        }
    }

    /// The same with the line of the header that says this, where one does.
    pub(crate) fn said(&self, setting: &str) -> String {
        match (&self.file, self.header.get(setting)) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            _ => self.placed(),
        }
    }

    /// That line before a problem, where the file is named already.
    pub(crate) fn line(&self, setting: &str) -> String {
        let line = self.header.get(setting);
        line.map_or_else(String::new, |line| format!("line {line}: "))
    }
}

impl Asset {
    /// Behind its key in a message: the file of its query, with the line of the header that says this.
    pub(crate) fn said(&self, setting: &str) -> String {
        self.sql.as_ref().map_or_else(String::new, |sql| sql.said(setting))
    }
}

impl AssetBuilder {
    /// Makes the asset of a query, as `select carrier, avg(delay) as delay from raw.flights group by carrier`.
    ///
    /// Its tables are assets: `raw.flights` or `"raw/flights"` is that of the key, `flights` the only one whose key ends so. They are its
    /// inputs, as `LazyTable`s, with the partitions that their default mapping gives.
    ///
    /// Parameters are written `$name` and bound, never pasted into the text: those of [`AssetBuilder::parameter`], and for an asset with
    /// partitions `$partition` (its value, or the whole key of several dimensions), each dimension by its name (text), and for one that is of time `$window_start` and `$window_end`
    /// (timestamps).
    ///
    /// With [`AssetBuilder::columns`] the result is cast to these columns; a value that a cast cannot keep is an error. The code version is
    /// a hash of the query without comments and blanks, of the parameters and of the declared columns, unless one is given by hand.
    ///
    /// What does not parse, names no asset, or does not fit columns that are known is told when definitions are built; the rest before a
    /// row is read.
    #[must_use]
    pub fn sql(mut self, query: impl Into<String>) -> Asset {
        self.output = self.output.form_of::<TableStream>();
        self.query.text = query.into();
        let Self {
            output,
            mut asset,
            query,
        } = self;
        asset.outputs = vec![output];
        asset.sql = Some(query);
        asset
    }

    /// The engine that runs its query: `datafusion`. Default as `engine` of the configuration says, else the one there is.
    #[must_use]
    pub fn engine(mut self, engine: impl Into<String>) -> Self {
        self.query.engine = Some(engine.into());
        self
    }

    /// A parameter of its query, which `[parameters]` of the configuration may set to another value of the same kind. It is part of the code
    /// version.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<SqlValue>) -> Self {
        self.query.parameters.insert(name.into(), value.into());
        self
    }
}
