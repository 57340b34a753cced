//! What a commit does to files that are there, and its change data feed: the rows that it took away, brought and changed,
//! for tables that record them.
//!
//! A reader of the feed takes a commit's data files as they came and went, unless it has change files: then it reads only
//! those (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#change-data-files>). A commit which writes a file
//! again with rows that stay therefore records all of its changes, and others none.

use crate::files;
use crate::partition::Scope;
use crate::plan::{Place, removed, rewriter};
use crate::table::Table;
use crate::write::DataFile;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use deltalake_core::kernel::{Action, Add, AddCDCFile};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{BatchStream, Error, ErrorKind, Predicate, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The property of tables that record changes.
pub(crate) const FEED: &str = "delta.enableChangeDataFeed";
/// Where change files lie below a table, and how their names begin.
pub(crate) const CHANGES: &str = "_change_data/cdc-";
/// What became of a row.
const KIND: &str = "_change_type";
/// Columns that readers of the feed see besides.
const RESERVED: [&str; 3] = [KIND, "_commit_version", "_commit_timestamp"];

/// What became of a row, in the protocol's words.
pub(crate) type Kind = &'static str;
pub(crate) const INSERT: Kind = "insert";
pub(crate) const DELETE: Kind = "delete";
pub(crate) const BEFORE: Kind = "update_preimage";
pub(crate) const AFTER: Kind = "update_postimage";

/// Tells what became of each row of a file; nothing of rows that stay.
pub(crate) type Label = Arc<dyn Fn(&RecordBatch) -> Result<Vec<Option<Kind>>> + Send + Sync>;

/// The same became of every row.
pub(crate) fn all(kind: Kind) -> Label {
    Arc::new(move |batch| Ok(vec![Some(kind); batch.num_rows()]))
}

/// Rows of a scope were taken away.
pub(crate) fn cleared(rows: Predicate) -> Label {
    Arc::new(move |batch| {
        let mask = rows.mask(batch)?;
        Ok(mask
            .iter()
            .map(|inside| (inside == Some(true)).then_some(DELETE))
            .collect())
    })
}

/// Whether properties say that a table records its changes.
pub(crate) fn records(properties: &HashMap<String, String>) -> bool {
    properties
        .get(FEED)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Refuses columns whose names the feed needs.
///
/// # Errors
/// `InvalidDefinition` with the column.
pub(crate) fn check_names(schema: &Schema) -> Result<()> {
    let taken = |field: &&FieldRef| RESERVED.iter().any(|name| field.name().eq_ignore_ascii_case(name));
    match schema.fields().iter().find(taken) {
        None => Ok(()),
        Some(field) => {
            let message = format!(
                "the table records its changes, and readers of them need the name `{}` for themselves; call the column otherwise, or store it in a table without `change_data_feed`",
                field.name()
            );
            Err(Error::new(ErrorKind::InvalidDefinition, message))
        }
    }
}

/// Values of a table's partition columns.
type Values = BTreeMap<String, Option<String>>;

/// What a commit does to files that are there.
#[derive(Default)]
pub(crate) struct Changed {
    /// Files of which no row stays.
    pub(crate) removed: Vec<Add>,
    /// Files of which some stay, in files of their own, and what became of the others.
    replaced: Vec<(Add, Label)>,
    added: Vec<Add>,
    recorded: Vec<AddCDCFile>,
    /// What was written for this commit alone.
    pub(crate) written: Vec<DataFile>,
}

impl Changed {
    /// As actions of a commit.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let replaced = self.replaced.iter().map(|(add, _)| add);
        let removed = self
            .removed
            .iter()
            .chain(replaced)
            .map(|add| Action::Remove(removed(add)));
        let added = self.added.iter().cloned().map(Action::Add);
        removed
            .chain(added)
            .chain(self.recorded.iter().cloned().map(Action::Cdc))
            .collect()
    }

    /// Puts files with the rows that stay in the place of another one.
    pub(crate) fn replace(&mut self, old: &Add, stay: Vec<DataFile>, label: Label) {
        self.replaced.push((old.clone(), label));
        for (piece, file) in stay.iter().enumerate() {
            self.added.push(files::in_place_of(old, file, piece));
        }
        self.written.extend(stay);
    }

    /// Whether readers of the feed could not tell the changes from the files that come and go.
    pub(crate) fn is_partial(&self) -> bool {
        !self.replaced.is_empty()
    }

    /// Writes the change files of a commit that takes these files away and brings others, in the columns that the table has
    /// afterwards. A file goes and comes unchanged where `same` says so.
    ///
    /// Rows are read again one batch after the other; there is a file for each partition of the table.
    pub(crate) async fn record(
        &mut self,
        place: Place<'_>,
        table: &Table,
        columns: &SchemaRef,
        new: Vec<(Add, Label)>,
        same: impl Fn(&Add) -> bool,
    ) -> Result<()> {
        check_names(columns)?;
        // Rows that go may have nulls where the table allows none any more.
        let nullable = |field: &FieldRef| -> FieldRef { Arc::new(field.as_ref().clone().with_nullable(true)) };
        let columns: SchemaRef = Arc::new(Schema::new(columns.fields().iter().map(nullable).collect::<Vec<_>>()));
        let removed = self.removed.iter().map(|add| (add.clone(), all(DELETE)));
        let old = removed.chain(self.replaced.iter().cloned());
        let files: Vec<(Add, Label)> = old.chain(new).collect();
        let values = |add: &Add| -> Values { add.partition_values.clone().into_iter().collect() };
        let mut groups: BTreeMap<Values, Vec<(Add, Label)>> = BTreeMap::new();
        for (add, label) in files.iter().filter(|(add, _)| !same(add)) {
            groups
                .entry(values(add))
                .or_default()
                .push((add.clone(), Arc::clone(label)));
        }
        // Nothing changed: then a change file says so.
        if groups.is_empty() {
            groups.extend(files.first().map(|(add, _)| (values(add), Vec::new())));
        }
        let source = place.core.source(place.log, table, &Scope::default());
        let (count, mut written) = (groups.len(), 0);
        for (group, (values, pieces)) in groups.into_iter().enumerate() {
            let like = Add {
                partition_values: values.into_iter().collect(),
                ..Add::default()
            };
            let (source, columns) = (source.clone(), Arc::clone(&columns));
            let mut writer = rewriter(place, table, &like);
            (writer.schema, writer.prefix) = (with_kind(&columns), CHANGES);
            let schema = Arc::clone(&writer.schema);
            let rows = stream::iter(pieces).then(move |(add, label)| {
                let (source, columns, schema) = (source.clone(), Arc::clone(&columns), Arc::clone(&schema));
                async move {
                    let batches = source.file(&add, &columns).await?;
                    Ok::<_, Error>(batches.map(move |batch| labelled(&batch?, &label, &schema)))
                }
            });
            let rows: BatchStream = rows.try_flatten().boxed();
            // Without a single change file readers would take the data files for what changed.
            let needed = written == 0 && group + 1 == count;
            let files = writer.write(rows, needed).await?;
            written += files.len();
            self.recorded.extend(files.iter().map(|file| AddCDCFile {
                path: file.add.path.clone(),
                size: file.add.size,
                partition_values: file.add.partition_values.clone(),
                data_change: false,
                tags: None,
            }));
            self.written.extend(files);
        }
        Ok(())
    }
}

fn with_kind(columns: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<FieldRef> = columns.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(KIND, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
}

/// The rows that changed, and how.
fn labelled(batch: &RecordBatch, label: &Label, schema: &SchemaRef) -> Result<RecordBatch> {
    let kinds = label(batch)?;
    let changed = kinds.iter().map(|kind| Some(kind.is_some())).collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns.push(Arc::new(StringArray::from(kinds)));
    let batch = crate::schema::assemble(schema, columns, batch.num_rows())?;
    Ok(filter_record_batch(&batch, &changed)?)
}
