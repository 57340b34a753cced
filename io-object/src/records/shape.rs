//! What all rows have in common: the columns.

use super::cell::{Cell, Width};
use super::{ABSENT, MOST_FIELDS, Refused, refused};
use arrow_schema::{DataType, Field, Fields as ArrowFields, Schema};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// What the values of one column have in common.
#[derive(Debug, Default)]
pub(super) struct Shape {
    kind: Kind,
    /// Whether one of them is null.
    null: bool,
}

#[derive(Debug, Default)]
enum Kind {
    /// Only nulls so far.
    #[default]
    Unknown,
    Bool,
    Int {
        /// The width of all of them.
        width: Width,
        least: i128,
        greatest: i128,
    },
    F32,
    F64,
    Text,
    Bytes,
    List(Box<Shape>),
    Fields(Fields),
    Map(Box<(Shape, Shape)>),
}

/// Fields in the order in which they were first seen.
#[derive(Debug, Default)]
pub(super) struct Fields {
    fields: Vec<(String, Shape, u64)>,
    places: HashMap<String, usize>,
    structs: u64,
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "null",
            Self::Bool => "a truth value",
            Self::Int { .. } => "an integer",
            Self::F32 | Self::F64 => "a float",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::List(_) => "a sequence",
            Self::Fields(_) => "a struct",
            Self::Map(_) => "a map",
        }
    }

    fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Null => Self::Unknown,
            Cell::Bool(_) => Self::Bool,
            Cell::Int(width, value) => Self::Int {
                width: *width,
                least: *value,
                greatest: *value,
            },
            Cell::F32(_) => Self::F32,
            Cell::F64(_) => Self::F64,
            Cell::Text(_) => Self::Text,
            Cell::Bytes(_) => Self::Bytes,
            Cell::List(_) => Self::List(Box::default()),
            Cell::Fields(_) => Self::Fields(Fields::default()),
            Cell::Entries(_) => Self::Map(Box::default()),
        }
    }
}

impl Shape {
    /// Takes one more value in.
    pub(super) fn add(&mut self, cell: &Cell) -> Result<(), Refused> {
        if matches!(cell, Cell::Null) {
            self.null = true;
            return Ok(());
        }
        if matches!(self.kind, Kind::Unknown) {
            self.kind = Kind::of(cell);
        }
        match (&mut self.kind, cell) {
            (Kind::Bool, Cell::Bool(_)) | (Kind::Text, Cell::Text(_)) | (Kind::Bytes, Cell::Bytes(_)) => Ok(()),
            (Kind::F32, Cell::F32(_)) | (Kind::F64, Cell::F64(_)) => Ok(()),
            (kind @ (Kind::F32 | Kind::F64), Cell::F32(_) | Cell::F64(_)) => {
                *kind = Kind::F64;
                Ok(())
            }
            (Kind::Int { width, least, greatest }, Cell::Int(other, value)) => {
                if width != other {
                    *width = Width::Wide;
                }
                *least = (*least).min(*value);
                *greatest = (*greatest).max(*value);
                Ok(())
            }
            (Kind::List(shape), Cell::List(items)) => items.iter().try_for_each(|item| shape.add(item)),
            (Kind::Fields(fields), Cell::Fields(cells)) => {
                fields.add(cells.iter().map(|(name, cell)| (name.as_ref(), cell)))
            }
            (Kind::Map(shapes), Cell::Entries(entries)) => entries.iter().try_for_each(|(key, cell)| {
                shapes.0.add(key)?;
                shapes.1.add(cell)
            }),
            (kind, other) => refused(format!(
                "a column has {} in one row and {} in another",
                kind.name(),
                Kind::of(other).name()
            )),
        }
    }

    /// The type of a column; `fields` counts down.
    fn data_type(&self, fields: &mut usize) -> Result<DataType, Refused> {
        Ok(match &self.kind {
            Kind::Unknown => DataType::Null,
            Kind::Bool => DataType::Boolean,
            Kind::Int { width, least, greatest } => match width {
                Width::I8 => DataType::Int8,
                Width::I16 => DataType::Int16,
                Width::I32 => DataType::Int32,
                Width::I64 => DataType::Int64,
                Width::U8 => DataType::UInt8,
                Width::U16 => DataType::UInt16,
                Width::U32 => DataType::UInt32,
                Width::U64 => DataType::UInt64,
                Width::Wide if *least >= i128::from(i64::MIN) && *greatest <= i128::from(i64::MAX) => DataType::Int64,
                Width::Wide if *least >= 0 && *greatest <= i128::from(u64::MAX) => DataType::UInt64,
                Width::Wide => return refused("the numbers of a column have more than 64 bits"),
            },
            Kind::F32 => DataType::Float32,
            Kind::F64 => DataType::Float64,
            Kind::Text => DataType::Utf8,
            Kind::Bytes => DataType::Binary,
            Kind::List(items) => DataType::List(Arc::new(items.field(Field::LIST_FIELD_DEFAULT_NAME, fields)?)),
            Kind::Fields(inner) => DataType::Struct(inner.columns(fields)?),
            Kind::Map(shapes) => {
                let (keys, values) = (shapes.0.field("keys", fields)?, shapes.1.field("values", fields)?);
                if shapes.0.null || !matches!(shapes.0.kind, Kind::Text | Kind::Int { .. }) {
                    return refused(format!("the key of a map is {}", shapes.0.kind.name()));
                }
                // Values may be null whatever they were in these rows.
                let entries = ArrowFields::from(vec![keys, values.with_nullable(true)]);
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
            }
        })
    }

    fn field(&self, name: &str, fields: &mut usize) -> Result<Field, Refused> {
        *fields = fields
            .checked_sub(1)
            .ok_or_else(|| Refused(format!("it has more than {MOST_FIELDS} columns and fields")))?;
        let nullable = self.null || matches!(self.kind, Kind::Unknown);
        Ok(Field::new(name, self.data_type(fields)?, nullable))
    }
}

impl Fields {
    fn add<'c>(&mut self, cells: impl Iterator<Item = (&'c str, &'c Cell)>) -> Result<(), Refused> {
        self.structs += 1;
        for (index, (name, cell)) in cells.enumerate() {
            // Nearly always the fields come in one order.
            let place = match self.fields.get(index) {
                Some((known, ..)) if known == name => index,
                _ => match self.places.get(name) {
                    Some(place) => *place,
                    None if self.fields.len() == MOST_FIELDS => {
                        return refused(format!("it has more than {MOST_FIELDS} columns and fields"));
                    }
                    None => {
                        self.places.insert(name.to_owned(), self.fields.len());
                        self.fields.push((name.to_owned(), Shape::default(), 0));
                        self.fields.len() - 1
                    }
                },
            };
            let (_, shape, seen) = &mut self.fields[place];
            *seen += 1;
            shape.add(cell)?;
        }
        Ok(())
    }

    /// Takes a row in: a struct, or a map with text for keys.
    pub(super) fn add_row(&mut self, row: &Cell) -> Result<(), Refused> {
        match row {
            Cell::Fields(cells) => self.add(cells.iter().map(|(name, cell)| (name.as_ref(), cell))),
            Cell::Entries(entries) => {
                if entries.iter().any(|(key, _)| !matches!(key, Cell::Text(_))) {
                    return refused("a row is a map whose keys are no text");
                }
                self.add(entries.iter().filter_map(|(key, cell)| match key {
                    Cell::Text(name) => Some((name.as_ref(), cell)),
                    _ => None,
                }))
            }
            other => refused(format!("a row is {}", Kind::of(other).name())),
        }
    }

    fn columns(&self, left: &mut usize) -> Result<ArrowFields, Refused> {
        if self.fields.is_empty() {
            return refused("a struct has no fields");
        }
        let columns = self.fields.iter().map(|(name, shape, seen)| {
            let field = shape.field(name, left)?;
            if *seen == self.structs {
                return Ok(field);
            }
            if field.is_nullable() {
                return refused(format!("`{name}` is null in one row and not there in another"));
            }
            let mark = HashMap::from([(ABSENT.0.to_owned(), ABSENT.1.to_owned())]);
            Ok(field.with_nullable(true).with_metadata(mark))
        });
        columns.collect()
    }

    /// The schema of the rows.
    pub(super) fn schema(&self) -> Result<Schema, Refused> {
        Ok(Schema::new(self.columns(&mut MOST_FIELDS.clone())?))
    }
}

/// A row's cells by name.
pub(super) fn cells_of(row: &Cell) -> Result<Vec<(&str, &Cell)>, Refused> {
    match row {
        Cell::Fields(cells) => Ok(cells.iter().map(|(name, cell)| (Cow::as_ref(name), cell)).collect()),
        Cell::Entries(entries) => {
            let named = entries.iter().map(|(key, cell)| match key {
                Cell::Text(name) => Ok((Cow::as_ref(name), cell)),
                _ => refused("a row is a map whose keys are no text"),
            });
            named.collect()
        }
        _ => refused("a row is no struct"),
    }
}
