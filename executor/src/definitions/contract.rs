//! The columns that an asset declares.

use super::Pipeline;
use larder_io_core::{AssetKey, ErrorKind, Result, Value};

impl Pipeline {
    /// The value, held against the columns that its asset declares.
    ///
    /// # Errors
    /// Of `kind`, with every difference.
    #[cfg(feature = "arrow")]
    pub(crate) fn conforming(&self, key: &AssetKey, value: Value, kind: ErrorKind) -> Result<Value> {
        let origin = self.origin(key)?;
        let output = &self.0.assets[origin.step].outputs[origin.output];
        match (value, &output.columns) {
            (Value::Table(table), Some(columns)) => {
                larder_io_core::table::conforming(table, columns, kind).map(Value::Table)
            }
            (value, _) => Ok(value),
        }
    }

    /// Without tables there are no columns.
    #[cfg(not(feature = "arrow"))]
    pub(crate) fn conforming(&self, key: &AssetKey, value: Value, kind: ErrorKind) -> Result<Value> {
        let _ = (key, kind);
        Ok(value)
    }
}
