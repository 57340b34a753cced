//! Reading the rows of one version of a table, file by file in the order in which they were stored.

use crate::at_rest;
use crate::log::Log;
use crate::partition::{Scope, Share};
use crate::schema::{assemble, into_schema};
use crate::stats::FileStats;
use crate::table::Table;
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, RecordBatch, StringArray, UInt32Array, new_null_array};
use arrow_cast::cast;
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take;
use async_trait::async_trait;
use delta_kernel::actions::deletion_vector::DeletionVectorDescriptor;
use deltalake_core::kernel::Add;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{AtRest, BatchStream, Error, ErrorKind, Predicate, Result, Scan, TableSource};
use larder_io_object::files::TableFiles;
use object_store::ObjectStoreExt as _;
use std::sync::Arc;

/// Files that are opened ahead of the one whose rows are being given.
const FILES_AHEAD: usize = 2;

/// The rows of a scope in one version of a table.
#[derive(Clone)]
pub(crate) struct DeltaSource {
    pub(crate) files: TableFiles,
    pub(crate) log: Log,
    pub(crate) table: Arc<Table>,
    pub(crate) scope: Scope,
    pub(crate) schema: SchemaRef,
}

impl DeltaSource {
    pub(crate) fn new(files: TableFiles, log: Log, table: Arc<Table>, scope: &Scope) -> Self {
        Self {
            schema: table.loaded(scope),
            scope: scope.clone(),
            files,
            log,
            table,
        }
    }

    /// All rows of one file in the table's own types.
    pub(crate) async fn file(&self, add: &Add, columns: &SchemaRef) -> Result<BatchStream> {
        let partition_columns = &self.table.partition_columns;
        read_file(&self.files, &self.log, add, partition_columns, columns, &Scan::all()).await
    }
}

#[async_trait]
impl TableSource for DeltaSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        true
    }

    fn rows(&self) -> Option<u64> {
        let natural = &self.table.natural;
        let counts = self.table.files(&self.scope).into_iter().map(|add| {
            let rows = FileStats::new(add, natural).rows();
            rows.filter(|_| self.scope.share(add, natural) == Share::All)
        });
        counts.sum()
    }

    fn at_rest(&self) -> Option<AtRest> {
        at_rest::files(self)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        // Checks names and literals before anything is read.
        let wanted = request.schema(&self.schema)?;
        if let Some(predicate) = &request.predicate {
            predicate.check(&self.schema)?;
        }
        let mut needed: Vec<&str> = wanted.fields().iter().map(|field| field.name().as_str()).collect();
        needed.extend(request.predicate.iter().flat_map(Predicate::columns));
        let of_scope = self.scope.predicate();
        needed.extend(of_scope.iter().flat_map(Predicate::columns));
        let natural = narrowed(&self.table.natural, &needed);
        let shown = narrowed(&self.schema, &needed);
        // What the request says is about the asset's types; where they are others, nothing is known before they are cast.
        let asked = request
            .predicate
            .as_ref()
            .and_then(|asked| understood(asked, &natural, &self.schema));
        let skipped = |add: &&Add| {
            let stats = FileStats::new(add, &self.table.natural);
            asked.as_ref().is_some_and(|asked| stats.verdict(asked).never())
        };
        let mut files: Vec<Add> = Vec::new();
        files.extend(
            self.table
                .files(&self.scope)
                .into_iter()
                .filter(|add| !skipped(add))
                .cloned(),
        );
        let limit = request.limit.filter(|_| request.predicate.is_none());
        let source = self.clone();
        let schema = Arc::clone(&shown);
        let batches = stream::iter(files)
            .map(move |add| {
                let (source, natural, asked) = (source.clone(), Arc::clone(&natural), asked.clone());
                let of_scope = of_scope.clone();
                async move {
                    let whole = source.scope.share(&add, &source.table.natural) == Share::All;
                    let rows = of_scope.filter(|_| !whole);
                    let mut hint = Scan::all();
                    hint.predicate = [rows.clone(), asked].into_iter().flatten().reduce(Predicate::and);
                    hint.limit = limit.filter(|_| whole);
                    let partition_columns = &source.table.partition_columns;
                    let batches =
                        read_file(&source.files, &source.log, &add, partition_columns, &natural, &hint).await?;
                    Ok::<_, Error>(batches.map(move |batch| match &rows {
                        Some(rows) => rows.filter(&batch?),
                        None => batch,
                    }))
                }
            })
            .buffered(FILES_AHEAD)
            .try_flatten()
            .map(move |batch| batch.and_then(|batch| into_schema(&batch, &schema)));
        request.apply(&shown, batches.boxed())
    }
}

/// Rows that are written and that no commit refers to yet.
pub(crate) struct StagedSource {
    pub(crate) files: TableFiles,
    pub(crate) log: Log,
    pub(crate) adds: Vec<Add>,
    pub(crate) partition_columns: Vec<String>,
    pub(crate) natural: SchemaRef,
    pub(crate) schema: SchemaRef,
}

#[async_trait]
impl TableSource for StagedSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        true
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let mut files = Vec::new();
        for add in &self.adds {
            let batches = read_file(
                &self.files,
                &self.log,
                add,
                &self.partition_columns,
                &self.natural,
                &Scan::all(),
            )
            .await?;
            files.push(batches);
        }
        let schema = Arc::clone(&self.schema);
        let batches = stream::iter(files)
            .flatten()
            .map(move |batch| batch.and_then(|batch| into_schema(&batch, &schema)));
        request.apply(&self.schema, batches.boxed())
    }
}

/// The named columns of a schema, in its order.
fn narrowed(schema: &SchemaRef, names: &[&str]) -> SchemaRef {
    let fields: Vec<FieldRef> = schema
        .fields()
        .iter()
        .filter(|field| names.contains(&field.name().as_str()))
        .cloned()
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Rows of one file with columns of the table's natural schema, without those that a deletion vector takes away, and perhaps
/// without those that `hint` does not ask for.
async fn read_file(
    files: &TableFiles,
    log: &Log,
    add: &Add,
    partition_columns: &[String],
    columns: &SchemaRef,
    hint: &Scan,
) -> Result<BatchStream> {
    let bytes = u64::try_from(add.size).map_err(|_| damaged(add, "its size is negative"))?;
    let path = log.path(&add.path)?;
    let source = match files.open(&path, bytes).await {
        Ok(source) => source,
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            return Err(damaged(add, "it is gone; restore a version whose files are kept"));
        }
        // A file that was cut looks like a storage that does not answer.
        Err(cause) => match files.ground().objects.head(&path).await {
            Ok(there) if there.size != bytes => {
                let why = format!(
                    "it has {} bytes, and the log says {bytes}; restore a version whose files are kept",
                    there.size
                );
                return Err(damaged(add, &why));
            }
            _ => return Err(within(&add.path, cause)),
        },
    };
    let mut names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    names.retain(|name| !partition_columns.iter().any(|column| column == name));
    let there = narrowed(&source.schema(), &names);
    let mut request = Scan::all().select(there.fields().iter().map(|field| field.name().as_str()));
    // A deletion vector counts all rows of its file.
    if add.deletion_vector.is_none() {
        request.predicate = hint
            .predicate
            .as_ref()
            .and_then(|asked| understood(asked, &there, columns));
        request.limit = hint.limit;
    }
    let deleted = match &add.deletion_vector {
        Some(_) => deleted_rows(log, add).await?,
        None => Vec::new(),
    };
    let constants = constants(add, partition_columns, columns)?;
    let batches = source.scan(request).await?;
    let (columns, path) = (Arc::clone(columns), add.path.clone());
    let mut at = 0;
    let batches = batches.map(move |batch| {
        let batch = batch.map_err(|cause| within(&path, cause))?;
        let rows = batch.num_rows();
        let filled = fill(&batch, &constants, &columns)?;
        let from = at;
        at += rows as u64;
        match deleted.is_empty() {
            true => Ok(filled),
            false => without(&filled, &deleted, from),
        }
    });
    Ok(batches.boxed())
}

/// The part of a predicate on `columns` that means the same on `other` ones: where they are there, in the same types.
fn understood(predicate: &Predicate, other: &Schema, columns: &Schema) -> Option<Predicate> {
    let same = |name: &&str| {
        let types = (other.field_with_name(name), columns.field_with_name(name));
        matches!(types, (Ok(one), Ok(same)) if one.data_type() == same.data_type())
    };
    let known = |part: &&Predicate| part.columns().iter().all(same) && part.check(other).is_ok();
    predicate
        .conjuncts()
        .into_iter()
        .filter(known)
        .cloned()
        .reduce(Predicate::and)
}

fn damaged(add: &Add, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("the table's file `{}` cannot be read: {why}", add.path),
    )
}

/// The error of damaged bytes, with the file that has them.
fn within(path: &str, cause: Error) -> Error {
    if cause.kind() != ErrorKind::InvalidData {
        return cause;
    }
    let message = format!("the table's file `{path}` cannot be read: {}", cause.message());
    Error::new(ErrorKind::InvalidData, message).with_source(cause)
}

/// The columns whose value stands in the log.
fn constants(add: &Add, partition_columns: &[String], columns: &SchemaRef) -> Result<Vec<(String, ArrayRef)>> {
    let constant = |field: &FieldRef| {
        let value = add.partition_values.get(field.name()).cloned().flatten();
        // The protocol's word for a null is the empty text.
        let value = value.filter(|value| !value.is_empty());
        let array: ArrayRef = match &value {
            None => new_null_array(field.data_type(), 1),
            Some(text) if *field.data_type() == DataType::Binary => Arc::new(BinaryArray::from(vec![&*binary(text)])),
            Some(text) => {
                let texts = StringArray::from(vec![text.as_str()]);
                let typed = cast(&texts, field.data_type())
                    .ok()
                    .filter(|array| array.null_count() == 0);
                typed.ok_or_else(|| {
                    let why = format!(
                        "its partition value `{}` is none of type {}",
                        text.escape_debug(),
                        field.data_type()
                    );
                    damaged(add, &why)
                })?
            }
        };
        Ok((field.name().clone(), array))
    };
    let partitioned = columns
        .fields()
        .iter()
        .filter(|field| partition_columns.contains(field.name()));
    partitioned.map(constant).collect()
}

/// The bytes of a partition's value: the protocol writes each as `\u00FF`; some writers write a text as it is.
fn binary(text: &str) -> Vec<u8> {
    let escaped = text.strip_prefix("\\u").map(|escapes| {
        let byte = |escape: &str| {
            let digits = escape.len() == 4 && escape.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(escape, 16).ok().filter(|_| digits)
        };
        escapes.split("\\u").map(byte).collect::<Option<Vec<u8>>>()
    });
    escaped.flatten().unwrap_or_else(|| text.as_bytes().to_vec())
}

/// Puts constants beside what the file has.
fn fill(batch: &RecordBatch, constants: &[(String, ArrayRef)], columns: &SchemaRef) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let arrays = columns.fields().iter().map(|field| {
        if let Some((_, value)) = constants.iter().find(|(name, _)| name == field.name()) {
            return take(value, &UInt32Array::from(vec![0; rows]), None).map_err(Error::from);
        }
        let one: SchemaRef = Arc::new(Schema::new(vec![Arc::clone(field)]));
        Ok(Arc::clone(into_schema(batch, &one)?.column(0)))
    });
    assemble(columns, arrays.collect::<Result<Vec<_>>>()?, rows)
}

/// Positions of rows that a deletion vector takes away, in order.
async fn deleted_rows(log: &Log, add: &Add) -> Result<Vec<u64>> {
    let Some(vector) = add.deletion_vector.clone() else {
        return Ok(Vec::new());
    };
    let (store, cardinality) = (Arc::clone(log.store()), vector.cardinality);
    let engine = store.engine(None);
    let reading = tokio::task::spawn_blocking(move || {
        let vector: DeletionVectorDescriptor = vector.try_into()?;
        vector.row_indexes(engine.storage_handler(), store.root_url())
    });
    let read = reading
        .await
        .map_err(|_| damaged(add, "its deletion vector is no such thing"))?;
    let mut rows = read.map_err(|cause| damaged(add, &format!("its deletion vector is damaged: {cause}")))?;
    rows.sort_unstable();
    match i64::try_from(rows.len()) == Ok(cardinality) {
        true => Ok(rows),
        false => Err(damaged(
            add,
            "its deletion vector has another number of rows than the log says",
        )),
    }
}

/// Takes rows away; `from` is the position of the first one in its file.
fn without(batch: &RecordBatch, deleted: &[u64], from: u64) -> Result<RecordBatch> {
    let rows = batch.num_rows() as u64;
    let begin = deleted.partition_point(|row| *row < from);
    let end = deleted.partition_point(|row| *row < from + rows);
    let mut keep = vec![true; batch.num_rows()];
    for row in &deleted[begin..end] {
        keep[(row - from) as usize] = false;
    }
    let mask = BooleanArray::from(keep);
    filter_record_batch(batch, &mask).map_err(Error::from)
}
