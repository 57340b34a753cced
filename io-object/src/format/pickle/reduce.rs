//! The few names a pickle may give, and the values it may have made of them; every other name is refused.

use super::python::{Date, DateTime, Offset, Time, TimeDelta};
use super::value::{Node, node};
use super::{Error, shown};

/// What a pickle may name. Nothing of Python is behind it: [`Class::call`] makes the plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Set,
    FrozenSet,
    Bytes,
    ByteArray,
    Encode,
    OrderedDict,
    DateTime,
    Date,
    Time,
    TimeDelta,
    TimeZone,
}

/// How many more items and bytes calls may copy, so that a short pickle cannot copy one long list over and over.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    pub(super) const fn new(left: usize) -> Self {
        Self { left }
    }

    fn spend(&mut self, amount: usize) -> Result<(), Error> {
        self.left = self
            .left
            .checked_sub(amount)
            .ok_or_else(|| Error::new("the pickle has its data copied over and over; it would grow too large"))?;
        Ok(())
    }
}

impl Class {
    /// Finds a name of the short list.
    pub(super) fn find(module: &str, name: &str) -> Result<Self, Error> {
        Ok(match (module, name) {
            ("builtins" | "__builtin__", "set") => Self::Set,
            ("builtins" | "__builtin__", "frozenset") => Self::FrozenSet,
            ("builtins" | "__builtin__", "bytes") => Self::Bytes,
            ("builtins" | "__builtin__", "bytearray") => Self::ByteArray,
            ("_codecs", "encode") => Self::Encode,
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("datetime", "datetime") => Self::DateTime,
            ("datetime", "date") => Self::Date,
            ("datetime", "time") => Self::Time,
            ("datetime", "timedelta") => Self::TimeDelta,
            ("datetime", "timezone") => Self::TimeZone,
            _ => return Err(refused(&format!("`{}.{}`", shown(module), shown(name)))),
        })
    }

    /// The name of Python.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Set => "builtins.set",
            Self::FrozenSet => "builtins.frozenset",
            Self::Bytes => "builtins.bytes",
            Self::ByteArray => "builtins.bytearray",
            Self::Encode => "_codecs.encode",
            Self::OrderedDict => "collections.OrderedDict",
            Self::DateTime => "datetime.datetime",
            Self::Date => "datetime.date",
            Self::Time => "datetime.time",
            Self::TimeDelta => "datetime.timedelta",
            Self::TimeZone => "datetime.timezone",
        }
    }

    /// Makes the value that Python would make by calling this name, if the arguments are those its picklers write.
    pub(super) fn call(self, args: &[u32], nodes: &[Node], budget: &mut Budget) -> Result<Node, Error> {
        // The count comes first: a long tuple of arguments may be shared by many calls.
        let [first, second, third] = match args {
            [] => [None; 3],
            [a] => [node(nodes, *a), None, None],
            [a, b] => [node(nodes, *a), node(nodes, *b), None],
            [a, b, c] => [node(nodes, *a), node(nodes, *b), node(nodes, *c)],
            _ => return Err(self.wrong()),
        };
        Ok(match (self, first, second, third) {
            (Self::Set, None, None, None) => Node::Set(Vec::new()),
            (Self::Set, Some(items), None, None) => Node::Set(self.items(items, budget)?.into()),
            (Self::FrozenSet, None, None, None) => Node::FrozenSet(Box::default()),
            (Self::FrozenSet, Some(items), None, None) => Node::FrozenSet(self.items(items, budget)?),
            (Self::Bytes, None, None, None) => Node::Bytes(Box::default()),
            (Self::Encode, Some(Node::Str(text)), Some(Node::Str(encoding)), None) => {
                Node::Bytes(self.latin1(text, encoding, budget)?)
            }
            (Self::ByteArray, None, None, None) => Node::ByteArray(Box::default()),
            (Self::ByteArray, Some(Node::Str(text)), Some(Node::Str(encoding)), None) => {
                Node::ByteArray(self.latin1(text, encoding, budget)?)
            }
            (Self::ByteArray, Some(Node::Bytes(bytes) | Node::ByteArray(bytes)), None, None) => {
                budget.spend(bytes.len())?;
                Node::ByteArray(bytes.clone())
            }
            (Self::OrderedDict, None, None, None) => Node::Dict(Vec::new()),
            (Self::OrderedDict, Some(Node::List(pairs)), None, None) => Node::Dict(self.pairs(pairs, nodes, budget)?),
            (Self::Date, Some(state), None, None) => Node::Date(Date::from_state(self.state(state)?)?),
            (Self::DateTime, Some(state), offset, None) => {
                let value = DateTime::from_state(self.state(state)?)?;
                let time = value.time().with_offset(self.offset(offset)?);
                Node::DateTime(Box::new(DateTime::new(value.date(), time)))
            }
            (Self::Time, Some(state), offset, None) => {
                let time = Time::from_state(self.state(state)?)?;
                Node::Time(Box::new(time.with_offset(self.offset(offset)?)))
            }
            (Self::TimeDelta, Some(Node::Int(days)), Some(Node::Int(seconds)), Some(Node::Int(micros))) => {
                let part = |part: &i128| i64::try_from(*part).map_err(|_| self.wrong());
                Node::TimeDelta(TimeDelta::new(part(days)?, part(seconds)?, part(micros)?)?)
            }
            (Self::TimeZone, Some(Node::TimeDelta(delta)), None | Some(Node::Str(_)), None) => {
                let micros = i64::try_from(delta.as_micros()).map_err(|_| self.wrong())?;
                Node::TimeZone(Offset::from_micros(micros)?)
            }
            _ => return Err(self.wrong()),
        })
    }

    fn wrong(self) -> Error {
        Error::new(format!(
            "it calls `{}` with arguments that no pickler of plain data writes",
            self.name()
        ))
    }

    fn items(self, items: &Node, budget: &mut Budget) -> Result<Box<[u32]>, Error> {
        let items: &[u32] = match items {
            Node::List(items) | Node::Set(items) => items,
            Node::Tuple(items) | Node::FrozenSet(items) => items,
            _ => return Err(self.wrong()),
        };
        budget.spend(items.len())?;
        Ok(items.into())
    }

    fn pairs(self, pairs: &[u32], nodes: &[Node], budget: &mut Budget) -> Result<Vec<(u32, u32)>, Error> {
        budget.spend(pairs.len())?;
        let pair = |id: &u32| {
            let pair: &[u32] = match node(nodes, *id) {
                Some(Node::List(pair)) => pair,
                Some(Node::Tuple(pair)) => pair,
                _ => return Err(self.wrong()),
            };
            match pair {
                [key, value] => Ok((*key, *value)),
                _ => Err(self.wrong()),
            }
        };
        pairs.iter().map(pair).collect()
    }

    /// Encodes text as Latin-1, as which the protocols before 3 keep bytes.
    fn latin1(self, text: &str, encoding: &str, budget: &mut Budget) -> Result<Box<[u8]>, Error> {
        if !matches!(encoding, "latin1" | "latin-1") {
            return Err(self.wrong());
        }
        budget.spend(text.len())?;
        text.chars()
            .map(|char| u8::try_from(char).map_err(|_| self.wrong()))
            .collect()
    }

    /// The bytes that an object of `datetime` is made from; protocols before 3 may have them as Latin-1 text.
    fn state<const N: usize>(self, state: &Node) -> Result<[u8; N], Error> {
        match state {
            Node::Bytes(bytes) => bytes.as_ref().try_into().map_err(|_| self.wrong()),
            Node::Str(text) => {
                let mut state = [0; N];
                let mut chars = text.chars();
                for byte in &mut state {
                    *byte = chars
                        .next()
                        .and_then(|char| u8::try_from(char).ok())
                        .ok_or_else(|| self.wrong())?;
                }
                if chars.next().is_none() {
                    Ok(state)
                } else {
                    Err(self.wrong())
                }
            }
            _ => Err(self.wrong()),
        }
    }

    fn offset(self, zone: Option<&Node>) -> Result<Option<Offset>, Error> {
        match zone {
            None | Some(Node::None) => Ok(None),
            Some(Node::TimeZone(offset)) => Ok(Some(*offset)),
            Some(_) => Err(self.wrong()),
        }
    }
}

/// The error for a name, or something else, that plain data has no use for.
pub(super) fn refused(what: &str) -> Error {
    Error::new(format!(
        "it wants {what}, which is no plain data; nothing of it was run"
    ))
}
