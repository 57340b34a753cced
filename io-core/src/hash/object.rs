//! Hash of a serde value by its tokens, so that it does not depend on a format, a map's order or a field's bytes.

use crate::error::{Error, ErrorKind, Result};
use crate::object::serialize_object;
use crate::receipt::ContentHash;
use crate::value::Value;
use serde::ser::{self, Serialize};
use std::fmt;

/// What a format may be unable to keep, found while hashing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// A NaN or an infinity.
    pub non_finite: bool,
    /// `Some(None)` or `Some(())`: formats with one null read it back as `None`.
    pub nested_null: bool,
    /// The deepest nesting of sequences, maps and structs; readers of some formats stop at a limit.
    pub depth: usize,
}

/// The hash of an object and what a format must take care of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectDigest {
    /// The hash.
    pub hash: ContentHash,
    /// What may get lost.
    pub losses: Losses,
}

/// Hashes a value of form Object.
///
/// Integers hash by value, whatever their width; maps by their set of entries. A `HashSet` hashes in its own order,
/// which serde does not show to be free.
///
/// # Errors
/// `InvalidData` when the value refuses to be serialized or nests deeper than 128 levels.
pub fn digest_object(value: &Value) -> Result<ObjectDigest> {
    let mut sink = Sink::new(0);
    serialize_object(value, &mut sink).map_err(|error| {
        Error::new(
            ErrorKind::InvalidData,
            format!("the value cannot be serialized: {error}"),
        )
        .with_source(error)
    })?;
    let losses = sink.losses;
    Ok(ObjectDigest {
        hash: sink.finish(),
        losses,
    })
}

/// Tokens are gathered before they are hashed: BLAKE3 is slow on a few bytes at a time.
const BUFFER_BYTES: usize = 64 * 1024;
/// Deeper values could run a serializer out of stack: 400 levels did on a thread of 2 MiB without optimization.
const MAX_DEPTH: usize = 128;

struct Sink {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    losses: Losses,
    after_some: bool,
    depth: usize,
}

#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Done = Result<(), Refused>;

impl Sink {
    fn new(depth: usize) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"larder object 1");
        Self {
            hasher,
            buffer: Vec::new(),
            losses: Losses::default(),
            after_some: false,
            depth,
        }
    }

    fn token(&mut self, tag: u8, bytes: &[u8]) -> Done {
        self.after_some = false;
        self.raw(tag, bytes)
    }

    fn raw(&mut self, tag: u8, bytes: &[u8]) -> Done {
        self.buffer.push(tag);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.hasher.update(&self.buffer);
            self.buffer.clear();
        }
        Ok(())
    }

    fn sized(&mut self, tag: u8, bytes: &[u8]) -> Done {
        self.token(tag, &(bytes.len() as u64).to_le_bytes())?;
        self.raw(0, bytes)
    }

    fn null(&mut self) -> Done {
        self.losses.nested_null |= self.after_some;
        self.token(b'n', &[])
    }

    fn integer(&mut self, sign: u8, bits: u128) -> Done {
        self.token(sign, &bits.to_le_bytes())
    }

    fn signed(&mut self, value: i128) -> Done {
        self.integer(if value < 0 { b'-' } else { b'+' }, value.unsigned_abs())
    }

    fn float(&mut self, value: f64) -> Done {
        self.losses.non_finite |= !value.is_finite();
        let bits = if value.is_nan() {
            f64::NAN.to_bits()
        } else {
            value.to_bits()
        };
        self.token(b'f', &bits.to_le_bytes())
    }

    fn open(&mut self, tag: u8) -> Result<&mut Self, Refused> {
        self.depth += 1;
        self.losses.depth = self.losses.depth.max(self.depth);
        if self.depth > MAX_DEPTH {
            return Err(Refused(format!("it nests deeper than {MAX_DEPTH} levels")));
        }
        self.token(tag, &[])?;
        Ok(self)
    }

    fn close(&mut self) -> Done {
        self.depth -= 1;
        self.token(b')', &[])
    }

    fn finish(mut self) -> ContentHash {
        self.hasher.update(&self.buffer);
        self.hasher.finalize().into()
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, value: $type) -> Done {
            self.signed(i128::from(value))
        }
    )*};
}

impl<'a> ser::Serializer for &'a mut Sink {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_u128(self, value: u128) -> Done {
        self.integer(b'+', value)
    }

    fn serialize_bool(self, value: bool) -> Done {
        self.token(b'b', &[u8::from(value)])
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.float(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Done {
        self.float(value)
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Done {
        self.sized(b's', value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Done {
        self.sized(b'B', value)
    }

    fn serialize_none(self) -> Done {
        self.null()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Done {
        // Nested options stay apart in the hash even where a format cannot keep them apart.
        self.raw(b'o', &[])?;
        self.after_some = true;
        value.serialize(&mut *self)?;
        self.after_some = false;
        Ok(())
    }

    fn serialize_unit(self) -> Done {
        self.null()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.null()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.sized(b'v', variant.as_bytes())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.sized(b'V', variant.as_bytes())?;
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Refused> {
        self.open(b'(')
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Refused> {
        self.open(b'(')
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        self.open(b'(')
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.sized(b'V', variant.as_bytes())?;
        self.open(b'(')
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, Refused> {
        Ok(Entries {
            sink: self.open(b'{')?,
            key: None,
            entries: Vec::new(),
        })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        self.open(b'<')
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        self.sized(b'V', variant.as_bytes())?;
        self.open(b'<')
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

macro_rules! elements {
    ($($trait:ident :: $method:ident),*) => {$(
        impl ser::$trait for &mut Sink {
            type Ok = ();
            type Error = Refused;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
                value.serialize(&mut **self)
            }

            fn end(self) -> Done {
                self.close()
            }
        }
    )*};
}
elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl ser::$trait for &mut Sink {
            type Ok = ();
            type Error = Refused;

            fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Done {
                self.sized(b'k', name.as_bytes())?;
                value.serialize(&mut **self)
            }

            fn end(self) -> Done {
                self.close()
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);

/// A map's entries, hashed one by one and sorted.
struct Entries<'a> {
    sink: &'a mut Sink,
    key: Option<Sink>,
    entries: Vec<ContentHash>,
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Done {
        let mut entry = Sink::new(self.sink.depth);
        key.serialize(&mut entry)?;
        self.key = Some(entry);
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        let mut entry = self
            .key
            .take()
            .ok_or_else(|| Refused("a map gave a value without a key".into()))?;
        value.serialize(&mut entry)?;
        self.sink.losses.non_finite |= entry.losses.non_finite;
        self.sink.losses.nested_null |= entry.losses.nested_null;
        self.sink.losses.depth = self.sink.losses.depth.max(entry.losses.depth);
        self.entries.push(entry.finish());
        Ok(())
    }

    fn end(mut self) -> Done {
        self.entries.sort_unstable();
        for entry in &self.entries {
            self.sink.raw(b'e', entry.as_bytes())?;
        }
        self.sink.close()
    }
}
