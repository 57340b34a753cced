//! The elements of a sequence, one after the other.

use super::cell::{Cell, Cells};
use super::{Refused, refused};
use serde::ser::{self, Serialize};

/// Hands each element of a sequence to `visit`; anything else is refused before it is looked at.
pub(super) struct Rows<'v> {
    /// Elements that a sequence must have, where it says how many it has.
    pub(super) least: usize,
    pub(super) visit: &'v mut dyn FnMut(Cell) -> Result<(), Refused>,
}

const NO_ROWS: &str = "it is no sequence";

impl Rows<'_> {
    fn sized(self, len: Option<usize>) -> Result<Self, Refused> {
        match len {
            Some(len) if len < self.least => refused("it has fewer rows"),
            _ => Ok(self),
        }
    }

    fn row<T: ?Sized + Serialize>(&mut self, row: &T) -> Result<(), Refused> {
        (self.visit)(row.serialize(Cells { depth: 0 })?)
    }
}

macro_rules! scalars {
    ($ok:ty, $body:expr => $($method:ident: $type:ty),*) => {$(
        fn $method(self, _: $type) -> Result<$ok, Refused> {
            $body
        }
    )*};
}

impl ser::Serializer for Rows<'_> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = ser::Impossible<(), Refused>;
    type SerializeMap = ser::Impossible<(), Refused>;
    type SerializeStruct = ser::Impossible<(), Refused>;
    type SerializeStructVariant = ser::Impossible<(), Refused>;

    scalars!((), refused(NO_ROWS) => serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str);

    fn serialize_none(self) -> Result<(), Refused> {
        refused(NO_ROWS)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        refused(NO_ROWS)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Refused> {
        refused(NO_ROWS)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Refused> {
        refused(NO_ROWS)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Refused> {
        self.sized(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self, Refused> {
        self.sized(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Self, Refused> {
        self.sized(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Refused> {
        refused(NO_ROWS)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Refused> {
        refused(NO_ROWS)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Refused> {
        refused(NO_ROWS)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Refused> {
        refused(NO_ROWS)
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

macro_rules! rows {
    ($($trait:ident :: $method:ident),*) => {$(
        impl ser::$trait for Rows<'_> {
            type Ok = ();
            type Error = Refused;

            fn $method<T: ?Sized + Serialize>(&mut self, row: &T) -> Result<(), Refused> {
                self.row(row)
            }

            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )*};
}
rows!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field
);
