//! One version of a table, and what larder keeps about it in the table's own properties.

use crate::files;
use crate::log::State;
use crate::partition::{Scope, Share};
use crate::schema;
use arrow_schema::{Field, FieldRef, Schema, SchemaRef};
use deltalake_core::kernel::Add;
use larder_io_core::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The Arrow schema that was stored, as JSON.
pub(crate) const SCHEMA: &str = "larder.schema";
/// Columns that hold a partition's key and are not the asset's own, as a JSON list.
pub(crate) const ADDED: &str = "larder.added";
/// `true` when the value was deleted and the table is kept for its history.
pub(crate) const MISSING: &str = "larder.missing";

/// One version of a table.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) state: State,
    /// All columns, in Delta's types.
    pub(crate) natural: SchemaRef,
    /// What the asset stored, in its own types.
    pub(crate) kept: Option<SchemaRef>,
    pub(crate) added: Vec<String>,
    pub(crate) partition_columns: Vec<String>,
    /// What tells the table from one that is made anew in its place.
    pub(crate) id: String,
    properties: HashMap<String, String>,
}

impl Table {
    pub(crate) fn new(state: State) -> Result<Self> {
        let metadata = serde_json::to_value(state.snapshot.metadata()).map_err(unreadable)?;
        let properties: HashMap<String, String> =
            serde_json::from_value(metadata["configuration"].clone()).map_err(unreadable)?;
        let partition_columns: Vec<String> =
            serde_json::from_value(metadata["partitionColumns"].clone()).map_err(unreadable)?;
        let id = metadata["id"].as_str().unwrap_or_default().to_owned();
        if let Some(mode) = properties
            .get("delta.columnMapping.mode")
            .filter(|mode| *mode != "none")
        {
            let message = format!(
                "the table maps its columns by {mode}, which larder cannot read yet; read it with Spark, and store it without"
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let parsed = |name: &str| properties.get(name).map(|text| serde_json::from_str(text));
        let kept: Option<Schema> = parsed(SCHEMA).and_then(serde_json::Result::ok);
        let added = properties.get(ADDED).and_then(|text| serde_json::from_str(text).ok());
        Ok(Self {
            natural: schema::natural(&state.snapshot.arrow_schema())?,
            kept: kept.map(Arc::new),
            added: added.unwrap_or_default(),
            partition_columns,
            id,
            properties,
            state,
        })
    }

    /// Whether the value was deleted and only its history is left.
    pub(crate) fn is_missing(&self) -> bool {
        self.properties.get(MISSING).is_some_and(|missing| missing == "true") && self.state.files.is_empty()
    }

    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// Whether commits record what they change.
    pub(crate) fn records_changes(&self) -> bool {
        crate::changes::records(&self.properties)
    }

    pub(crate) fn properties(&self) -> &HashMap<String, String> {
        &self.properties
    }

    /// Files that may hold rows of a scope, in the order of their rows.
    pub(crate) fn files(&self, scope: &Scope) -> Vec<&Add> {
        let mut found: Vec<&Add> = self
            .state
            .files
            .iter()
            .filter(|add| scope.share(add, &self.natural) != Share::None)
            .collect();
        files::sort(&mut found);
        found
    }

    /// The schema in which rows of a scope are loaded: what was stored, in its own types and order.
    pub(crate) fn loaded(&self, scope: &Scope) -> SchemaRef {
        let hidden = |name: &str| !scope.is_whole() && self.added.iter().any(|added| added == name);
        let mut natural: BTreeMap<&str, &FieldRef> = BTreeMap::new();
        let shown: Vec<&FieldRef> = self
            .natural
            .fields()
            .iter()
            .filter(|field| !hidden(field.name()))
            .collect();
        natural.extend(shown.iter().map(|field| (field.name().as_str(), *field)));
        let own = |kept: &FieldRef| {
            let field = natural.get(kept.name().as_str())?;
            let (same, null) = (
                schema::natural(&Schema::new(vec![Arc::clone(kept)])).ok()?,
                field.is_nullable(),
            );
            let fits = same.field(0).data_type() == field.data_type();
            fits.then(|| Arc::new(kept.as_ref().clone().with_nullable(null)) as FieldRef)
        };
        let Some(kept) = &self.kept else {
            return Arc::new(Schema::new(shown.into_iter().cloned().collect::<Vec<_>>()));
        };
        let mut fields: Vec<FieldRef> = kept.fields().iter().filter_map(own).collect();
        for field in shown {
            if !fields.iter().any(|known| known.name() == field.name()) {
                fields.push(Arc::clone(field));
            }
        }
        Arc::new(Schema::new_with_metadata(fields, kept.metadata().clone()))
    }
}

fn unreadable(cause: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("the table's metadata cannot be read: {cause}"),
    )
    .with_source(cause)
}

/// A column that holds a partition's key.
pub(crate) fn added_field(name: &str) -> FieldRef {
    Arc::new(Field::new(name, arrow_schema::DataType::Utf8, true))
}
