//! Writes the lists, tuples, sets and dicts of a pickle, item by item.

use serde::ser::{self, Serialize};

use super::write::Serializer;
use super::{Error, opcodes as op};

/// How many items one `APPENDS` and its like take at most, as in CPython, so a reader's stack stays small.
const BATCH: usize = 1000;

/// What a compound value becomes in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Tuple(usize),
    Set,
    FrozenSet,
    Dict,
}

/// A list, tuple, set or dict that is being written.
#[derive(Debug)]
pub(in crate::format) struct Compound<'s, 'a> {
    serializer: &'s mut Serializer<'a>,
    kind: Kind,
    count: usize,
    variant: bool,
}

impl<'s, 'a> Compound<'s, 'a> {
    /// Goes on with a compound value whose first opcode is written.
    pub(super) const fn new(serializer: &'s mut Serializer<'a>, kind: Kind) -> Self {
        Self {
            serializer,
            kind,
            count: 0,
            variant: false,
        }
    }

    /// The same value as that of an enum's variant, whose dict is to end with it.
    pub(super) const fn of_variant(mut self) -> Self {
        self.variant = true;
        self
    }

    /// Opens a batch if none is open; the last item of a full one closes it.
    fn open(&mut self) {
        if self.count.is_multiple_of(BATCH) && matches!(self.kind, Kind::List | Kind::Set | Kind::Dict) {
            self.serializer.op(op::MARK);
        }
    }

    fn close(&mut self) {
        self.count += 1;
        if self.count.is_multiple_of(BATCH) {
            self.end_batch();
        }
    }

    fn end_batch(&mut self) {
        let opcode = match self.kind {
            Kind::List => op::APPENDS,
            Kind::Set => op::ADDITEMS,
            Kind::Dict => op::SETITEMS,
            Kind::Tuple(_) | Kind::FrozenSet => return,
        };
        self.serializer.op(opcode);
    }

    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        self.open();
        match self.kind {
            Kind::Set | Kind::FrozenSet => self.serializer.hashed(value)?,
            _ => value.serialize(&mut *self.serializer)?,
        }
        self.close();
        Ok(())
    }

    fn key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Error> {
        self.open();
        self.serializer.hashed(key)
    }

    fn value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.serializer)?;
        self.close();
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        if !self.count.is_multiple_of(BATCH) {
            self.end_batch();
        }
        let last = match (self.kind, self.count) {
            (Kind::List | Kind::Set | Kind::Dict, _) | (Kind::Tuple(0), 0) => None,
            (Kind::FrozenSet, _) => Some(op::FROZENSET),
            (Kind::Tuple(4..), _) => Some(op::TUPLE),
            (Kind::Tuple(1), 1) => Some(op::TUPLE1),
            (Kind::Tuple(2), 2) => Some(op::TUPLE2),
            (Kind::Tuple(3), 3) => Some(op::TUPLE3),
            (Kind::Tuple(length), count) => {
                return Err(Error::new(format!("a tuple of {length} items was given {count}")));
            }
        };
        self.serializer.end(last);
        if self.variant {
            self.serializer.close_variant();
        }
        Ok(())
    }
}

/// Implements a serde trait of a compound value by its items.
macro_rules! by_items {
    ($trait:ident, $method:ident) => {
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    };
}

by_items!(SerializeSeq, serialize_element);
by_items!(SerializeTuple, serialize_element);
by_items!(SerializeTupleStruct, serialize_field);
by_items!(SerializeTupleVariant, serialize_field);

/// Implements a serde trait of a compound value by its named fields.
macro_rules! by_fields {
    ($trait:ident) => {
        impl ser::$trait for Compound<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.key(name)?;
                self.value(value)
            }

            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    };
}

by_fields!(SerializeStruct);
by_fields!(SerializeStructVariant);

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Error> {
        self.key(key)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}
