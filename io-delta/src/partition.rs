//! Which rows of a table belong to one partition of an asset: exact and typed, or an error.

use crate::config::DeltaConfig;
use crate::files::stem_of;
use crate::stats::FileStats;
use crate::window::{Span, Window};
use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Schema};
use deltalake_core::kernel::Add;
use larder_io_core::{Error, ErrorKind, Literal, Location, PartitionKey, Predicate, Result, col, nearest};
use std::collections::BTreeMap;

/// Formats values of partition columns as the protocol wants them.
/// <https://github.com/delta-io/delta/blob/master/PROTOCOL.md#partition-value-serialization>
pub(crate) const VALUES: FormatOptions<'static> = FormatOptions::new()
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.6f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.6f"));

/// The rows of one partition; without dimensions all rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    dimensions: Vec<Dimension>,
    /// The stem under which its value is stored.
    stem: String,
}

/// Which rows of a file are of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    None,
    /// Only the rows themselves can tell.
    Unknown,
    All,
}

/// One dimension of a partition key in a table.
#[derive(Clone, Debug)]
struct Dimension {
    column: String,
    /// The column is not among what the asset stores: the key's text stands in it.
    added: bool,
    /// The value, when it is one, as the protocol writes it.
    exact: Option<String>,
    predicate: Predicate,
    text: String,
}

/// The column of a dimension.
fn column_of<'c>(config: &'c DeltaConfig, name: &'c str) -> &'c str {
    config.columns.get(name).map_or(name, String::as_str)
}

impl Scope {
    /// The rows that a partition has among columns of a natural schema. `added` are columns that hold a key's text and are
    /// not stored by the asset; `stem` is where the partition's value is stored.
    ///
    /// # Errors
    /// `InvalidDefinition` when a dimension has no column of a type that its value fits.
    pub(crate) fn new(
        config: &DeltaConfig,
        partition: Option<&PartitionKey>,
        stem: &Location,
        schema: &Schema,
        added: &dyn Fn(&str) -> bool,
    ) -> Result<Self> {
        let pairs = partition.map_or(&[][..], PartitionKey::dimensions);
        let dimensions = pairs.iter().map(|(name, value)| {
            let column = column_of(config, name);
            let span = config.spans.get(name).copied();
            if added(column) {
                return Ok(Dimension::text(column, value, true));
            }
            match schema.field_with_name(column) {
                Ok(field) => Dimension::typed(name, column, value, field.data_type(), span),
                Err(_) if config.columns.contains_key(name) => {
                    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                    let hint = match nearest(column, names.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("there are {}", names.join(", ")),
                    };
                    let message = format!(
                        "the dimension `{name}` is kept in the column `{column}`, which the table does not have; {hint}"
                    );
                    Err(Error::new(ErrorKind::InvalidDefinition, message))
                }
                Err(_) => Ok(Dimension::text(column, value, true)),
            }
        });
        Ok(Self {
            dimensions: dimensions.collect::<Result<_>>()?,
            stem: stem.as_str().to_owned(),
        })
    }

    /// Whether it is the whole table.
    pub(crate) fn is_whole(&self) -> bool {
        self.dimensions.is_empty()
    }

    /// Columns that the asset does not store itself.
    pub(crate) fn added(&self) -> Vec<&str> {
        let added = self.dimensions.iter().filter(|dimension| dimension.added);
        added.map(|dimension| dimension.column.as_str()).collect()
    }

    /// Columns with one value, by which the table is partitioned when it is created.
    pub(crate) fn partition_columns(&self) -> Vec<&str> {
        let exact = self.dimensions.iter().filter(|dimension| dimension.exact.is_some());
        exact.map(|dimension| dimension.column.as_str()).collect()
    }

    /// The values of columns with one value.
    pub(crate) fn values(&self) -> BTreeMap<&str, &str> {
        let exact = self
            .dimensions
            .iter()
            .filter_map(|dimension| Some((dimension.column.as_str(), dimension.exact.as_deref()?)));
        exact.collect()
    }

    /// The rows, as a predicate on the table's columns; `None` for all.
    pub(crate) fn predicate(&self) -> Option<Predicate> {
        let predicates = self.dimensions.iter().map(|dimension| dimension.predicate.clone());
        predicates.reduce(Predicate::and)
    }

    /// Which rows of a file of a table of this natural schema are of the scope. A file without rows is of the value that it
    /// was stored for, unless its partition says more.
    pub(crate) fn share(&self, add: &Add, schema: &Schema) -> Share {
        let Some(rows) = self.predicate() else {
            return Share::All;
        };
        let stats = FileStats::new(add, schema);
        let verdict = stats.verdict(&rows);
        match (verdict.never(), verdict.always()) {
            (true, _) => Share::None,
            (_, true) => Share::All,
            _ if stats.records() != Some(0) => Share::Unknown,
            _ if stem_of(add) == Some(self.stem.as_str()) => Share::All,
            _ => Share::None,
        }
    }

    /// For people and for the log.
    pub(crate) fn describe(&self) -> String {
        let told = self
            .dimensions
            .iter()
            .map(|dimension| format!("{} = {:?}", dimension.column, dimension.text));
        told.collect::<Vec<_>>().join(" AND ")
    }

    /// Refuses rows that are not of this partition.
    ///
    /// # Errors
    /// `InvalidData` with the first such row's value.
    pub(crate) fn check(&self, batch: &RecordBatch) -> Result<()> {
        for dimension in self.dimensions.iter().filter(|dimension| !dimension.added) {
            let inside = dimension.predicate.filter(batch)?.num_rows();
            if inside == batch.num_rows() {
                continue;
            }
            let outside = batch.num_rows() - inside;
            let unlike = dimension
                .predicate
                .clone()
                .negate()
                .or(col(&dimension.column).is_null());
            let found = unlike.filter(batch)?;
            let value = found
                .column_by_name(&dimension.column)
                .filter(|column| !column.is_empty())
                .and_then(|column| Some(ArrayFormatter::try_new(column, &VALUES).ok()?.value(0).to_string()))
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| "null".to_owned());
            let message = format!(
                "{outside} of {} rows are not of the partition {}: `{}` is {value} in one of them; the asset must give the rows of its partition and no others",
                batch.num_rows(),
                dimension.text,
                dimension.column
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        Ok(())
    }
}

impl Dimension {
    fn text(column: &str, value: &str, added: bool) -> Self {
        Self {
            column: column.to_owned(),
            added,
            exact: Some(value.to_owned()),
            predicate: col(column).eq(value),
            text: value.to_owned(),
        }
    }

    fn typed(name: &str, column: &str, value: &str, data_type: &DataType, span: Option<Span>) -> Result<Self> {
        let misfit = |why: &str| {
            let message = format!(
                "the dimension `{name}` of a partition has the value `{}`, which is no value of the column `{column}` of type {data_type}: {why}",
                value.escape_debug()
            );
            Err(Error::new(ErrorKind::InvalidDefinition, message))
        };
        let exactly = |literal: Literal, written: String| Self {
            column: column.to_owned(),
            added: false,
            exact: Some(written),
            predicate: col(column).eq(literal),
            text: value.to_owned(),
        };
        let windowed = matches!(data_type, DataType::Date32 | DataType::Timestamp(..));
        if span.is_some() && !windowed {
            return misfit("`spans` are for columns of dates and timestamps");
        }
        match data_type {
            DataType::Utf8 => Ok(Self::text(column, value, false)),
            DataType::Boolean => match value {
                "true" | "false" => Ok(exactly(Literal::Bool(value == "true"), value.to_owned())),
                _ => misfit("it is neither `true` nor `false`"),
            },
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                // Only one text stands for a number, so that no two partitions have the same rows.
                let Some(number) = value.parse::<i64>().ok().filter(|number| number.to_string() == value) else {
                    return misfit("it is no whole number without sign and zeros before it");
                };
                let made = exactly(Literal::Int(number), value.to_owned());
                match made.predicate.check(&Schema::new(vec![arrow_schema::Field::new(
                    column,
                    data_type.clone(),
                    true,
                )])) {
                    Ok(()) => Ok(made),
                    Err(_) => misfit("it is too large"),
                }
            }
            DataType::Date32 => match Window::parse(value, span) {
                Some(window) => match window.days() {
                    Some((from, to)) if to - from == 1 => Ok(exactly(Literal::Int(from), window.date())),
                    Some((from, to)) => Ok(Self::range(column, value, from, to)),
                    None => misfit("it is a part of a day"),
                },
                None => misfit("it is no date such as `2024-01-31`"),
            },
            DataType::Timestamp(..) => match Window::parse(value, span) {
                Some(window) => {
                    let (from, to) = window.microseconds();
                    Ok(Self::range(column, value, from, to))
                }
                None => misfit(
                    "it is no date or hour such as `2024-01-31` or `2024-01-31T05:00`; of windows that begin within an hour `spans` must tell the length",
                ),
            },
            DataType::Float32 | DataType::Float64 => {
                misfit("floats are no partitions: NaN equals nothing, and 0.1 is not exact")
            }
            _ => misfit("partitions are of text, whole numbers, booleans, dates and timestamps"),
        }
    }

    /// From the first count of units on, before the second.
    fn range(column: &str, value: &str, from: i64, to: i64) -> Self {
        Self {
            column: column.to_owned(),
            added: false,
            exact: None,
            predicate: col(column).gt_eq(from).and(col(column).lt(to)),
            text: value.to_owned(),
        }
    }
}
