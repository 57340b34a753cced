//! Where values are kept: `hive`, and `dagster` for stores that are shared with Dagster.

mod dagster;
mod hive;

pub use dagster::DagsterLayout;
pub use hive::HiveLayout;

use larder_io_core::Layout;
use std::sync::Arc;

/// Names of the layouts that `larder.toml` can ask for.
pub(crate) const NAMES: [&str; 2] = ["hive", "dagster"];

/// The layout of this name.
pub(crate) fn named(name: &str) -> Option<Arc<dyn Layout>> {
    match name {
        "hive" => Some(Arc::new(HiveLayout)),
        "dagster" => Some(Arc::new(DagsterLayout)),
        _ => None,
    }
}
