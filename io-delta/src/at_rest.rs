//! Where the rows of a table's version are, for engines that read the files themselves.

use crate::partition::Share;
use crate::read::DeltaSource;
use arrow_schema::{DataType, Field, FieldRef};
use deltalake_core::kernel::Add;
use larder_io_core::AtRest;

/// The files, where their rows are those of the scope as they are; `None` where the log says more of them than that.
pub(crate) fn files(source: &DeltaSource) -> Option<AtRest> {
    let table = &source.table;
    let files = table.files(&source.scope);
    // What the files hold themselves: the values of partition columns stand in the log. Those of an asset's own partition are not among what it loads.
    let natural = table.natural.fields().iter();
    let own: Vec<&FieldRef> = natural
        .filter(|field| !table.partition_columns.contains(field.name()))
        .collect();
    // All rows of all files: none is deleted by the log, none is another partition's.
    let plain = files.iter().all(|add| {
        let whole = source.scope.share(add, &table.natural) == Share::All;
        whole && add.deletion_vector.is_none() && is_plain(&add.path)
    });
    let same = source.schema.fields().len() == own.len()
        && source
            .schema
            .fields()
            .iter()
            .zip(&own)
            .all(|(told, own)| is_same(told, own));
    if !plain || files.is_empty() || !same {
        return None;
    }
    let root = &source.files.ground().root;
    let bare = root.split_once("://").map_or(root.as_str(), |(_, bare)| bare);
    // Files that were written under other columns are read as the table's only by who knows the log.
    if !is_plain(bare) || !files.iter().all(|add| has_columns(add, &own)) {
        return None;
    }
    let url = |add: &&Add| {
        let path = source.log.path(&add.path).ok()?;
        is_plain(path.as_ref()).then(|| format!("{root}/{path}"))
    };
    files.iter().map(url).collect::<Option<Vec<_>>>().map(AtRest::Files)
}

/// Whether a file was written with these columns, by its statistics; no where they do not say.
fn has_columns(add: &Add, own: &[&FieldRef]) -> bool {
    let stats: Option<serde_json::Value> = add.stats.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let counted = stats.as_ref().and_then(|stats| stats.get("nullCount")?.as_object());
    counted
        .is_some_and(|counted| counted.len() == own.len() && own.iter().all(|field| counted.contains_key(field.name())))
}

/// Whether a column has the values that its files have: Arrow has several encodings of texts and bytes, and Parquet one.
fn is_same(told: &Field, own: &Field) -> bool {
    let natural = |data_type: &DataType| match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    };
    (told.name(), told.is_nullable()) == (own.name(), own.is_nullable())
        && natural(told.data_type()) == natural(own.data_type())
}

/// Whether a path is the same in a URL, however it is read.
pub(crate) fn is_plain(path: &str) -> bool {
    path.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_./=".contains(&byte))
}
