//! Writes a value as a pickle of protocol 4, through serde.

use serde::ser::{self, Serialize};

use super::compound::{Compound, Kind};
use super::python::{Date, DateTime, Time, marker};
use super::{Error, MAX_DEPTH, MAX_LAYERS, opcodes as op};

/// Writes one value as a pickle: make it, serialize into it by mutable reference, then call [`finish`](Self::finish).
///
/// After an error, what it wrote so far is no pickle and is to be thrown away.
#[derive(Debug)]
pub(in crate::format) struct Serializer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    depth: usize,
    layers: usize,
    /// Whether the value at hand is a key or a member of a set, or lies inside one.
    hashable: bool,
    /// The kind of set that the next value, which must be a sequence, is to become.
    set: Option<Kind>,
}

impl<'a> Serializer<'a> {
    /// Starts a pickle at the end of `out`.
    pub(in crate::format) fn new(out: &'a mut Vec<u8>) -> Self {
        out.extend([op::PROTO, 4]);
        Self {
            out,
            depth: 0,
            layers: 0,
            hashable: false,
            set: None,
        }
    }

    /// Ends the pickle, once one value is serialized.
    pub(in crate::format) fn finish(self) {
        self.out.push(op::STOP);
    }

    /// Refuses a value that is no sequence where a set is to be made of one.
    fn refuse_set(&self) -> Result<(), Error> {
        match self.set {
            Some(_) => Err(Error::new("a Python set must be made of a sequence")),
            None => Ok(()),
        }
    }

    /// Starts a value that is no sequence, by its opcode and what follows it.
    pub(super) fn put(&mut self, opcode: u8, rest: &[u8]) -> Result<(), Error> {
        self.refuse_set()?;
        self.out.push(opcode);
        self.out.extend_from_slice(rest);
        Ok(())
    }

    /// Writes bytes after the shortest of the opcodes that give their length in 1, 4 or 8 bytes.
    fn sized(&mut self, opcodes: [u8; 3], bytes: &[u8]) -> Result<(), Error> {
        let [short, medium, long] = opcodes;
        if let Ok(length) = u8::try_from(bytes.len()) {
            self.put(short, &[length])?;
        } else if let Ok(length) = u32::try_from(bytes.len()) {
            self.put(medium, &length.to_le_bytes())?;
        } else {
            self.put(long, &(bytes.len() as u64).to_le_bytes())?;
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), Error> {
        self.sized([op::SHORT_BINUNICODE, op::BINUNICODE, op::BINUNICODE8], text.as_bytes())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sized([op::SHORT_BINBYTES, op::BINBYTES, op::BINBYTES8], bytes)
    }

    pub(super) fn int(&mut self, value: i128) -> Result<(), Error> {
        if let Ok(byte) = u8::try_from(value) {
            self.put(op::BININT1, &[byte])
        } else if let Ok(short) = u16::try_from(value) {
            self.put(op::BININT2, &short.to_le_bytes())
        } else if let Ok(int) = i32::try_from(value) {
            self.put(op::BININT, &int.to_le_bytes())
        } else {
            self.long(&value.to_le_bytes(), value < 0)
        }
    }

    /// Writes a little-endian two's complement number in the fewest bytes that keep its sign.
    fn long(&mut self, mut bytes: &[u8], negative: bool) -> Result<(), Error> {
        let sign = if negative { 0xff } else { 0 };
        while let [rest @ .., before, last] = bytes
            && *last == sign
            && (*before >= 0x80) == negative
        {
            bytes = bytes.get(..=rest.len()).unwrap_or_default();
        }
        self.put(
            op::LONG1,
            &[u8::try_from(bytes.len()).map_err(<Error as ser::Error>::custom)?],
        )?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Goes into a value that leaves no trace of its own in the pickle.
    pub(super) fn layer<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        if self.layers == MAX_LAYERS {
            return Err(Error::new(format!(
                "more than {MAX_LAYERS} `Some` and newtype layers inside each other"
            )));
        }
        self.layers += 1;
        value.serialize(&mut *self)?;
        self.layers -= 1;
        Ok(())
    }

    /// Goes into a value that must be hashable, as Python's keys and members of sets are.
    pub(super) fn hashed<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        let before = std::mem::replace(&mut self.hashable, true);
        value.serialize(&mut *self)?;
        self.hashable = before;
        Ok(())
    }

    fn begin<'s>(&'s mut self, kind: Kind) -> Result<Compound<'s, 'a>, Error> {
        self.refuse_set()?;
        if self.depth == MAX_DEPTH {
            return Err(Error::new(format!(
                "the value is nested more than {MAX_DEPTH} levels deep"
            )));
        }
        let unhashable = match kind {
            Kind::List => Some("list"),
            Kind::Set => Some("set"),
            Kind::Dict => Some("dict"),
            Kind::Tuple(_) | Kind::FrozenSet => None,
        };
        if let (true, Some(name)) = (self.hashable, unhashable) {
            return Err(Error::new(format!(
                "a {name} cannot be a key of a Python dict or a member of a Python set, nor part of one: \
                 it is not hashable"
            )));
        }
        match kind {
            Kind::List => self.put(op::EMPTY_LIST, &[])?,
            Kind::Set => self.put(op::EMPTY_SET, &[])?,
            Kind::Dict => self.put(op::EMPTY_DICT, &[])?,
            Kind::FrozenSet | Kind::Tuple(4..) => self.put(op::MARK, &[])?,
            Kind::Tuple(0) => self.put(op::EMPTY_TUPLE, &[])?,
            Kind::Tuple(_) => {}
        }
        self.depth += 1;
        Ok(Compound::new(self, kind))
    }

    /// Begins the dict of one key, the variant's name, whose value is to follow.
    fn begin_variant<'s>(&'s mut self, name: &str, kind: Kind) -> Result<Compound<'s, 'a>, Error> {
        self.open_variant(name)?;
        Ok(self.begin(kind)?.of_variant())
    }

    fn open_variant(&mut self, name: &str) -> Result<(), Error> {
        self.begin(Kind::Dict)?;
        self.text(name)
    }

    pub(super) fn close_variant(&mut self) {
        self.end(Some(op::SETITEM));
    }

    /// Ends a compound value.
    pub(super) fn end(&mut self, opcode: Option<u8>) {
        self.out.extend(opcode);
        self.depth -= 1;
    }

    /// Writes an opcode that starts no value.
    pub(super) fn op(&mut self, opcode: u8) {
        self.out.push(opcode);
    }
}

impl<'s, 'a> ser::Serializer for &'s mut Serializer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'s, 'a>;
    type SerializeTuple = Compound<'s, 'a>;
    type SerializeTupleStruct = Compound<'s, 'a>;
    type SerializeTupleVariant = Compound<'s, 'a>;
    type SerializeMap = Compound<'s, 'a>;
    type SerializeStruct = Compound<'s, 'a>;
    type SerializeStructVariant = Compound<'s, 'a>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.put(if value { op::NEWTRUE } else { op::NEWFALSE }, &[])
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.int(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.int(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.int(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.int(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.int(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.int(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.int(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.int(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.int(value.into())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        match i128::try_from(value) {
            Ok(value) => self.int(value),
            // The top bit is set, so the number needs a byte for its sign.
            Err(_) => {
                let mut bytes = [0; 17];
                for (byte, from) in bytes.iter_mut().zip(value.to_le_bytes()) {
                    *byte = from;
                }
                self.long(&bytes, false)
            }
        }
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.put(op::BINFLOAT, &value.to_be_bytes())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.bytes(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Error> {
        self.layer(value)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.put(op::NONE, &[])
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, name: &'static str, value: &T) -> Result<(), Error> {
        let set = match name {
            marker::SET => Kind::Set,
            marker::FROZEN_SET => Kind::FrozenSet,
            marker::DATE_TIME => {
                return self.marked(value, |to, at: DateTime| {
                    to.rebuilt("datetime", &at.state(), at.time().offset())
                });
            }
            marker::DATE => return self.marked(value, |to, date: Date| to.rebuilt("date", &date.state(), None)),
            marker::TIME => {
                return self.marked(value, |to, time: Time| to.rebuilt("time", &time.state(), time.offset()));
            }
            marker::TIME_DELTA => return self.marked(value, Serializer::time_delta),
            _ => return self.layer(value),
        };
        self.refuse_set()?;
        self.set = Some(set);
        self.layer(value)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.open_variant(variant)?;
        value.serialize(&mut *self)?;
        self.close_variant();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'s, 'a>, Error> {
        let kind = self.set.take().unwrap_or(Kind::List);
        self.begin(kind)
    }

    fn serialize_tuple(self, length: usize) -> Result<Compound<'s, 'a>, Error> {
        let kind = self.set.take().unwrap_or(Kind::Tuple(length));
        self.begin(kind)
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Compound<'s, 'a>, Error> {
        self.begin(Kind::Tuple(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Compound<'s, 'a>, Error> {
        self.begin_variant(variant, Kind::Tuple(length))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'s, 'a>, Error> {
        self.begin(Kind::Dict)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'s, 'a>, Error> {
        self.begin(Kind::Dict)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'s, 'a>, Error> {
        self.begin_variant(variant, Kind::Dict)
    }
}
