//! Columns that an asset declares, held against the table that is there.

use super::{BatchStream, Scan, Table, TableSource};
use crate::error::{Error, ErrorKind, Result};
use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures_util::StreamExt;
use std::sync::Arc;

/// The table, if its columns are those that were declared: the same names in any order, the same types, no nulls where
/// none may be. Encodings of one type (dictionaries, views, large offsets) count as that type. A column that may be null
/// by its type, and by the declaration may not, is looked at batch by batch while it is read.
///
/// # Errors
/// Of `kind`, with every difference; while reading, for the first null that may not be.
pub fn conforming(source: Arc<dyn TableSource>, declared: &SchemaRef, kind: ErrorKind) -> Result<Arc<dyn TableSource>> {
    let found = source.schema();
    let differences = differences(declared, &found);
    if !differences.is_empty() {
        let message = format!(
            "the table has other columns than the asset declares: {}",
            differences.join("; ")
        );
        return Err(Error::new(kind, message));
    }
    let fields = found.fields().iter().map(|field| {
        let may = declared.field_with_name(field.name()).is_ok_and(Field::is_nullable);
        field.as_ref().clone().with_nullable(may && field.is_nullable())
    });
    let fields: Vec<Field> = fields.collect();
    if fields
        .iter()
        .zip(found.fields())
        .all(|(new, old)| new.is_nullable() == old.is_nullable())
    {
        return Ok(source);
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, found.metadata().clone()));
    Ok(Arc::new(Conforming { source, schema, kind }))
}

/// Every difference, a line each.
fn differences(declared: &Schema, found: &Schema) -> Vec<String> {
    let mut lines = Vec::new();
    for field in declared.fields() {
        match found.field_with_name(field.name()) {
            Err(_) => lines.push(format!("`{}` {} is missing", field.name(), field.data_type())),
            Ok(other) if logical(other.data_type()) != logical(field.data_type()) => lines.push(format!(
                "`{}` is declared {} and is {}",
                field.name(),
                field.data_type(),
                other.data_type()
            )),
            Ok(_) => {}
        }
    }
    let more = found.fields().iter();
    let more = more.filter(|field| declared.field_with_name(field.name()).is_err());
    lines.extend(more.map(|field| format!("`{}` {} is not declared", field.name(), field.data_type())));
    lines
}

/// The type without its encoding, and without nullability within.
fn logical(data_type: &DataType) -> DataType {
    use DataType as T;
    let item = |field: &Field| Arc::new(Field::new("item", logical(field.data_type()), true));
    match data_type {
        T::Dictionary(_, value) => logical(value),
        T::RunEndEncoded(_, value) => logical(value.data_type()),
        T::Utf8View | T::LargeUtf8 => T::Utf8,
        T::BinaryView | T::LargeBinary => T::Binary,
        T::List(field) | T::LargeList(field) | T::ListView(field) | T::LargeListView(field) => T::List(item(field)),
        T::FixedSizeList(field, length) => T::FixedSizeList(item(field), *length),
        T::Map(entries, _) => match entries.data_type() {
            // The names of a map's two columns differ from writer to writer.
            T::Struct(fields) => T::List(Arc::new(Field::new(
                "entries",
                T::Struct(fields.iter().map(|field| item(field)).collect()),
                false,
            ))),
            other => logical(other),
        },
        T::Struct(fields) => {
            let named = |field: &Arc<Field>| Field::new(field.name(), logical(field.data_type()), true);
            T::Struct(fields.iter().map(named).collect())
        }
        T::Timestamp(unit, Some(zone)) if matches!(zone.as_ref(), "UTC" | "+00:00" | "Z" | "Etc/UTC") => {
            T::Timestamp(*unit, Some("UTC".into()))
        }
        other => other.clone(),
    }
}

/// A table whose columns are as declared, as far as their types say; nulls are looked for while it is read.
struct Conforming {
    source: Arc<dyn TableSource>,
    schema: SchemaRef,
    kind: ErrorKind,
}

#[async_trait]
impl TableSource for Conforming {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        self.source.replayable()
    }

    fn rows(&self) -> Option<u64> {
        self.source.rows()
    }

    fn in_memory(&self) -> Option<Table> {
        let table = self.source.in_memory()?;
        let batches = table
            .batches()
            .iter()
            .map(|batch| declared(batch, &self.schema, self.kind));
        // What does not conform is told by the scan, which can.
        Table::new(Arc::clone(&self.schema), batches.collect::<Result<_>>().ok()?).ok()
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        let (schema, kind) = (request.schema(&self.schema)?, self.kind);
        let batches = self.source.scan(request).await?;
        Ok(batches.map(move |batch| declared(&batch?, &schema, kind)).boxed())
    }
}

/// The batch under the schema that was declared.
fn declared(batch: &RecordBatch, schema: &SchemaRef, kind: ErrorKind) -> Result<RecordBatch> {
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if !field.is_nullable() && column.logical_null_count() > 0 {
            let (name, nulls, rows) = (field.name(), column.logical_null_count(), batch.num_rows());
            let message = format!(
                "column `{name}` may not be null, as the asset declares it, and {nulls} of {rows} rows are; make the field an `Option`, or fill them"
            );
            return Err(Error::new(kind, message));
        }
    }
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &rows)
        .map_err(|error| Error::new(kind, error.to_string()))
}
