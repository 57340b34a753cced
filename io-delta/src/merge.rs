//! Merging by keys: rows that have the same key are replaced, others stay.

use crate::plan::{Changed, rewriter};
use crate::stage::StagedTable;
use crate::stats::FileStats;
use crate::table::Table;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use deltalake_core::kernel::Add;
use futures_util::stream::{StreamExt, TryStreamExt};
use larder_io_core::{Error, ErrorKind, Predicate, Result};
use std::collections::HashSet;
use std::sync::Arc;

/// The keys of what is merged into a table: in memory, as the only part of it.
pub(crate) struct Keys {
    columns: Vec<String>,
    converter: RowConverter,
    seen: HashSet<Box<[u8]>>,
}

impl Keys {
    /// No keys yet, of these columns.
    ///
    /// # Errors
    /// `InvalidDefinition` for a column that the rows do not have.
    pub(crate) fn new(columns: &[String], schema: &Schema) -> Result<Self> {
        let fields = columns.iter().map(|name| match schema.field_with_name(name) {
            Ok(field) => Ok(SortField::new(field.data_type().clone())),
            Err(_) => {
                let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                let message = format!(
                    "`merge_on` names the column `{name}`, which the rows do not have; there are {}",
                    names.join(", ")
                );
                Err(Error::new(ErrorKind::InvalidDefinition, message))
            }
        });
        Ok(Self {
            columns: columns.to_vec(),
            converter: RowConverter::new(fields.collect::<Result<_>>()?)?,
            seen: HashSet::new(),
        })
    }

    /// The columns of the key in a batch, and the rows that have a null in them.
    fn parts(&self, batch: &RecordBatch) -> Result<(Vec<ArrayRef>, Vec<bool>)> {
        let arrays = self.columns.iter().map(|name| {
            batch.column_by_name(name).cloned().ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidData,
                    format!("the rows have no column `{name}` to merge on"),
                )
            })
        });
        let arrays = arrays.collect::<Result<Vec<ArrayRef>>>()?;
        let mut nulls = vec![false; batch.num_rows()];
        for array in &arrays {
            if let Some(found) = array.logical_nulls() {
                nulls
                    .iter_mut()
                    .zip(found.iter())
                    .for_each(|(null, valid)| *null |= !valid);
            }
        }
        Ok((arrays, nulls))
    }

    /// Adds the keys of new rows.
    ///
    /// # Errors
    /// `InvalidData` for a key that comes twice: nobody can say which of the rows counts.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let (arrays, nulls) = self.parts(batch)?;
        let rows = self.converter.convert_columns(&arrays)?;
        for (row, null) in rows.iter().zip(nulls) {
            if !null && !self.seen.insert(row.as_ref().into()) {
                let message = format!(
                    "two rows have the same `{}`, so that nobody can say which of them to merge; make the asset give one",
                    self.columns.join(", ")
                );
                return Err(Error::new(ErrorKind::InvalidData, message));
            }
        }
        Ok(())
    }

    /// Which rows stay: those whose key is not among the keys.
    fn staying(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let (arrays, nulls) = self.parts(batch)?;
        let rows = self.converter.convert_columns(&arrays)?;
        let stays = rows
            .iter()
            .zip(nulls)
            .map(|(row, null)| Some(null || !self.seen.contains(row.as_ref())));
        Ok(stays.collect())
    }
}

/// Takes the rows marked by a column of booleans apart from the others, without that column. A null marks nothing.
pub(crate) fn unmarked(batch: &RecordBatch, marker: &str, schema: &SchemaRef) -> Result<RecordBatch> {
    let marks = batch
        .column_by_name(marker)
        .and_then(|marks| marks.as_any().downcast_ref::<BooleanArray>().cloned());
    let Some(marks) = marks else {
        let message = format!("`delete_when` names `{marker}`, which is no column of booleans");
        return Err(Error::new(ErrorKind::InvalidDefinition, message));
    };
    let stays: BooleanArray = marks.iter().map(|marked| Some(marked != Some(true))).collect();
    let indices = schema
        .fields()
        .iter()
        .map(|field| batch.schema_ref().index_of(field.name()));
    let indices = indices.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(filter_record_batch(&batch.project(&indices)?, &stays)?)
}

/// Takes away what is replaced: files with such rows are written again without them.
pub(crate) async fn apply(staged: &StagedTable, table: &Table) -> Result<Changed> {
    let mut changed = Changed::default();
    if table.property("delta.enableChangeDataFeed") == Some("true") {
        let message = "the table records changes, and larder does not write those of a merge yet; set another mode, or take `delta.enableChangeDataFeed` away";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let Some(keys) = &staged.keys else { return Ok(changed) };
    for add in table.files(staged.scope.predicate().as_ref()) {
        match file(staged, table, add, keys, &mut changed).await {
            Ok(()) => {}
            Err(error) => {
                crate::write::remove(&staged.log, &changed.written).await;
                return Err(error);
            }
        }
    }
    Ok(changed)
}

async fn file(staged: &StagedTable, table: &Table, add: &Add, keys: &Keys, changed: &mut Changed) -> Result<()> {
    let source = staged
        .core
        .source(&staged.log, table, &crate::partition::Scope::default());
    // Rows of other partitions are not this one's to replace.
    let rows = staged
        .scope
        .predicate()
        .filter(|rows| !FileStats::new(add, &table.natural).verdict(rows).always());
    let looked_at: Vec<&str> = rows.iter().flat_map(Predicate::columns).collect();
    // The key's columns first: most files have none of the keys.
    let needed = |name: &String| keys.columns.contains(name) || looked_at.contains(&name.as_str());
    let fields = table
        .natural
        .fields()
        .iter()
        .filter(|field| needed(field.name()))
        .cloned();
    let narrow: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut batches = source.file(add, &narrow).await?;
    let (mut all, mut stay) = (0, 0);
    let mut masks = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        let mask = match &rows {
            None => keys.staying(&batch)?,
            Some(rows) => {
                let (staying, inside) = (keys.staying(&batch)?, rows.mask(&batch)?);
                staying
                    .iter()
                    .zip(inside.iter())
                    .map(|(stays, inside)| Some(stays == Some(true) || inside != Some(true)))
                    .collect()
            }
        };
        all += mask.len();
        stay += mask.true_count();
        masks.push(mask);
    }
    if stay == all {
        return Ok(());
    }
    let kept = match stay {
        0 => Vec::new(),
        _ => {
            let mut position = Position::new(masks);
            let rows = source.file(add, &table.natural).await?;
            let rows = rows.map(move |batch| {
                let batch = batch?;
                let mask = position.next(batch.num_rows());
                filter_record_batch(&batch, &mask).map_err(Error::from)
            });
            rewriter(staged.place(), table, add).write(rows.boxed(), false).await?
        }
    };
    changed.replace(add, kept);
    Ok(())
}

/// Masks as one, cut anew: two scans of a file need not give batches of the same lengths.
struct Position {
    mask: Vec<bool>,
    at: usize,
}

impl Position {
    fn new(masks: Vec<BooleanArray>) -> Self {
        let mask = masks
            .iter()
            .flat_map(|mask| mask.iter().map(|stays| stays == Some(true)))
            .collect();
        Self { mask, at: 0 }
    }

    fn next(&mut self, rows: usize) -> BooleanArray {
        let end = (self.at + rows).min(self.mask.len());
        let mask = BooleanArray::from(self.mask[self.at..end].to_vec());
        self.at = end;
        mask
    }
}
