//! The tree a pickle is read into, which serde deserializes from.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::keys::Keys;
use super::python::{Date, DateTime, Offset, Time, TimeDelta, marker};
use super::reduce::Class;
use super::{Error, MAX_LAYERS, validate};

/// A Python object; those inside it are named by their place in the arena.
#[derive(Clone, Debug)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i128),
    /// An integer that only an unsigned one of 128 bits can hold.
    Unsigned(u128),
    Float(f64),
    Str(Box<str>),
    Bytes(Box<[u8]>),
    ByteArray(Box<[u8]>),
    List(Vec<u32>),
    Tuple(Box<[u32]>),
    Set(Vec<u32>),
    FrozenSet(Box<[u32]>),
    Dict(Vec<(u32, u32)>),
    DateTime(Box<DateTime>),
    Date(Date),
    Time(Box<Time>),
    TimeDelta(TimeDelta),
    TimeZone(Offset),
    /// A class or function by name, which is there to be called and never stays.
    Class(Class),
}

impl Node {
    pub(super) const fn is_container(&self) -> bool {
        matches!(
            self,
            Self::List(_) | Self::Tuple(_) | Self::Set(_) | Self::FrozenSet(_) | Self::Dict(_)
        )
    }

    /// The object at a place inside this one; the keys and values of a dict lie in turn.
    pub(super) fn child(&self, place: usize) -> Option<u32> {
        match self {
            Self::List(items) | Self::Set(items) => items.get(place).copied(),
            Self::Tuple(items) | Self::FrozenSet(items) => items.get(place).copied(),
            Self::Dict(pairs) => {
                let (key, value) = pairs.get(place / 2)?;
                Some(if place.is_multiple_of(2) { *key } else { *value })
            }
            _ => None,
        }
    }

    /// The name Python has for the type.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Unsigned(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::ByteArray(_) => "bytearray",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Dict(_) => "dict",
            Self::DateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::TimeDelta(_) => "timedelta",
            Self::TimeZone(_) => "timezone",
            Self::Class(_) => "class",
        }
    }
}

/// Finds a node of an arena.
pub(super) fn node(nodes: &[Node], id: u32) -> Option<&Node> {
    nodes.get(id as usize)
}

/// A pickle that was read: plain data, checked, and owned. Deserialize from a reference to it.
///
/// What Python shares between several places is kept once. Dates and times deserialize as their ISO 8601 text, bytes
/// as bytes or as a sequence of numbers, and every sequence and set of Python as a sequence.
#[derive(Clone, Debug)]
pub(in crate::format) struct Pickled {
    nodes: Vec<Node>,
    root: u32,
    /// Whether a set had a member, or a dict a key, more than once.
    pub(super) duplicates: bool,
}

impl Pickled {
    /// Checks an arena that was read from so many bytes, and rids its sets and dicts of duplicates.
    pub(super) fn checked(mut nodes: Vec<Node>, root: u32, input: usize) -> Result<Self, Error> {
        let keyed = validate::check(&nodes, root, input)?;
        let mut keys = Keys::new(&nodes);
        let mut changed = Vec::new();
        for id in keyed {
            changed.extend(keys.without_duplicates(id)?.map(|node| (id, node)));
        }
        let duplicates = !changed.is_empty();
        for (id, node) in changed {
            if let Some(place) = nodes.get_mut(id as usize) {
                *place = node;
            }
        }
        Ok(Self {
            nodes,
            root,
            duplicates,
        })
    }

    const fn value(&self) -> Value<'_> {
        Value {
            tree: self,
            id: self.root,
            layers: 0,
            exact: false,
        }
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> (&[Node], u32) {
        (&self.nodes, self.root)
    }
}

/// One value of a tree.
#[derive(Clone, Copy, Debug)]
struct Value<'de> {
    tree: &'de Pickled,
    id: u32,
    /// How many optional and newtype layers the type had on the way here. Going into one takes nothing from the tree,
    /// so a type made of nothing else would never end.
    layers: usize,
    /// Whether a time is wanted with its fold, which only the types of [`super::python`] understand.
    exact: bool,
}

impl<'de> Value<'de> {
    fn node(self) -> Result<&'de Node, Error> {
        node(&self.tree.nodes, self.id).ok_or_else(|| Error::new("a value is not there"))
    }

    const fn child(self, id: u32) -> Self {
        Self {
            id,
            exact: false,
            ..self
        }
    }

    fn layer(self, exact: bool) -> Result<Self, Error> {
        if self.layers == MAX_LAYERS {
            return Err(Error::new(format!(
                "the type has more than {MAX_LAYERS} newtype layers inside each other"
            )));
        }
        Ok(Self {
            layers: self.layers + 1,
            exact,
            ..self
        })
    }

    fn visit_seq<V: Visitor<'de>>(self, items: &'de [u32], visitor: V) -> Result<V::Value, Error> {
        let mut items = SeqDeserializer::new(items.iter().map(|id| self.child(*id)));
        let value = visitor.visit_seq(&mut items)?;
        items.end()?;
        Ok(value)
    }
}

impl<'de> IntoDeserializer<'de, Error> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node()? {
            Node::None => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Int(value) => {
                if let Ok(value) = u64::try_from(*value) {
                    visitor.visit_u64(value)
                } else if let Ok(value) = i64::try_from(*value) {
                    visitor.visit_i64(value)
                } else {
                    visitor.visit_i128(*value)
                }
            }
            Node::Unsigned(value) => visitor.visit_u128(*value),
            Node::Float(value) => visitor.visit_f64(*value),
            Node::Str(text) => visitor.visit_borrowed_str(text),
            Node::Bytes(bytes) | Node::ByteArray(bytes) => visitor.visit_borrowed_bytes(bytes),
            Node::List(items) | Node::Set(items) => self.visit_seq(items, visitor),
            Node::Tuple(items) | Node::FrozenSet(items) => self.visit_seq(items, visitor),
            Node::Dict(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| (self.child(*key), self.child(*value)));
                let mut pairs = MapDeserializer::new(pairs);
                let value = visitor.visit_map(&mut pairs)?;
                pairs.end()?;
                Ok(value)
            }
            Node::DateTime(value) => {
                let fold = value.time().fold() && self.exact;
                visitor.visit_string(DateTime::new(value.date(), value.time().with_fold(fold)).to_string())
            }
            Node::Date(value) => visitor.visit_string(value.to_string()),
            Node::Time(value) => visitor.visit_string(value.with_fold(value.fold() && self.exact).to_string()),
            Node::TimeDelta(value) => visitor.visit_string(value.to_string()),
            Node::TimeZone(value) => visitor.visit_string(value.to_string()),
            Node::Class(class) => Err(Error::new(format!("`{}` is no plain data", class.name()))),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node()? {
            // Visitors of floats take integers of 64 bits; those beyond are rounded, as JSON numbers are.
            Node::Int(value) if i64::try_from(*value).is_err() && u64::try_from(*value).is_err() => {
                visitor.visit_f64(*value as f64)
            }
            Node::Unsigned(value) => visitor.visit_f64(*value as f64),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node()? {
            Node::None => visitor.visit_none(),
            _ => visitor.visit_some(self.layer(false)?),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self.layer(matches!(name, marker::DATE_TIME | marker::TIME))?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node()? {
            Node::Bytes(bytes) | Node::ByteArray(bytes) => {
                let mut bytes = SeqDeserializer::<_, Error>::new(bytes.iter().copied());
                let value = visitor.visit_seq(&mut bytes)?;
                bytes.end()?;
                Ok(value)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.node()? {
            Node::Str(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Node::Dict(pairs) if pairs.len() == 1 => {
                let pairs = pairs.iter().map(|(key, value)| (self.child(*key), self.child(*value)));
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(pairs)))
            }
            other => Err(Error::invalid_type(
                Unexpected::Other(other.kind()),
                &"a str or a dict of one key",
            )),
        }
    }

    /// Takes the name of a field or variant. An integer is none: derived types would take it for a field's place.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node()? {
            Node::Str(text) => visitor.visit_borrowed_str(text),
            other => Err(Error::invalid_type(
                Unexpected::Other(other.kind()),
                &"a str that names a field or variant",
            )),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct map struct
    }
}

/// Forwards what a value of the tree handles in its own way.
macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, Error> {
            self.value().$method($($name,)* visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for &'de Pickled {
    type Error = Error;

    forward! {
        deserialize_any();
        deserialize_f32();
        deserialize_f64();
        deserialize_option();
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct map struct
    }
}
