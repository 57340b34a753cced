//! What a scan asks for, and the exact answer for sources that cannot push it down.

use super::{BatchStream, Predicate};
use crate::error::{Error, ErrorKind, Result};
use crate::text::nearest;
use arrow_schema::{Schema, SchemaRef};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::sync::Arc;

/// What a scan asks for: first the rows that match, then at most so many of them, then only these columns.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Scan {
    /// The columns, in the order wanted; all of them without.
    pub columns: Option<Vec<String>>,
    /// Which rows.
    pub predicate: Option<Predicate>,
    /// At most so many rows.
    pub limit: Option<usize>,
}

impl Scan {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only these columns, in this order.
    #[must_use]
    pub fn select<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Only rows that match, besides what was asked before.
    #[must_use]
    pub fn filter(mut self, predicate: Predicate) -> Self {
        self.predicate = Some(match self.predicate.take() {
            Some(before) => before.and(predicate),
            None => predicate,
        });
        self
    }

    /// At most so many rows; the smaller limit wins.
    #[must_use]
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(self.limit.map_or(rows, |before| before.min(rows)));
        self
    }

    /// Indices of the wanted columns in `schema`.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown column, with the nearest known one.
    pub fn projection(&self, schema: &Schema) -> Result<Option<Vec<usize>>> {
        let Some(columns) = &self.columns else { return Ok(None) };
        columns
            .iter()
            .map(|name| column_index(schema, name))
            .collect::<Result<_>>()
            .map(Some)
    }

    /// The schema of the answer.
    ///
    /// # Errors
    /// As [`Scan::projection`].
    pub fn schema(&self, schema: &SchemaRef) -> Result<SchemaRef> {
        match self.projection(schema)? {
            None => Ok(Arc::clone(schema)),
            Some(indices) => schema.project(&indices).map(Arc::new).map_err(Into::into),
        }
    }

    /// Applies the request to batches of `schema`.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown column or a literal that does not fit its column.
    pub fn apply(&self, schema: &SchemaRef, batches: BatchStream) -> Result<BatchStream> {
        let mut batches = batches;
        if let Some(predicate) = self.predicate.clone() {
            predicate.check(schema)?;
            batches = batches
                .map(move |batch| batch.and_then(|batch| predicate.filter(&batch)))
                .boxed();
        }
        if let Some(limit) = self.limit {
            let limited = stream::try_unfold((batches, limit), |(mut batches, left)| async move {
                if left == 0 {
                    return Ok(None);
                }
                Ok(batches.try_next().await?.map(|batch| {
                    let taken = batch.num_rows().min(left);
                    (batch.slice(0, taken), (batches, left - taken))
                }))
            });
            batches = limited.boxed();
        }
        if let Some(indices) = self.projection(schema)? {
            let projected =
                batches.map(move |batch| batch.and_then(|batch| batch.project(&indices).map_err(Into::into)));
            batches = projected.boxed();
        }
        Ok(batches)
    }
}

/// The index of a column.
pub(super) fn column_index(schema: &Schema, name: &str) -> Result<usize> {
    schema
        .fields()
        .iter()
        .position(|field| field.name() == name)
        .ok_or_else(|| {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let hint = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
            };
            Error::new(
                ErrorKind::InvalidDefinition,
                format!("the table has no column `{name}`; {hint}"),
            )
        })
}
