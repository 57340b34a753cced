//! One row, or a value within it, as the tokens that serde gives.

use super::{MOST_DEPTH, Refused, refused};
use serde::ser::{self, Serialize};
use std::borrow::Cow;

/// The width that an integer was given with; `Wide` is 128 bits, or unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Wide,
}

/// A value of a row. Variants with fields are structs of one field.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Int(Width, i128),
    F32(f32),
    F64(f64),
    Text(Cow<'static, str>),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Fields(Vec<(Cow<'static, str>, Self)>),
    Entries(Vec<(Self, Self)>),
}

impl Cell {
    /// Bytes that the cell takes in a column, roughly.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 4,
            Self::Bytes(bytes) => bytes.len() + 4,
            Self::List(items) => items.iter().map(Self::bytes).sum::<usize>() + 4,
            Self::Fields(fields) => fields.iter().map(|(_, cell)| cell.bytes()).sum(),
            Self::Entries(entries) => {
                entries
                    .iter()
                    .map(|(key, cell)| key.bytes() + cell.bytes())
                    .sum::<usize>()
                    + 4
            }
            _ => 8,
        }
    }
}

/// Makes a [`Cell`] of a value.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    pub(super) depth: usize,
}

impl Cells {
    fn open(self) -> Result<Self, Refused> {
        match self.depth < MOST_DEPTH {
            true => Ok(Self { depth: self.depth + 1 }),
            false => refused("it nests too deep"),
        }
    }
}

/// The elements of a sequence, within a variant where it has a name.
pub(super) struct List {
    inner: Cells,
    variant: Option<&'static str>,
    items: Vec<Cell>,
}

/// The fields of a struct, within a variant where it has a name.
pub(super) struct Fields {
    inner: Cells,
    variant: Option<&'static str>,
    fields: Vec<(Cow<'static, str>, Cell)>,
}

pub(super) struct Entries {
    inner: Cells,
    key: Option<Cell>,
    entries: Vec<(Cell, Cell)>,
}

fn within(variant: Option<&'static str>, cell: Cell) -> Cell {
    match variant {
        Some(variant) => Cell::Fields(vec![(Cow::Borrowed(variant), cell)]),
        None => cell,
    }
}

/// Lengths are hints that nothing is allocated for beyond this.
fn room(len: Option<usize>) -> usize {
    len.unwrap_or(0).min(1 << 10)
}

macro_rules! integers {
    ($($method:ident: $type:ty => $width:ident),*) => {$(
        fn $method(self, value: $type) -> Result<Cell, Refused> {
            Ok(Cell::Int(Width::$width, i128::from(value)))
        }
    )*};
}

impl ser::Serializer for Cells {
    type Ok = Cell;
    type Error = Refused;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Entries;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    integers!(serialize_i8: i8 => I8, serialize_i16: i16 => I16, serialize_i32: i32 => I32, serialize_i64: i64 => I64,
        serialize_u8: u8 => U8, serialize_u16: u16 => U16, serialize_u32: u32 => U32, serialize_u64: u64 => U64,
        serialize_i128: i128 => Wide);

    fn serialize_u128(self, value: u128) -> Result<Cell, Refused> {
        let value = i128::try_from(value).map_err(|_| Refused("a number has more than 64 bits".to_owned()))?;
        Ok(Cell::Int(Width::Wide, value))
    }

    fn serialize_bool(self, value: bool) -> Result<Cell, Refused> {
        Ok(Cell::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Result<Cell, Refused> {
        Ok(Cell::F32(value))
    }

    fn serialize_f64(self, value: f64) -> Result<Cell, Refused> {
        Ok(Cell::F64(value))
    }

    fn serialize_char(self, value: char) -> Result<Cell, Refused> {
        Ok(Cell::Text(Cow::Owned(value.to_string())))
    }

    fn serialize_str(self, value: &str) -> Result<Cell, Refused> {
        Ok(Cell::Text(Cow::Owned(value.to_owned())))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Cell, Refused> {
        Ok(Cell::Bytes(value.to_owned()))
    }

    fn serialize_none(self) -> Result<Cell, Refused> {
        Ok(Cell::Null)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<Cell, Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Cell, Refused> {
        Ok(Cell::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Cell, Refused> {
        Ok(Cell::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Cell, Refused> {
        Ok(Cell::Text(Cow::Borrowed(variant)))
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<Cell, Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Cell, Refused> {
        Ok(within(Some(variant), value.serialize(self.open()?)?))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List, Refused> {
        Ok(List {
            inner: self.open()?,
            variant: None,
            items: Vec::with_capacity(room(len)),
        })
    }

    fn serialize_tuple(self, len: usize) -> Result<List, Refused> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<List, Refused> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<List, Refused> {
        let list = self.open()?.serialize_seq(Some(len))?;
        Ok(List {
            variant: Some(variant),
            ..list
        })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries, Refused> {
        Ok(Entries {
            inner: self.open()?,
            key: None,
            entries: Vec::with_capacity(room(len)),
        })
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Fields, Refused> {
        Ok(Fields {
            inner: self.open()?,
            variant: None,
            fields: Vec::with_capacity(room(Some(len))),
        })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields, Refused> {
        let fields = self.open()?.serialize_struct(name, len)?;
        Ok(Fields {
            variant: Some(variant),
            ..fields
        })
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

macro_rules! items {
    ($($trait:ident :: $method:ident),*) => {$(
        impl ser::$trait for List {
            type Ok = Cell;
            type Error = Refused;

            fn $method<T: ?Sized + Serialize>(&mut self, item: &T) -> Result<(), Refused> {
                self.items.push(item.serialize(self.inner)?);
                Ok(())
            }

            fn end(self) -> Result<Cell, Refused> {
                Ok(within(self.variant, Cell::List(self.items)))
            }
        }
    )*};
}
items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Fields {
            type Ok = Cell;
            type Error = Refused;

            fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), Refused> {
                self.fields.push((Cow::Borrowed(name), value.serialize(self.inner)?));
                Ok(())
            }

            fn end(self) -> Result<Cell, Refused> {
                Ok(within(self.variant, Cell::Fields(self.fields)))
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Entries {
    type Ok = Cell;
    type Error = Refused;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Refused> {
        self.key = Some(key.serialize(self.inner)?);
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Refused> {
        let Some(key) = self.key.take() else {
            return refused("a map gave a value without a key");
        };
        self.entries.push((key, value.serialize(self.inner)?));
        Ok(())
    }

    fn end(self) -> Result<Cell, Refused> {
        Ok(Cell::Entries(self.entries))
    }
}
