//! A tree of texts that serde reads as whatever the config struct has.

use super::problem::Problem;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::collections::BTreeMap;

/// A text, or settings by name.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Table(BTreeMap<String, Self>),
}

impl Default for Node {
    fn default() -> Self {
        Self::Table(BTreeMap::new())
    }
}

impl Node {
    /// Puts a text at the end of a path; false when there is a text on the way or something at its end.
    pub(super) fn insert(&mut self, path: &[String], text: &str) -> bool {
        let Self::Table(table) = self else { return false };
        match path {
            [] => false,
            [last] => table.insert(last.clone(), Self::Text(text.to_owned())).is_none(),
            [first, rest @ ..] => table.entry(first.clone()).or_default().insert(rest, text),
        }
    }

    fn parse<T: std::str::FromStr>(&self, expected: &str) -> Result<T, Problem> {
        match self {
            Self::Text(text) => text.parse().map_err(|_| Problem::scalar(expected)),
            Self::Table(_) => Err(Problem::shape(format!("{expected}, not a table"))),
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty, $expected:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            visitor.$visit(self.parse::<$number>(&$expected)?)
        }
    )*};
}

fn whole(from: impl std::fmt::Display, to: impl std::fmt::Display) -> String {
    format!("a whole number from {from} to {to}")
}

/// Nothing borrows from the tree: items of a list do not outlive their text.
impl<'de> Deserializer<'de> for &Node {
    type Error = Problem;

    numbers! {
        deserialize_bool visit_bool bool, "`true` or `false`";
        deserialize_u8 visit_u8 u8, whole(0, u8::MAX);
        deserialize_u16 visit_u16 u16, whole(0, u16::MAX);
        deserialize_u32 visit_u32 u32, whole(0, u32::MAX);
        deserialize_u64 visit_u64 u64, whole(0, u64::MAX);
        deserialize_u128 visit_u128 u128, whole(0, u128::MAX);
        deserialize_i8 visit_i8 i8, whole(i8::MIN, i8::MAX);
        deserialize_i16 visit_i16 i16, whole(i16::MIN, i16::MAX);
        deserialize_i32 visit_i32 i32, whole(i32::MIN, i32::MAX);
        deserialize_i64 visit_i64 i64, whole(i64::MIN, i64::MAX);
        deserialize_i128 visit_i128 i128, whole(i128::MIN, i128::MAX);
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Node::Text(text) => visitor.visit_str(text),
            Node::Table(table) => visitor.visit_map(Entries::new(table)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Node::Text(text) if text.is_empty() => visitor.visit_unit(),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Node::Table(table) => visitor.visit_map(Entries::new(table)),
            Node::Text(text) => visitor.visit_map(Entries::new(&pairs(text)?)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self {
            Node::Table(_) => self.deserialize_map(visitor),
            Node::Text(_) => Err(Problem::shape(
                "a table, with dotted names in a URL: `setting.name=value`",
            )),
        }
    }

    /// `a,b`, white space around items taken away; or a table of the items' numbers.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let items: Vec<Node> = match self {
            Node::Text(text) if text.trim().is_empty() => Vec::new(),
            Node::Text(text) => text.split(',').map(|item| Node::Text(item.trim().to_owned())).collect(),
            Node::Table(table) => return visitor.visit_seq(Items::numbered(table)?),
        };
        visitor.visit_seq(Unnamed(items.into_iter()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self {
            Node::Text(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Node::Table(table) => visitor.visit_enum(MapAccessDeserializer::new(Entries::new(table))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { char str string bytes byte_buf unit_struct identifier }
}

/// `a=b,c=d`, white space around names and values taken away.
fn pairs(text: &str) -> Result<BTreeMap<String, Node>, Problem> {
    let expected =
        || Problem::shape("a table: pairs such as `team=data,owner=x`, or in a URL dotted names, `setting.name=value`");
    let mut table = BTreeMap::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(expected)?;
        let known = table.insert(name.trim().to_owned(), Node::Text(value.trim().to_owned()));
        if known.is_some() || name.trim().is_empty() {
            return Err(expected());
        }
    }
    Ok(table)
}

/// Settings of one table; a mistake below learns the name that led to it.
struct Entries<'t> {
    rest: std::collections::btree_map::Iter<'t, String, Node>,
    value: Option<(&'t String, &'t Node)>,
}

impl<'t> Entries<'t> {
    fn new(table: &'t BTreeMap<String, Node>) -> Self {
        Self {
            rest: table.iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        self.value = self.rest.next();
        match self.value {
            Some((name, _)) => seed.deserialize(StrDeserializer::<Problem>::new(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let Some((name, node)) = self.value.take() else {
            return Err(Problem::shape("a value"));
        };
        seed.deserialize(node).map_err(|problem| problem.within(name))
    }
}

/// Items in the order of their numbers.
struct Items<'t>(std::vec::IntoIter<(&'t String, &'t Node)>);

impl<'t> Items<'t> {
    fn numbered(table: &'t BTreeMap<String, Node>) -> Result<Self, Problem> {
        let mut items = Vec::with_capacity(table.len());
        for (name, node) in table {
            let number: usize = name.parse().map_err(|_| Problem::shape("a list, not a table"))?;
            items.push((number, (name, node)));
        }
        items.sort_by_key(|(number, _)| *number);
        let items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
        Ok(Self(items.into_iter()))
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        match self.0.next() {
            Some((name, node)) => seed.deserialize(node).map(Some).map_err(|problem| problem.within(name)),
            None => Ok(None),
        }
    }
}

/// Items of a text with commas.
struct Unnamed(std::vec::IntoIter<Node>);

impl<'de> SeqAccess<'de> for Unnamed {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        self.0.next().map(|item| seed.deserialize(&item)).transpose()
    }
}
