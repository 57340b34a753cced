//! Which tables may be written. The library says no to every table whose protocol could have rules for rows; here it is looked
//! whether the table has any.

use crate::changes::FEED;
use crate::table::Table;
use arrow_schema::{DataType, Field, Schema};
use deltalake_core::kernel::{Action, Protocol};
use larder_io_core::{Error, ErrorKind, Result};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The newest protocol for writers, whose features are listed one by one.
const LISTED: i64 = 7;

/// Features that ask nothing of a writer, or whose rules are looked at one by one.
const FEATURES: [&str; 11] = [
    "appendOnly",
    "changeDataFeed",
    "checkConstraints",
    "columnMapping",
    "deletionVectors",
    "generatedColumns",
    "identityColumns",
    "invariants",
    "timestampNtz",
    "v2Checkpoint",
    "vacuumProtocolCheck",
];

/// Rules of columns that a writer must follow, and that larder does not.
const COLUMN_RULES: [(&str, &str); 3] = [
    ("delta.generationExpression", "is generated from others"),
    ("delta.invariants", "has an invariant"),
    ("delta.identity.start", "is numbered by the table"),
];

/// The first rule of a column or of a field in it: where it is, and what it says.
fn rule(field: &Field) -> Option<(String, &'static str)> {
    let own = COLUMN_RULES
        .iter()
        .find(|(name, _)| field.metadata().contains_key(*name));
    if let Some((_, what)) = own {
        return Some((field.name().clone(), what));
    }
    let (path, what) = inner(field.data_type()).into_iter().find_map(|field| rule(field))?;
    Some((format!("{}.{path}", field.name()), what))
}

/// The fields that a type is made of.
fn inner(data_type: &DataType) -> Vec<&Field> {
    match data_type {
        DataType::List(inner) | DataType::Map(inner, _) => vec![inner],
        DataType::Struct(fields) => fields.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

fn refused(what: &str) -> Error {
    let message = format!(
        "{what}, which larder does not check; write this table with the engine that set it, or take the rule away"
    );
    Error::new(ErrorKind::Unsupported, message)
}

/// Refuses a table whose rules larder does not follow, and a commit that takes rows of a table which only takes more.
///
/// # Errors
/// `Unsupported` with the rule.
pub(crate) fn check(table: &Table, actions: &[Action]) -> Result<()> {
    let protocol = serde_json::to_value(table.state.snapshot.protocol()).unwrap_or_default();
    let version = protocol["minWriterVersion"].as_i64().unwrap_or(i64::MAX);
    let listed: Vec<&str> = protocol["writerFeatures"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str())
        .collect();
    let unknown = listed.iter().find(|name| !FEATURES.contains(name));
    if version > LISTED || unknown.is_some() {
        let what = unknown.map_or_else(
            || format!("writer version {version}"),
            |name| format!("the feature `{name}`"),
        );
        let message = format!(
            "the table was written by a newer Delta protocol than larder knows: it needs {what}; nothing was changed"
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let constraint = table
        .properties()
        .keys()
        .find_map(|name| name.strip_prefix("delta.constraints."));
    if let Some(name) = constraint {
        return Err(refused(&format!("the table has the constraint `{name}`")));
    }
    for field in table.state.snapshot.arrow_schema().fields() {
        if let Some((path, what)) = rule(field) {
            return Err(refused(&format!("the table's column `{path}` {what}")));
        }
    }
    let takes = actions
        .iter()
        .any(|action| matches!(action, Action::Remove(remove) if remove.data_change));
    if takes && table.property("delta.appendOnly") == Some("true") {
        let message = "the table only takes more rows (`delta.appendOnly`), and this would take some away; set `mode = \"append\"`";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok(())
}

/// The protocol that a new table needs, the oldest that has what it uses.
pub(crate) fn of_new_table(schema: &Schema, properties: &BTreeMap<String, String>) -> Result<Protocol> {
    let zoneless = schema.fields().iter().any(|field| has_zoneless(field.data_type()));
    let feed = properties
        .get(FEED)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let protocol = match (zoneless, feed) {
        (false, false) => json!({ "minReaderVersion": 1, "minWriterVersion": 2 }),
        (false, true) => json!({ "minReaderVersion": 1, "minWriterVersion": 4 }),
        (true, _) => {
            let mut features = vec!["timestampNtz", "appendOnly"];
            features.extend(feed.then_some("changeDataFeed"));
            json!({
                "minReaderVersion": 3, "minWriterVersion": LISTED,
                "readerFeatures": ["timestampNtz"], "writerFeatures": features,
            })
        }
    };
    made(protocol)
}

/// What the versions for writers before the listed ones stand for, each with what those before it do.
/// <https://github.com/delta-io/delta/blob/master/PROTOCOL.md#feature-names>
const NUMBERED: [(i64, &str); 7] = [
    (2, "appendOnly"),
    (2, "invariants"),
    (3, "checkConstraints"),
    (4, "changeDataFeed"),
    (4, "generatedColumns"),
    (5, "columnMapping"),
    (6, "identityColumns"),
];

/// The protocol that a table needs with these columns, and with a feed of its changes where `feed` says so; `None` where it
/// has it.
pub(crate) fn raised(table: &Table, schema: &Schema, feed: bool) -> Result<Option<Protocol>> {
    let mut protocol = serde_json::to_value(table.state.snapshot.protocol()).unwrap_or_default();
    let version = |name: &str| protocol[name].as_i64().unwrap_or(1);
    let (reads, writes) = (version("minReaderVersion"), version("minWriterVersion"));
    let listed = |name: &str| {
        let all = protocol[name].as_array().into_iter().flatten();
        all.filter_map(|name| name.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let mut features = listed("writerFeatures");
    if writes < LISTED {
        let known = NUMBERED.iter().filter(|(since, _)| *since <= writes);
        features = known.map(|(_, name)| (*name).to_owned()).collect();
    }
    let lacks = |features: &[String], name: &str| !features.iter().any(|known| known == name);
    let zoneless =
        schema.fields().iter().any(|field| has_zoneless(field.data_type())) && lacks(&features, "timestampNtz");
    let feed = feed && lacks(&features, "changeDataFeed");
    if !zoneless && !feed {
        return Ok(None);
    }
    if !zoneless && writes < LISTED {
        protocol["minWriterVersion"] = json!(4);
        return made(protocol).map(Some);
    }
    features.extend(feed.then(|| "changeDataFeed".to_owned()));
    if zoneless {
        features.push("timestampNtz".to_owned());
        let mut readers = listed("readerFeatures");
        readers.extend((reads == 2).then(|| "columnMapping".to_owned()));
        readers.push("timestampNtz".to_owned());
        (protocol["minReaderVersion"], protocol["readerFeatures"]) = (json!(3), json!(readers));
    }
    (protocol["minWriterVersion"], protocol["writerFeatures"]) = (json!(LISTED), json!(features));
    made(protocol).map(Some)
}

fn made(protocol: Json) -> Result<Protocol> {
    serde_json::from_value(protocol).map_err(|cause| {
        Error::new(
            ErrorKind::Unexpected,
            format!("the table's protocol cannot be written: {cause}"),
        )
        .with_source(cause)
    })
}

fn has_zoneless(data_type: &DataType) -> bool {
    let fields = inner(data_type);
    matches!(data_type, DataType::Timestamp(_, None)) || fields.iter().any(|field| has_zoneless(field.data_type()))
}
