//! Columns of cells.

use super::cell::Cell;
use super::shape::cells_of;
use super::{Refused, refused};
use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    ArrowPrimitiveType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ListArray, MapArray, NullArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, SchemaRef};
use std::sync::Arc;

/// Bytes of text or of one column's values in a chunk at most; offsets reach to 2 GiB.
const MOST_BYTES: usize = 1 << 30;

/// A column that is being filled.
enum Column {
    Null(usize),
    Bool(BooleanBuilder),
    I8(PrimitiveBuilder<Int8Type>),
    I16(PrimitiveBuilder<Int16Type>),
    I32(PrimitiveBuilder<Int32Type>),
    I64(PrimitiveBuilder<Int64Type>),
    U8(PrimitiveBuilder<UInt8Type>),
    U16(PrimitiveBuilder<UInt16Type>),
    U32(PrimitiveBuilder<UInt32Type>),
    U64(PrimitiveBuilder<UInt64Type>),
    F32(Float32Builder),
    F64(Float64Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    List {
        field: FieldRef,
        lengths: Vec<usize>,
        present: NullBufferBuilder,
        items: Box<Self>,
    },
    Fields {
        columns: Columns,
        present: NullBufferBuilder,
    },
    Map {
        field: FieldRef,
        lengths: Vec<usize>,
        present: NullBufferBuilder,
        entries: Box<Columns>,
    },
}

/// The columns of a struct, or of a table.
pub(super) struct Columns {
    fields: Fields,
    columns: Vec<Column>,
    rows: usize,
}

fn mismatch<T>(cell: &Cell) -> Result<T, Refused> {
    refused(format!("a value has another type than its column: {cell:?}"))
}

fn integer<T: ArrowPrimitiveType>(column: &mut PrimitiveBuilder<T>, cell: &Cell) -> Result<(), Refused>
where
    T::Native: TryFrom<i128>,
{
    match cell {
        Cell::Null => column.append_null(),
        Cell::Int(_, value) => match T::Native::try_from(*value) {
            Ok(value) => column.append_value(value),
            Err(_) => return mismatch(cell),
        },
        other => return mismatch(other),
    }
    Ok(())
}

impl Column {
    fn of(field: &Field) -> Result<Self, Refused> {
        Ok(match field.data_type() {
            DataType::Null => Self::Null(0),
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int8 => Self::I8(PrimitiveBuilder::new()),
            DataType::Int16 => Self::I16(PrimitiveBuilder::new()),
            DataType::Int32 => Self::I32(PrimitiveBuilder::new()),
            DataType::Int64 => Self::I64(PrimitiveBuilder::new()),
            DataType::UInt8 => Self::U8(PrimitiveBuilder::new()),
            DataType::UInt16 => Self::U16(PrimitiveBuilder::new()),
            DataType::UInt32 => Self::U32(PrimitiveBuilder::new()),
            DataType::UInt64 => Self::U64(PrimitiveBuilder::new()),
            DataType::Float32 => Self::F32(Float32Builder::new()),
            DataType::Float64 => Self::F64(Float64Builder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::List(item) => Self::List {
                field: Arc::clone(item),
                lengths: Vec::new(),
                present: NullBufferBuilder::new(0),
                items: Box::new(Self::of(item)?),
            },
            DataType::Struct(fields) => Self::Fields {
                columns: Columns::of(fields)?,
                present: NullBufferBuilder::new(0),
            },
            DataType::Map(entries, _) => {
                let DataType::Struct(fields) = entries.data_type() else {
                    return refused("a map without entries");
                };
                Self::Map {
                    field: Arc::clone(entries),
                    lengths: Vec::new(),
                    present: NullBufferBuilder::new(0),
                    entries: Box::new(Columns::of(fields)?),
                }
            }
            other => return refused(format!("no value of Rust is {other}")),
        })
    }

    fn push(&mut self, cell: &Cell) -> Result<(), Refused> {
        match (self, cell) {
            (Self::Null(rows), Cell::Null) => *rows += 1,
            (Self::Bool(column), Cell::Bool(value)) => column.append_value(*value),
            (Self::Bool(column), Cell::Null) => column.append_null(),
            (Self::I8(column), cell) => integer(column, cell)?,
            (Self::I16(column), cell) => integer(column, cell)?,
            (Self::I32(column), cell) => integer(column, cell)?,
            (Self::I64(column), cell) => integer(column, cell)?,
            (Self::U8(column), cell) => integer(column, cell)?,
            (Self::U16(column), cell) => integer(column, cell)?,
            (Self::U32(column), cell) => integer(column, cell)?,
            (Self::U64(column), cell) => integer(column, cell)?,
            (Self::F32(column), Cell::F32(value)) => column.append_value(*value),
            (Self::F32(column), Cell::Null) => column.append_null(),
            (Self::F64(column), Cell::F64(value)) => column.append_value(*value),
            (Self::F64(column), Cell::F32(value)) => column.append_value(f64::from(*value)),
            (Self::F64(column), Cell::Null) => column.append_null(),
            (Self::Text(column), Cell::Text(value)) => {
                fits(column.values_slice().len(), value.len())?;
                column.append_value(value);
            }
            (Self::Text(column), Cell::Null) => column.append_null(),
            (Self::Bytes(column), Cell::Bytes(value)) => {
                fits(column.values_slice().len(), value.len())?;
                column.append_value(value);
            }
            (Self::Bytes(column), Cell::Null) => column.append_null(),
            (
                Self::List {
                    lengths,
                    present,
                    items,
                    ..
                },
                cell,
            ) => {
                let cells: &[Cell] = match cell {
                    Cell::List(cells) => cells,
                    Cell::Null => &[],
                    other => return mismatch(other),
                };
                lengths.push(cells.len());
                present.append(!matches!(cell, Cell::Null));
                cells.iter().try_for_each(|cell| items.push(cell))?;
                fits(items.len(), 0)?;
            }
            (Self::Fields { columns, present }, Cell::Null) => {
                present.append_null();
                columns.push_null()?;
            }
            (Self::Fields { columns, present }, cell @ Cell::Fields(_)) => {
                present.append_non_null();
                columns.push(cell)?;
            }
            (
                Self::Map {
                    lengths,
                    present,
                    entries,
                    ..
                },
                cell,
            ) => {
                let pairs: &[(Cell, Cell)] = match cell {
                    Cell::Entries(pairs) => pairs,
                    Cell::Null => &[],
                    other => return mismatch(other),
                };
                lengths.push(pairs.len());
                present.append(!matches!(cell, Cell::Null));
                pairs.iter().try_for_each(|pair| entries.push_pair(pair))?;
                fits(entries.rows, 0)?;
            }
            (_, other) => return mismatch(other),
        }
        Ok(())
    }

    fn len(&self) -> usize {
        match self {
            Self::Null(rows) => *rows,
            Self::Bool(column) => column.len(),
            Self::I8(column) => column.len(),
            Self::I16(column) => column.len(),
            Self::I32(column) => column.len(),
            Self::I64(column) => column.len(),
            Self::U8(column) => column.len(),
            Self::U16(column) => column.len(),
            Self::U32(column) => column.len(),
            Self::U64(column) => column.len(),
            Self::F32(column) => column.len(),
            Self::F64(column) => column.len(),
            Self::Text(column) => column.len(),
            Self::Bytes(column) => column.len(),
            Self::List { lengths, .. } | Self::Map { lengths, .. } => lengths.len(),
            Self::Fields { columns, .. } => columns.rows,
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Null(rows) => Arc::new(NullArray::new(std::mem::take(rows))),
            Self::Bool(column) => Arc::new(column.finish()),
            Self::I8(column) => Arc::new(column.finish()),
            Self::I16(column) => Arc::new(column.finish()),
            Self::I32(column) => Arc::new(column.finish()),
            Self::I64(column) => Arc::new(column.finish()),
            Self::U8(column) => Arc::new(column.finish()),
            Self::U16(column) => Arc::new(column.finish()),
            Self::U32(column) => Arc::new(column.finish()),
            Self::U64(column) => Arc::new(column.finish()),
            Self::F32(column) => Arc::new(column.finish()),
            Self::F64(column) => Arc::new(column.finish()),
            Self::Text(column) => Arc::new(column.finish()),
            Self::Bytes(column) => Arc::new(column.finish()),
            Self::List {
                field,
                lengths,
                present,
                items,
            } => {
                let offsets = OffsetBuffer::<i32>::from_lengths(lengths.drain(..));
                let items = items.finish()?;
                Arc::new(ListArray::try_new(Arc::clone(field), offsets, items, present.finish())?)
            }
            Self::Fields { columns, present } => {
                let (fields, arrays, rows) = columns.finish()?;
                let present = present.finish();
                Arc::new(StructArray::try_new_with_length(fields, arrays, present, rows)?)
            }
            Self::Map {
                field,
                lengths,
                present,
                entries,
            } => {
                let offsets = OffsetBuffer::<i32>::from_lengths(lengths.drain(..));
                let (fields, arrays, rows) = entries.finish()?;
                let entries = StructArray::try_new_with_length(fields, arrays, None, rows)?;
                let present = present.finish();
                Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, present, false)?)
            }
        })
    }
}

fn fits(bytes: usize, more: usize) -> Result<(), Refused> {
    match bytes.saturating_add(more) <= MOST_BYTES {
        true => Ok(()),
        false => refused("the values of one row have more than 1 GiB"),
    }
}

impl Columns {
    pub(super) fn of(fields: &Fields) -> Result<Self, Refused> {
        let columns = fields.iter().map(|field| Column::of(field)).collect::<Result<_, _>>()?;
        Ok(Self {
            fields: fields.clone(),
            columns,
            rows: 0,
        })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: &Cell) -> Result<(), Refused> {
        let cells = cells_of(row)?;
        let mut used = 0;
        for (index, (field, column)) in self.fields.iter().zip(&mut self.columns).enumerate() {
            // Nearly always the fields come in the order of the columns.
            let here = cells.get(index).filter(|(name, _)| name == field.name());
            let cell = here.or_else(|| cells.iter().find(|(name, _)| name == field.name()));
            used += usize::from(cell.is_some());
            column.push(cell.map_or(&Cell::Null, |(_, cell)| cell))?;
        }
        if used != cells.len() {
            return refused("a row has a field twice");
        }
        self.rows += 1;
        Ok(())
    }

    fn push_null(&mut self) -> Result<(), Refused> {
        self.rows += 1;
        let pairs = self.fields.iter().zip(&mut self.columns);
        for (field, column) in pairs {
            match field.is_nullable() {
                true => column.push(&Cell::Null)?,
                false => column.push_filler(field)?,
            }
        }
        Ok(())
    }

    fn push_pair(&mut self, (key, value): &(Cell, Cell)) -> Result<(), Refused> {
        let [keys, values] = &mut self.columns[..] else {
            return refused("a map without entries");
        };
        keys.push(key)?;
        values.push(value)?;
        self.rows += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<(Fields, Vec<ArrayRef>, usize), ArrowError> {
        let arrays = self.columns.iter_mut().map(Column::finish).collect::<Result<_, _>>()?;
        Ok((self.fields.clone(), arrays, std::mem::take(&mut self.rows)))
    }

    /// Takes the rows out as a batch.
    pub(super) fn batch(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let (_, arrays, rows) = self.finish()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
    }
}

impl Column {
    /// A value that nobody sees, below a struct that is null, in a column without nulls.
    fn push_filler(&mut self, field: &Field) -> Result<(), Refused> {
        match self {
            Self::Bool(column) => column.append_value(false),
            Self::I8(column) => column.append_value(0),
            Self::I16(column) => column.append_value(0),
            Self::I32(column) => column.append_value(0),
            Self::I64(column) => column.append_value(0),
            Self::U8(column) => column.append_value(0),
            Self::U16(column) => column.append_value(0),
            Self::U32(column) => column.append_value(0),
            Self::U64(column) => column.append_value(0),
            Self::F32(column) => column.append_value(0.0),
            Self::F64(column) => column.append_value(0.0),
            Self::Text(column) => column.append_value(""),
            Self::Bytes(column) => column.append_value([]),
            Self::List { .. } => self.push(&Cell::List(Vec::new()))?,
            Self::Map { .. } => self.push(&Cell::Entries(Vec::new()))?,
            Self::Fields { columns, present } => {
                present.append_non_null();
                columns.push_null()?;
            }
            Self::Null(_) => return refused(format!("`{}` holds nothing", field.name())),
        }
        Ok(())
    }
}
