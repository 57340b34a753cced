//! What becomes of a table's schema when a value with another one is stored.

use arrow_schema::{Field, FieldRef, Schema, SchemaRef};
use larder_io_core::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which changes of a table's schema a store may make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Evolution {
    /// None.
    #[default]
    Strict,
    /// New columns that may be null, at the end, and columns that may be null from now on.
    Widen,
    /// Besides, columns may be missing in what is stored: an overwrite takes them away, other writes leave them null.
    Merge,
}

/// What a column is called, what it holds, and whether it may be null.
fn told(field: &Field) -> String {
    let null = if field.is_nullable() { "" } else { " not null" };
    format!("{}{null}", field.data_type())
}

/// Every difference, a line each.
pub(crate) fn differences(table: &Schema, stored: &Schema) -> Vec<String> {
    let mut lines = Vec::new();
    for field in table.fields() {
        match stored.field_with_name(field.name()) {
            Err(_) => lines.push(format!("`{}` {} is missing", field.name(), told(field))),
            Ok(new) if told(new) != told(field) => {
                lines.push(format!("`{}` was {} and is {}", field.name(), told(field), told(new)));
            }
            Ok(_) => {}
        }
    }
    let new = stored
        .fields()
        .iter()
        .filter(|field| table.field_with_name(field.name()).is_err());
    lines.extend(new.map(|field| format!("`{}` {} is new", field.name(), told(field))));
    if lines.is_empty() {
        let order = |schema: &Schema| {
            schema
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect::<Vec<_>>()
        };
        if order(table) != order(stored) {
            lines.push(format!(
                "the columns stood as {}, and stand as {}",
                order(table).join(", "),
                order(stored).join(", ")
            ));
        }
    }
    lines
}

impl Evolution {
    /// The schema that the table has after a write; `whole` says that nothing of the old rows stays.
    ///
    /// # Errors
    /// `InvalidDefinition` with every difference, when the change is not allowed.
    pub(crate) fn apply(self, table: &SchemaRef, stored: &SchemaRef, whole: bool) -> Result<SchemaRef> {
        if table.fields() == stored.fields() {
            return Ok(Arc::clone(table));
        }
        let refused = || {
            let lines = differences(table, stored);
            let next = match self {
                Self::Strict => "allow it with `evolution = \"widen\"` or `\"merge\"`, or materialize the old columns",
                Self::Widen => "`evolution = \"merge\"` allows columns to go; a changed type needs a new table",
                Self::Merge => "a changed type or a new column without nulls needs a new table",
            };
            let message = format!("the table has another schema: {}; {next}", lines.join("; "));
            Err(Error::new(ErrorKind::InvalidDefinition, message))
        };
        if self == Self::Strict {
            return refused();
        }
        let mut fields: Vec<FieldRef> = Vec::new();
        for field in table.fields() {
            match stored.field_with_name(field.name()) {
                Ok(new) if new.data_type() == field.data_type() => {
                    let nullable = field.is_nullable() || new.is_nullable();
                    fields.push(Arc::new(field.as_ref().clone().with_nullable(nullable)));
                }
                Ok(_) => return refused(),
                Err(_) if self == Self::Merge && (whole || field.is_nullable()) => {
                    if !whole {
                        fields.push(Arc::clone(field));
                    }
                }
                Err(_) => return refused(),
            }
        }
        for field in stored
            .fields()
            .iter()
            .filter(|field| table.field_with_name(field.name()).is_err())
        {
            if !field.is_nullable() && !whole {
                return refused();
            }
            fields.push(Arc::clone(field));
        }
        // What is stored whole is loaded in its own order.
        Ok(match whole {
            true => Arc::clone(stored),
            false => Arc::new(Schema::new(fields)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::DataType;

    fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
        let fields = fields
            .iter()
            .map(|(name, data_type, null)| Field::new(*name, data_type.clone(), *null));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    #[test]
    fn the_table_of_changes() {
        use DataType::{Int32, Int64, Utf8};
        let table = schema(&[("a", Int64, false), ("b", Utf8, true)]);
        let added = schema(&[("a", Int64, false), ("b", Utf8, true), ("c", Int32, true)]);
        let loosened = schema(&[("a", Int64, true), ("b", Utf8, true)]);
        let lacking = schema(&[("a", Int64, false)]);
        let retyped = schema(&[("a", Int64, false), ("b", Int32, true)]);
        let strictly = |new| Evolution::Strict.apply(&table, new, true).is_ok();
        assert!(strictly(&table) && ![&added, &loosened, &lacking, &retyped].into_iter().any(strictly));
        for (new, widen, merge) in [
            (&added, true, true),
            (&loosened, true, true),
            (&lacking, false, true),
            (&retyped, false, false),
        ] {
            for whole in [false, true] {
                assert_eq!(Evolution::Widen.apply(&table, new, whole).is_ok(), widen, "{new:?}");
                assert_eq!(Evolution::Merge.apply(&table, new, whole).is_ok(), merge, "{new:?}");
            }
        }
        let kept = Evolution::Merge.apply(&table, &lacking, false).expect("merges");
        assert_eq!(kept, table, "rows that stay keep their columns");
        let error = Evolution::Strict.apply(&table, &retyped, true).expect_err("is refused");
        assert!(error.message().contains("`b` was Utf8 and is Int32"), "{error}");
    }
}
