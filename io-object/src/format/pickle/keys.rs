//! The keys of dicts and the members of sets: which ones Python takes for the same.

use std::collections::{HashMap, HashSet};

use super::Error;
use super::python::{Date, DateTime, Offset, Time, TimeDelta};
use super::value::{Node, node};

/// A hashable value, such that two are equal just if Python takes them for the same key.
///
/// One case is left out: two datetimes of different offsets are different keys here, even at the same moment.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key<'a> {
    None,
    /// An integer, a bool, or a float without a fraction.
    Int(i128),
    Unsigned(u128),
    /// Any other float, by its bits.
    Float(u64),
    /// A NaN equals only itself, so it is known by its node.
    Nan(u32),
    Str(&'a str),
    Bytes(&'a [u8]),
    /// A tuple, by the numbers of its items' keys.
    Tuple(Vec<usize>),
    /// A frozenset, by the sorted numbers of its members' keys.
    FrozenSet(Vec<usize>),
    DateTime(DateTime),
    Date(Date),
    Time(Time),
    TimeDelta(TimeDelta),
    TimeZone(Offset),
}

/// Numbers keys, so that equal keys have equal numbers. A node shared by many keys is gone through once.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    nodes: &'a [Node],
    numbers: HashMap<Key<'a>, usize>,
    known: HashMap<u32, usize>,
}

impl<'a> Keys<'a> {
    /// Starts without keys. The nodes must be free of cycles and not too deep.
    pub(super) fn new(nodes: &'a [Node]) -> Self {
        Self {
            nodes,
            numbers: HashMap::new(),
            known: HashMap::new(),
        }
    }

    /// Gives a set or dict as it is without duplicates, or nothing if it has none.
    ///
    /// As in Python, the first of equal members stays in a set, and in a dict the first key with the last value.
    pub(super) fn without_duplicates(&mut self, id: u32) -> Result<Option<Node>, Error> {
        match node(self.nodes, id) {
            Some(Node::Set(members)) => Ok(self.members(members)?.map(Node::Set)),
            Some(Node::FrozenSet(members)) => Ok(self.members(members)?.map(|kept| Node::FrozenSet(kept.into()))),
            Some(Node::Dict(pairs)) => Ok(self.pairs(pairs)?.map(Node::Dict)),
            _ => Ok(None),
        }
    }

    fn members(&mut self, members: &[u32]) -> Result<Option<Vec<u32>>, Error> {
        let mut seen = HashSet::with_capacity(members.len());
        let mut kept = Vec::with_capacity(members.len());
        for member in members {
            if seen.insert(self.number(*member)?) {
                kept.push(*member);
            }
        }
        Ok((kept.len() < members.len()).then_some(kept))
    }

    fn pairs(&mut self, pairs: &[(u32, u32)]) -> Result<Option<Vec<(u32, u32)>>, Error> {
        let mut places = HashMap::with_capacity(pairs.len());
        let mut kept: Vec<(u32, u32)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let place = *places.entry(self.number(*key)?).or_insert(kept.len());
            match kept.get_mut(place) {
                Some(pair) => pair.1 = *value,
                None => kept.push((*key, *value)),
            }
        }
        Ok((kept.len() < pairs.len()).then_some(kept))
    }

    fn number(&mut self, id: u32) -> Result<usize, Error> {
        if let Some(number) = self.known.get(&id) {
            return Ok(*number);
        }
        let key = self.key(id)?;
        let next = self.numbers.len();
        let number = *self.numbers.entry(key).or_insert(next);
        self.known.insert(id, number);
        Ok(number)
    }

    fn key(&mut self, id: u32) -> Result<Key<'a>, Error> {
        let key = node(self.nodes, id).ok_or_else(|| Error::new("a key is not there"))?;
        Ok(match key {
            Node::None => Key::None,
            Node::Bool(value) => Key::Int((*value).into()),
            Node::Int(value) => Key::Int(*value),
            Node::Unsigned(value) => Key::Unsigned(*value),
            Node::Float(value) => float(*value, id),
            Node::Str(text) => Key::Str(text),
            Node::Bytes(bytes) => Key::Bytes(bytes),
            Node::Tuple(items) => Key::Tuple(items.iter().map(|item| self.number(*item)).collect::<Result<_, _>>()?),
            Node::FrozenSet(members) => {
                let numbers = members.iter().map(|member| self.number(*member));
                let mut numbers = numbers.collect::<Result<Vec<_>, _>>()?;
                numbers.sort_unstable();
                numbers.dedup();
                Key::FrozenSet(numbers)
            }
            Node::DateTime(value) => Key::DateTime(DateTime::new(value.date(), value.time().with_fold(false))),
            Node::Date(value) => Key::Date(*value),
            Node::Time(value) => Key::Time(value.with_fold(false)),
            Node::TimeDelta(value) => Key::TimeDelta(*value),
            Node::TimeZone(value) => Key::TimeZone(*value),
            Node::List(_) | Node::Set(_) | Node::Dict(_) | Node::ByteArray(_) | Node::Class(_) => {
                return Err(Error::new(format!(
                    "a {} is a key of a dict or a member of a set, which Python does not allow",
                    key.kind()
                )));
            }
        })
    }
}

/// The key of a float: that of the integer it equals, if it equals one.
fn float<'a>(value: f64, id: u32) -> Key<'a> {
    const TOP: f64 = (1_u128 << 127) as f64;
    if value.is_nan() {
        Key::Nan(id)
    } else if value.fract() != 0.0 || !(-TOP..TOP * 2.0).contains(&value) {
        Key::Float(value.to_bits())
    } else if value < TOP {
        Key::Int(value as i128)
    } else {
        Key::Unsigned(value as u128)
    }
}
