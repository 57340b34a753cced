//! Errors both ways: what a table says comes out of a query as it went in.

use datafusion::error::DataFusionError;
use larder_io_core::{Error, ErrorKind};
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
    let kind = match error.find_root() {
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
    Error::new(kind, format!("the query failed: {}", error.strip_backtrace()))
}
