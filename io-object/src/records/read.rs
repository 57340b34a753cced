//! Rows as a type's `Deserialize` wants them: self-describing, as JSON is, but with bytes, NaN and the exact numbers.

use super::name::Name;
use super::{ABSENT, Refused, refused};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, ListArray, MapArray, PrimitiveArray, RecordBatch, StringArray,
    StructArray,
};
use arrow_schema::{DataType, Field};
use serde::de::value::SeqDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::ops::Range;

/// A column of a batch.
pub(super) enum View {
    Null,
    Bool(BooleanArray),
    I8(PrimitiveArray<Int8Type>),
    I16(PrimitiveArray<Int16Type>),
    I32(PrimitiveArray<Int32Type>),
    I64(PrimitiveArray<Int64Type>),
    U8(PrimitiveArray<UInt8Type>),
    U16(PrimitiveArray<UInt16Type>),
    U32(PrimitiveArray<UInt32Type>),
    U64(PrimitiveArray<UInt64Type>),
    F32(PrimitiveArray<Float32Type>),
    F64(PrimitiveArray<Float64Type>),
    Text(StringArray),
    Bytes(BinaryArray),
    List(ListArray, Box<Self>),
    Fields(Option<StructArray>, Vec<Named>),
    Map(MapArray, Box<(Self, Self)>),
}

/// A field of a struct.
pub(super) struct Named {
    name: String,
    /// Null stands for a field that is not there.
    absent: bool,
    view: View,
}

impl Named {
    fn of(field: &Field, array: &ArrayRef) -> Result<Self, Refused> {
        Ok(Self {
            name: field.name().clone(),
            absent: field.metadata().get(ABSENT.0).is_some_and(|mark| mark == ABSENT.1),
            view: View::of(array)?,
        })
    }
}

impl View {
    /// The rows of a batch.
    pub(super) fn of_batch(batch: &RecordBatch) -> Result<Self, Refused> {
        let fields = batch.schema_ref().fields().iter().zip(batch.columns());
        let named = fields
            .map(|(field, array)| Named::of(field, array))
            .collect::<Result<_, _>>()?;
        Ok(Self::Fields(None, named))
    }

    fn of(array: &ArrayRef) -> Result<Self, Refused> {
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::Int8 => Self::I8(array.as_primitive().clone()),
            DataType::Int16 => Self::I16(array.as_primitive().clone()),
            DataType::Int32 => Self::I32(array.as_primitive().clone()),
            DataType::Int64 => Self::I64(array.as_primitive().clone()),
            DataType::UInt8 => Self::U8(array.as_primitive().clone()),
            DataType::UInt16 => Self::U16(array.as_primitive().clone()),
            DataType::UInt32 => Self::U32(array.as_primitive().clone()),
            DataType::UInt64 => Self::U64(array.as_primitive().clone()),
            DataType::Float32 => Self::F32(array.as_primitive().clone()),
            DataType::Float64 => Self::F64(array.as_primitive().clone()),
            DataType::Utf8 => Self::Text(array.as_string().clone()),
            DataType::Binary => Self::Bytes(array.as_binary().clone()),
            DataType::List(_) => {
                let list: &ListArray = array.as_list();
                Self::List(list.clone(), Box::new(Self::of(list.values())?))
            }
            DataType::Struct(fields) => {
                let array = array.as_struct();
                let fields = fields.iter().zip(array.columns());
                let named = fields
                    .map(|(field, array)| Named::of(field, array))
                    .collect::<Result<_, _>>()?;
                Self::Fields(Some(array.clone()), named)
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let views = (Self::of(map.keys())?, Self::of(map.values())?);
                Self::Map(map.clone(), Box::new(views))
            }
            other => return refused(format!("a column is {other}, which no row of an object has")),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(array) => array.is_null(row),
            Self::I8(array) => array.is_null(row),
            Self::I16(array) => array.is_null(row),
            Self::I32(array) => array.is_null(row),
            Self::I64(array) => array.is_null(row),
            Self::U8(array) => array.is_null(row),
            Self::U16(array) => array.is_null(row),
            Self::U32(array) => array.is_null(row),
            Self::U64(array) => array.is_null(row),
            Self::F32(array) => array.is_null(row),
            Self::F64(array) => array.is_null(row),
            Self::Text(array) => array.is_null(row),
            Self::Bytes(array) => array.is_null(row),
            Self::List(array, _) => array.is_null(row),
            Self::Fields(array, _) => array.as_ref().is_some_and(|array| array.is_null(row)),
            Self::Map(array, _) => array.is_null(row),
        }
    }
}

/// One value of a column.
#[derive(Clone, Copy)]
pub(super) struct Item<'v> {
    pub(super) view: &'v View,
    pub(super) row: usize,
}

fn range(offsets: &[i32], row: usize) -> Range<usize> {
    // Arrow validated the offsets when the array was made.
    let at = |index: usize| {
        offsets
            .get(index)
            .map_or(0, |offset| usize::try_from(*offset).unwrap_or(0))
    };
    at(row)..at(row + 1)
}

fn value<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, row: usize) -> T::Native {
    array.value(row)
}

impl<'v> Item<'v> {
    /// The fields that are there.
    fn fields(self, fields: &'v [Named]) -> impl Iterator<Item = (&'v str, Item<'v>)> + 'v {
        let row = self.row;
        let there = fields
            .iter()
            .filter(move |field| !(field.absent && field.view.is_null(row)));
        there.map(move |field| (field.name.as_str(), Item { view: &field.view, row }))
    }
}

impl<'de> de::Deserializer<'de> for Item<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let row = self.row;
        if self.view.is_null(row) {
            return visitor.visit_unit();
        }
        match self.view {
            View::Null => visitor.visit_unit(),
            View::Bool(array) => visitor.visit_bool(array.value(row)),
            View::I8(array) => visitor.visit_i8(value(array, row)),
            View::I16(array) => visitor.visit_i16(value(array, row)),
            View::I32(array) => visitor.visit_i32(value(array, row)),
            View::I64(array) => visitor.visit_i64(value(array, row)),
            View::U8(array) => visitor.visit_u8(value(array, row)),
            View::U16(array) => visitor.visit_u16(value(array, row)),
            View::U32(array) => visitor.visit_u32(value(array, row)),
            View::U64(array) => visitor.visit_u64(value(array, row)),
            View::F32(array) => visitor.visit_f32(value(array, row)),
            View::F64(array) => visitor.visit_f64(value(array, row)),
            View::Text(array) => visitor.visit_str(array.value(row)),
            View::Bytes(array) => visitor.visit_bytes(array.value(row)),
            View::List(array, view) => {
                let mut items = Items {
                    view,
                    rows: range(array.value_offsets(), row),
                };
                let value = visitor.visit_seq(&mut items)?;
                match items.rows.is_empty() {
                    true => Ok(value),
                    false => refused("items are left over at the end of a sequence"),
                }
            }
            View::Fields(_, fields) => visitor.visit_map(Pairs {
                pairs: self.fields(fields),
                value: None,
            }),
            View::Map(array, views) => visitor.visit_map(Entries {
                views,
                rows: range(array.value_offsets(), row),
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.view.is_null(self.row) {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.view {
            View::Bytes(array) if !array.is_null(self.row) => {
                visitor.visit_seq(SeqDeserializer::new(array.value(self.row).iter().copied()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self.view {
            View::Text(array) if !array.is_null(self.row) => {
                visitor.visit_enum(array.value(self.row).into_deserializer())
            }
            View::Fields(_, fields) if !self.view.is_null(self.row) => {
                let mut there = self.fields(fields);
                match (there.next(), there.next()) {
                    (Some((name, item)), None) => visitor.visit_enum(Variant { name, item }),
                    _ => refused("a variant is not one field of a struct"),
                }
            }
            _ => refused("a variant is neither text nor a struct of one field"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct map struct
        identifier
    }
}

/// Items of a list.
struct Items<'v> {
    view: &'v View,
    rows: Range<usize>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let next = self.rows.next();
        next.map(|row| seed.deserialize(Item { view: self.view, row }))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rows.len())
    }
}

/// Fields of a struct.
struct Pairs<'v, I> {
    pairs: I,
    value: Option<Item<'v>>,
}

impl<'de, 'v, I: Iterator<Item = (&'v str, Item<'v>)>> de::MapAccess<'de> for Pairs<'v, I> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some((name, item)) = self.pairs.next() else {
            return Ok(None);
        };
        self.value = Some(item);
        seed.deserialize(Name(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        match self.value.take() {
            Some(item) => seed.deserialize(item),
            None => refused("a value was asked for before its key"),
        }
    }
}

/// Entries of a map.
struct Entries<'v> {
    views: &'v (View, View),
    rows: Range<usize>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        match self.rows.is_empty() {
            true => Ok(None),
            false => {
                let item = Item {
                    view: &self.views.0,
                    row: self.rows.start,
                };
                seed.deserialize(item).map(Some)
            }
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        match self.rows.next() {
            Some(row) => seed.deserialize(Item {
                view: &self.views.1,
                row,
            }),
            None => refused("a value was asked for before its key"),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rows.len())
    }
}

/// A variant with fields.
struct Variant<'v> {
    name: &'v str,
    item: Item<'v>,
}

impl<'de> de::EnumAccess<'de> for Variant<'_> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let name: de::value::StrDeserializer<'_, Refused> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        match self.item.view.is_null(self.item.row) {
            true => Ok(()),
            false => refused("a variant without fields has some"),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self.item)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_tuple(self.item, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_any(self.item, visitor)
    }
}
