//! Sets of partitions, as ranges.

use crate::invalid;
use crate::keyspace::Keyspace;
use crate::ranges::{Keep, Points, Range, Tree};
use crate::selection::quoted;
use larder_io_core::{PartitionKey, Result};
use serde::{Serialize, Serializer};
use std::fmt;

/// Some of the partitions of a [`Keyspace`].
///
/// It holds ranges, not keys: its size and the time of what is done with it follow from how many ranges it has. Equal sets of one
/// keyspace are equal.
///
/// Its text is a [`Selection`](crate::Selection) that gives the set back, and so it is serialized: what is read back is a
/// selection, to be resolved among the partitions that exist by then.
#[derive(Clone, PartialEq)]
pub struct PartitionSet {
    space: Keyspace,
    tree: Tree,
}

impl PartitionSet {
    pub(crate) fn new(space: Keyspace, tree: Tree) -> Self {
        Self { space, tree }
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The partitions that it is a set of.
    pub fn keyspace(&self) -> &Keyspace {
        &self.space
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Whether a partition is in it.
    pub fn contains(&self, key: &PartitionKey) -> bool {
        self.space.point(key).is_ok_and(|point| self.tree.contains(&point))
    }

    /// Those in either.
    ///
    /// # Errors
    /// `InvalidDefinition` for sets of different keyspaces.
    pub fn union(&self, other: &Self) -> Result<Self> {
        self.combine(other, Keep::Either)
    }

    /// Those in both.
    ///
    /// # Errors
    /// As [`PartitionSet::union`].
    pub fn intersection(&self, other: &Self) -> Result<Self> {
        self.combine(other, Keep::Both)
    }

    /// Those that are not in `other`.
    ///
    /// # Errors
    /// As [`PartitionSet::union`].
    pub fn difference(&self, other: &Self) -> Result<Self> {
        self.combine(other, Keep::FirstOnly)
    }

    fn combine(&self, other: &Self, keep: Keep) -> Result<Self> {
        other.is_of(&self.space)?;
        Ok(Self::new(self.space.clone(), self.tree.combine(&other.tree, keep)))
    }

    pub(crate) fn is_of(&self, space: &Keyspace) -> Result<()> {
        match self.space == *space {
            true => Ok(()),
            false => {
                let message = "are not the partitions asked about: resolve the selection among those";
                Err(invalid(format!(
                    "the partitions of {:?} {message}, {space:?}",
                    self.space
                )))
            }
        }
    }

    /// The first.
    pub fn first(&self) -> Option<PartitionKey> {
        self.space.key(&self.tree.end(false)?)
    }

    /// The last.
    pub fn last(&self) -> Option<PartitionKey> {
        self.space.key(&self.tree.end(true)?)
    }

    /// The keys in order, made one by one.
    pub fn iter(&self) -> impl Iterator<Item = PartitionKey> + use<> {
        let space = self.space.clone();
        Points::new(self.tree.clone()).filter_map(move |point| space.key(&point))
    }

    /// Sets of `size` partitions each, in order; the last may be smaller. A size of 0 counts as 1.
    pub fn chunks(&self, size: usize) -> impl Iterator<Item = Self> + use<> {
        let space = self.space.clone();
        let mut points = Points::new(self.tree.clone());
        std::iter::from_fn(move || {
            let chunk: Vec<Vec<u64>> = points.by_ref().take(size.max(1)).collect();
            (!chunk.is_empty()).then(|| Self::new(space.clone(), Tree::of_points(&chunk, 0)))
        })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, axis: usize, ranges: &[Range], between: &str) -> fmt::Result {
        for (index, range) in ranges.iter().enumerate() {
            let value = |place: u64| quoted(&self.space.axes()[axis].nth(place).unwrap_or_default());
            write!(f, "{}{}", if index == 0 { "" } else { between }, value(range.start))?;
            if range.len() > 1 {
                write!(f, "..{}", value(range.end - 1))?;
            }
        }
        Ok(())
    }
}

/// The selection that gives this set, by keys: `2024-01-01..2024-03-31, 2024-05-01`, or
/// `date=2024-01-01..2024-01-31,region=eu|us; date=2024-02-01,region=eu`, or `none`.
impl fmt::Display for PartitionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        if self.space.axes().len() == 1 {
            let ranges: Vec<Range> = self.tree.branches().iter().map(|branch| branch.range).collect();
            return self.write(f, 0, &ranges, ", ");
        }
        for (index, one) in self.tree.boxes().iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            for (axis, ranges) in one.iter().enumerate() {
                write!(f, "{}{}=", if axis == 0 { "" } else { "," }, self.space.name(axis))?;
                self.write(f, axis, ranges, "|")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PartitionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionSet({self})")
    }
}

impl Serialize for PartitionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
