//! Merging by keys: rows that have the same key are replaced, others stay.

use crate::changes::{AFTER, BEFORE, Changed, DELETE, INSERT, Label, all};
use crate::partition::{Scope, Share};
use crate::plan::rewriter;
use crate::stage::StagedTable;
use crate::table::Table;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_row::{Row, RowConverter, SortField};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use deltalake_core::kernel::Add;
use futures_util::stream::{StreamExt, TryStreamExt};
use larder_io_core::{Error, ErrorKind, Predicate, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys of what is merged into a table: in memory, as the only part of it.
pub(crate) struct Keys {
    columns: Vec<String>,
    converter: RowConverter,
    /// Each key, and its place in the order in which they came.
    seen: HashMap<Box<[u8]>, usize>,
    /// Whether the row of a key is to be deleted, by its place.
    deletes: Vec<bool>,
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
            seen: HashMap::new(),
            deletes: Vec::new(),
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

    /// Adds the keys of new rows; `marker` is the column that says which are to be deleted.
    ///
    /// # Errors
    /// `InvalidData` for a key that comes twice: nobody can say which of the rows counts.
    pub(crate) fn add(&mut self, batch: &RecordBatch, marker: Option<&str>) -> Result<()> {
        let marks = marker.map(|marker| marks(batch, marker)).transpose()?;
        let (arrays, nulls) = self.parts(batch)?;
        let rows = self.converter.convert_columns(&arrays)?;
        for (at, (row, null)) in rows.iter().zip(nulls).enumerate() {
            if null {
                continue;
            }
            let place = self.deletes.len();
            self.deletes.push(
                marks
                    .as_ref()
                    .is_some_and(|marks| marks.is_valid(at) && marks.value(at)),
            );
            if self.seen.insert(row.as_ref().into(), place).is_some() {
                let message = format!(
                    "two rows have the same `{}`, so that nobody can say which of them to merge; make the asset give one",
                    self.columns.join(", ")
                );
                return Err(Error::new(ErrorKind::InvalidData, message));
            }
        }
        Ok(())
    }

    /// The place of each row's key among the keys; none where it is not among them.
    fn places(&self, batch: &RecordBatch) -> Result<Vec<Option<usize>>> {
        let (arrays, nulls) = self.parts(batch)?;
        let rows = self.converter.convert_columns(&arrays)?;
        let place = |(row, null): (Row<'_>, bool)| match null {
            true => None,
            false => self.seen.get(row.as_ref()).copied(),
        };
        Ok(rows.iter().zip(nulls).map(place).collect())
    }
}

/// Which keys are those of rows that are there, by their places.
struct Found {
    keys: Arc<Keys>,
    there: Vec<bool>,
}

impl Found {
    /// The places of keys of rows that are replaced or deleted; none for rows that stay.
    fn places(keys: &Keys, batch: &RecordBatch, scope: Option<&Predicate>) -> Result<Vec<Option<usize>>> {
        let mut places = keys.places(batch)?;
        if let Some(scope) = scope {
            let inside = scope.mask(batch)?;
            places.iter_mut().zip(inside.iter()).for_each(|(place, inside)| {
                *place = place.filter(|_| inside == Some(true));
            });
        }
        Ok(places)
    }

    /// What became of new rows.
    fn of_new(self: &Arc<Self>) -> Label {
        let found = Arc::clone(self);
        Arc::new(move |batch| {
            let kind = |place: Option<usize>| match place.is_some_and(|place| found.there[place]) {
                true => Some(AFTER),
                false => Some(INSERT),
            };
            Ok(found.keys.places(batch)?.into_iter().map(kind).collect())
        })
    }
}

/// What became of old rows. Of several with one key one is changed, and the others go.
fn of_old(keys: &Arc<Keys>, told: &Arc<Mutex<Vec<bool>>>, scope: Option<Predicate>) -> Label {
    let (keys, told) = (Arc::clone(keys), Arc::clone(told));
    Arc::new(move |batch| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kind = |place: usize| {
            let again = std::mem::replace(&mut told[place], true);
            if again || keys.deletes[place] { DELETE } else { BEFORE }
        };
        let places = Found::places(&keys, batch, scope.as_ref())?;
        Ok(places.into_iter().map(|place| place.map(&mut kind)).collect())
    })
}

/// The column that says which rows are to be deleted.
fn marks(batch: &RecordBatch, marker: &str) -> Result<BooleanArray> {
    let column = batch.column_by_name(marker);
    let marks = column.and_then(|marks| marks.as_any().downcast_ref::<BooleanArray>().cloned());
    marks.ok_or_else(|| {
        let message = format!("`delete_when` names `{marker}`, which is no column of booleans");
        Error::new(ErrorKind::InvalidDefinition, message)
    })
}

/// Takes the rows marked by a column of booleans apart from the others, without that column. A null marks nothing.
pub(crate) fn unmarked(batch: &RecordBatch, marker: &str, schema: &SchemaRef) -> Result<RecordBatch> {
    let marks = marks(batch, marker)?;
    let stays: BooleanArray = marks.iter().map(|marked| Some(marked != Some(true))).collect();
    let indices = schema
        .fields()
        .iter()
        .map(|field| batch.schema_ref().index_of(field.name()));
    let indices = indices.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(filter_record_batch(&batch.project(&indices)?, &stays)?)
}

/// Takes away what is replaced: files with such rows are written again without them. Also tells what became of new rows.
pub(crate) async fn apply(staged: &StagedTable, table: &Table) -> Result<(Changed, Label)> {
    let mut changed = Changed::default();
    let Some(keys) = &staged.keys else {
        return Ok((changed, all(INSERT)));
    };
    let none = vec![false; keys.deletes.len()];
    let told = Arc::new(Mutex::new(none.clone()));
    let mut found = Found {
        keys: Arc::clone(keys),
        there: none,
    };
    for add in table.files(&staged.scope) {
        match file(staged, table, add, &mut found, &told, &mut changed).await {
            Ok(()) => {}
            Err(error) => {
                crate::write::remove(&staged.log, &changed.written).await;
                return Err(error);
            }
        }
    }
    Ok((changed, Arc::new(found).of_new()))
}

async fn file(
    staged: &StagedTable,
    table: &Table,
    add: &Add,
    found: &mut Found,
    told: &Arc<Mutex<Vec<bool>>>,
    changed: &mut Changed,
) -> Result<()> {
    let source = staged.core.source(&staged.log, table, &Scope::default());
    let keys = Arc::clone(&found.keys);
    // Rows of other partitions are not this one's to replace.
    let rows = staged
        .scope
        .predicate()
        .filter(|_| staged.scope.share(add, &table.natural) != Share::All);
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
        let places = Found::places(&keys, &batch, rows.as_ref())?;
        places.iter().flatten().for_each(|place| found.there[*place] = true);
        let mask: BooleanArray = places.iter().map(|place| Some(place.is_none())).collect();
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
            let batches = source.file(add, &table.natural).await?;
            let batches = batches.map(move |batch| {
                let batch = batch?;
                let mask = position.next(batch.num_rows());
                filter_record_batch(&batch, &mask).map_err(Error::from)
            });
            rewriter(staged.place(), table, add)
                .write(batches.boxed(), false)
                .await?
        }
    };
    changed.replace(add, kept, of_old(&keys, told, rows));
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
