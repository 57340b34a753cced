//! Where the rows of a table's version are, for engines that read the files themselves.

use crate::read::DeltaSource;
use arrow_schema::Schema;
use deltalake_core::kernel::Add;
use larder_io_core::AtRest;

/// The files, where their rows are the version's as they are; `None` where the log says more of them than that.
pub(crate) fn files(source: &DeltaSource) -> Option<AtRest> {
    let table = &source.table;
    let files = table.files(&source.scope);
    // All rows of all files, as they are: no part of the rows stands in the log, and none is deleted by it.
    let whole = source.scope.predicate().is_none() && table.partition_columns.is_empty();
    let plain = files
        .iter()
        .all(|add| add.deletion_vector.is_none() && is_plain(&add.path));
    if !whole || !plain || files.is_empty() || table.natural.fields() != source.schema.fields() {
        return None;
    }
    let root = &source.files.ground().root;
    let bare = root.split_once("://").map_or(root.as_str(), |(_, bare)| bare);
    // Files that were written under other columns are read as the table's only by who knows the log.
    if !is_plain(bare) || !files.iter().all(|add| has_columns(add, &table.natural)) {
        return None;
    }
    let url = |add: &&Add| {
        let path = source.log.path(&add.path).ok()?;
        is_plain(path.as_ref()).then(|| format!("{root}/{path}"))
    };
    files.iter().map(url).collect::<Option<Vec<_>>>().map(AtRest::Files)
}

/// Whether a file was written with these columns, by its statistics; no where they do not say.
fn has_columns(add: &Add, schema: &Schema) -> bool {
    let stats: Option<serde_json::Value> = add.stats.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let counted = stats.as_ref().and_then(|stats| stats.get("nullCount")?.as_object());
    counted.is_some_and(|counted| {
        counted.len() == schema.fields().len() && schema.fields().iter().all(|field| counted.contains_key(field.name()))
    })
}

/// Whether a path is the same in a URL, however it is read.
pub(crate) fn is_plain(path: &str) -> bool {
    path.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_./=".contains(&byte))
}
