//! Errors both ways: what a table says comes out of a query as it went in.

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use larder_io_core::{Error, ErrorKind, Position, nearest};
use std::sync::Arc;

/// One of larder's errors on its way through DataFusion. Shared, because the plan may hand it to several readers.
#[derive(Clone, Debug)]
struct Carried(Arc<Error>);

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Carried {}

pub(crate) fn into_engine(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(Carried(Arc::new(error))))
}

/// The error of a query; one that a table gave is itself again, with its kind and whether to try again.
pub(crate) fn from_engine(error: DataFusionError) -> Error {
    let root = error.find_root();
    let kind = match root {
        DataFusionError::External(inner) => {
            return match inner.downcast_ref::<Carried>() {
                Some(Carried(error)) => error.copied(),
                None => Error::new(ErrorKind::Unexpected, format!("the query failed: {inner}")),
            };
        }
        DataFusionError::SQL(..)
        | DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::Diagnostic(..) => ErrorKind::InvalidDefinition,
        DataFusionError::NotImplemented(_) | DataFusionError::Configuration(_) => ErrorKind::Unsupported,
        // What the rows hold: a division by zero, a text that is no number.
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => ErrorKind::InvalidData,
        DataFusionError::ResourcesExhausted(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    };
    let what = match root {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => no_column(field, valid_fields),
            _ => error.strip_backtrace(),
        },
        DataFusionError::SQL(parser, _) => larder_engine_parse::placed(&parser.to_string()),
        DataFusionError::ResourcesExhausted(_) => {
            format!("{}; `DataFusion::with_memory` gives it more", error.strip_backtrace())
        }
        _ => error.strip_backtrace(),
    };
    let told = matches!(root, DataFusionError::SQL(..));
    let at = position(&error, root)
        .filter(|_| !told)
        .map(|at| format!("{at}: "))
        .unwrap_or_default();
    Error::new(kind, format!("the query failed: {at}{what}"))
}

/// Where in the text it is wrong, as far as that is known.
fn position(error: &DataFusionError, root: &DataFusionError) -> Option<Position> {
    let of_column = match root {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field } => field.spans.first(),
            _ => None,
        },
        _ => None,
    };
    let span = of_column.or_else(|| error.diagnostic()?.span)?;
    Some(Position {
        line: span.start.line,
        column: span.start.column,
    })
}

fn no_column(field: &Column, valid: &[Column]) -> String {
    let near = nearest(&field.name, valid.iter().map(|column| column.name.as_str()));
    let wanted = field.flat_name();
    if let Some(near) = near {
        return format!("there is no column `{wanted}`; did you mean `{near}`?");
    }
    if valid.is_empty() {
        return format!("there is no column `{wanted}`");
    }
    let known: Vec<String> = valid.iter().map(|column| format!("`{}`", column.name)).collect();
    format!("there is no column `{wanted}`; there are {}", known.join(", "))
}
