//! The actions of one commit, made for one version of the table.

use crate::changes::{Changed, FEED, INSERT, all, check_names, cleared};
use crate::config::WriteMode;
use crate::core::Core;
use crate::files;
use crate::log::Log;
use crate::merge;
use crate::partition::{Scope, Share};
use crate::protocol;
use crate::schema;
use crate::stage::StagedTable;
use crate::table::{ADDED, MISSING, SCHEMA, Table, added_field};
use crate::write::{DATA, DataFile, Writer};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use bytes::Bytes;
use deltalake_core::kernel::transaction::CommitData;
use deltalake_core::kernel::{Action, Add, Metadata, Remove, Transaction};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use futures_util::StreamExt;
use larder_io_core::{Error, ErrorKind, Predicate, Result, col};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Properties of new tables. Ids of runs are forgotten after a month, or the log would grow with every run.
const PROPERTIES: [(&str, &str); 1] = [("delta.setTransactionRetentionDuration", "interval 30 days")];

/// One commit.
pub(crate) struct Plan {
    pub(crate) version: u64,
    pub(crate) bytes: Bytes,
    /// Files written for it alone: rows that stay of files that go.
    pub(crate) rewritten: Vec<DataFile>,
}

impl Plan {
    pub(crate) async fn make(staged: &StagedTable, table: Option<&Table>) -> Result<Self> {
        let version = table.map_or(0, |table| table.state.version + 1);
        let mut actions = Vec::new();
        if let Some(table) = table {
            protocol::check(table, &[])?;
        }
        let (natural, metadata) = metadata(staged, table)?;
        let records = staged.core.config.change_data_feed || table.is_some_and(Table::records_changes);
        if records {
            // Not only the new rows' columns: the table's own, which others may have made.
            check_names(&natural)?;
        }
        let protocol = match table {
            Some(table) => protocol::raised(table, &natural, records)?,
            None => Some(protocol::of_new_table(
                &staged.natural,
                &staged.core.config.table_properties(),
            )?),
        };
        actions.extend(protocol.map(Action::Protocol));
        actions.extend(metadata.map(Action::Metadata));
        let adds = staged.adds()?;
        let mut rewritten = Vec::new();
        if let Some(table) = table {
            let mut new = all(INSERT);
            let mut changed = match staged.mode() {
                WriteMode::Append => Changed::default(),
                WriteMode::Merge => {
                    let (changed, merged) = merge::apply(staged, table).await?;
                    new = merged;
                    changed
                }
                WriteMode::Overwrite | WriteMode::ErrorIfExists => clear(staged.place(), table, &staged.scope).await?,
                WriteMode::ReplacePartitions => replaced(staged, table).await?,
            };
            if records && changed.is_partial() {
                let new = adds.iter().map(|add| (add.clone(), Arc::clone(&new))).collect();
                let recorded = changed.record(staged.place(), table, &natural, new, |_| false).await;
                if let Err(error) = recorded {
                    crate::write::remove(&staged.log, &changed.written).await;
                    return Err(error);
                }
            }
            actions.extend(changed.actions());
            rewritten = changed.written;
        }
        for mut add in adds {
            files::set_version(&mut add, version);
            actions.push(Action::Add(add));
        }
        let made = Self::bytes(staged, table, version, actions);
        match made {
            Ok(bytes) => Ok(Self {
                version,
                bytes,
                rewritten,
            }),
            Err(error) => {
                crate::write::remove(&staged.log, &rewritten).await;
                Err(error)
            }
        }
    }

    fn bytes(staged: &StagedTable, table: Option<&Table>, version: u64, actions: Vec<Action>) -> Result<Bytes> {
        let appends = staged.mode() == WriteMode::Append;
        let predicate = (!staged.scope.is_whole()).then(|| staged.scope.describe());
        let operation = DeltaOperation::Write {
            mode: if appends { SaveMode::Append } else { SaveMode::Overwrite },
            partition_by: Some(staged.partition_columns.clone()).filter(|columns| !columns.is_empty()),
            predicate: predicate.filter(|_| !appends),
        };
        if let Some(table) = table {
            protocol::check(table, &actions)?;
        }
        let transactions = staged.application().map(|application| {
            let now = jiff::Timestamp::now().as_millisecond();
            Transaction::new_with_last_update(application, i64::try_from(version).unwrap_or(i64::MAX), Some(now))
        });
        let mut told = HashMap::from([("larder".to_owned(), provenance(staged))]);
        told.insert("isBlindAppend".to_owned(), json!(appends));
        if let Some(table) = table {
            told.insert("readVersion".to_owned(), json!(table.state.version));
        }
        let data = CommitData::new(actions, operation, told, transactions.into_iter().collect());
        data.get_bytes().map_err(crate::error::transaction)
    }
}

/// Who made the commit.
fn provenance(staged: &StagedTable) -> Json {
    let ctx = &staged.ctx;
    json!({
        "write": ctx.write.as_str(),
        "run": ctx.run.as_str(),
        "asset": ctx.asset.as_str(),
        "partition": ctx.partition.as_ref().map(ToString::to_string),
        "codeVersion": ctx.code_version,
        "mode": staged.mode(),
    })
}

/// A table's log, and how its files are written.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) core: &'p Core,
    pub(crate) log: &'p Log,
}

/// Takes all rows of a scope away; a file that has others too is written again with those.
pub(crate) async fn clear(place: Place<'_>, table: &Table, scope: &Scope) -> Result<Changed> {
    let mut changed = Changed::default();
    let Some(rows) = scope.predicate() else {
        changed.removed = table.state.files.to_vec();
        return Ok(changed);
    };
    for add in table.files(scope) {
        if scope.share(add, &table.natural) == Share::All {
            changed.removed.push(add.clone());
            continue;
        }
        let others = all_but(&rows);
        let kept = rest(place, table, add, others).await;
        match kept {
            Ok(stay) => changed.replace(add, stay, cleared(rows.clone())),
            Err(error) => {
                crate::write::remove(place.log, &changed.written).await;
                return Err(error);
            }
        }
    }
    Ok(changed)
}

/// The rows of which a predicate is not true: false, or neither because of a null.
fn all_but(rows: &Predicate) -> Predicate {
    let nulls = rows.columns().into_iter().map(|name| col(name).is_null());
    nulls.fold(rows.clone().negate(), Predicate::or)
}

/// Writes the rows of a file that a predicate keeps.
async fn rest(place: Place<'_>, table: &Table, add: &Add, keep: Predicate) -> Result<Vec<DataFile>> {
    let source = place.core.source(place.log, table, &Scope::default());
    let batches = source.file(add, &table.natural).await?;
    let batches = batches.map(move |batch| batch.and_then(|batch| keep.filter(&batch)));
    rewriter(place, table, add).write(batches.boxed(), false).await
}

/// Writes rows of one file again, in its partition.
pub(crate) fn rewriter<'w>(place: Place<'w>, table: &'w Table, add: &Add) -> Writer<'w> {
    let value = |name: &String| add.partition_values.get(name).cloned().flatten();
    let values = table.partition_columns.iter().map(|name| (name.clone(), value(name)));
    Writer {
        files: &place.core.files,
        log: place.log,
        schema: Arc::clone(&table.natural),
        partition_columns: &table.partition_columns,
        fixed: values.collect(),
        prefix: DATA,
        file_bytes: place.core.config.file_bytes,
        gather_bytes: place.core.config.gather_bytes,
        compression: place.core.compression(),
    }
}

/// Takes away the files of those partitions that new rows are in.
async fn replaced(staged: &StagedTable, table: &Table) -> Result<Changed> {
    if table.partition_columns.is_empty() {
        return clear(staged.place(), table, &staged.scope).await;
    }
    let mut changed =
        clear(staged.place(), table, &staged.scope)
            .await
            .map(|changed| match staged.scope.is_whole() {
                true => Changed::default(),
                false => changed,
            })?;
    if staged.scope.is_whole() {
        let new = |add: &Add| {
            staged
                .files
                .iter()
                .any(|file| file.add.partition_values == add.partition_values)
        };
        changed.removed = table.state.files.iter().filter(|add| new(add)).cloned().collect();
    }
    Ok(changed)
}

pub(crate) fn removed(add: &Add) -> Remove {
    Remove {
        path: add.path.clone(),
        data_change: true,
        deletion_timestamp: Some(jiff::Timestamp::now().as_millisecond()),
        extended_file_metadata: Some(true),
        partition_values: Some(add.partition_values.clone()),
        size: Some(add.size),
        tags: None,
        deletion_vector: add.deletion_vector.clone(),
        base_row_id: add.base_row_id,
        default_row_commit_version: add.default_row_commit_version,
    }
}

/// The columns that the table has after the commit, and its metadata, where the commit changes it.
fn metadata(staged: &StagedTable, table: Option<&Table>) -> Result<(SchemaRef, Option<Metadata>)> {
    let whole = staged.scope.is_whole() && matches!(staged.mode(), WriteMode::Overwrite | WriteMode::ErrorIfExists);
    let free = table.is_none_or(Table::is_missing);
    let natural = match table.filter(|_| !free) {
        None => Arc::clone(&staged.natural),
        Some(table) => staged
            .core
            .config
            .evolution
            .apply(&table.natural, &staged.natural, whole)?,
    };
    let mut added: Vec<&str> = staged.scope.added();
    if let Some(table) = table.filter(|_| !free && !whole) {
        let before = table
            .added
            .iter()
            .map(String::as_str)
            .filter(|name| !added.contains(name));
        added = before.chain(added.iter().copied()).collect();
    }
    // Rows that stay are cast to what is kept: it changes only with all of them.
    let kept = match table.filter(|_| !free && !whole).and_then(|table| table.kept.as_ref()) {
        Some(kept) => merged(kept, &staged.schema),
        None => Arc::clone(&staged.schema),
    };
    let kept_json = serde_json::to_string(kept.as_ref()).map_err(unwritable)?;
    let added_json = serde_json::to_string(&added).map_err(unwritable)?;
    let own = [(SCHEMA, kept_json), (ADDED, added_json), (MISSING, "false".to_owned())];
    let Some(table) = table else {
        let schema = schema::kernel(&natural)?;
        let mut properties: BTreeMap<String, String> = PROPERTIES
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        properties.extend(staged.core.config.table_properties());
        properties.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let made = deltalake_core::kernel::new_metadata(&schema, &staged.partition_columns, properties);
        return made.map(|made| (natural, Some(made))).map_err(|cause| {
            Error::new(
                ErrorKind::Unexpected,
                format!("the table's metadata cannot be written: {cause}"),
            )
        });
    };
    let same = |(name, value): &(&str, String)| table.property(name).unwrap_or("false") == value;
    let foreign = table.kept.is_none() && !whole && !free;
    let begins = staged.core.config.change_data_feed && !table.records_changes();
    let keeps = natural.fields() == table.natural.fields() && (own.iter().all(same) || foreign);
    if keeps && !begins {
        return Ok((natural, None));
    }
    let mut metadata = serde_json::to_value(table.state.snapshot.metadata()).map_err(unwritable)?;
    let mut properties = table.properties().clone();
    if !keeps {
        properties.extend(own.map(|(name, value)| (name.to_owned(), value)));
    }
    properties.extend(begins.then(|| (FEED.to_owned(), "true".to_owned())));
    if natural.fields() != table.natural.fields() {
        let mut schema = serde_json::to_value(schema::kernel(&natural)?).map_err(unwritable)?;
        let before = metadata["schemaString"].as_str().unwrap_or_default();
        if !free {
            schema::carry(&serde_json::from_str(before).map_err(unwritable)?, &mut schema);
        }
        metadata["schemaString"] = json!(schema.to_string());
    }
    metadata["configuration"] = json!(properties);
    if free {
        metadata["partitionColumns"] = json!(staged.partition_columns);
    }
    let metadata = serde_json::from_value(metadata).map_err(unwritable)?;
    Ok((natural, Some(metadata)))
}

/// What is kept of the asset's types, with columns that are new.
fn merged(kept: &SchemaRef, stored: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<FieldRef> = kept.fields().iter().cloned().collect();
    fields.extend(
        stored
            .fields()
            .iter()
            .filter(|field| kept.field_with_name(field.name()).is_err())
            .cloned(),
    );
    Arc::new(Schema::new_with_metadata(fields, kept.metadata().clone()))
}

fn unwritable(cause: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Unexpected,
        format!("the table's metadata cannot be written: {cause}"),
    )
    .with_source(cause)
}

/// The stored columns with those that hold the partition's key.
pub(crate) fn with_added(natural: &SchemaRef, scope: &Scope) -> SchemaRef {
    let mut fields: Vec<FieldRef> = natural.fields().iter().cloned().collect();
    fields.extend(scope.added().into_iter().map(added_field));
    Arc::new(Schema::new(fields))
}
