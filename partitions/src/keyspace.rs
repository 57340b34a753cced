//! The partitions that exist as of a time: numbered, without being listed.

use crate::definition::{Kind, Partitioning};
use crate::list::{DynamicKeys, List};
use crate::ranges::{Range, Tree};
use crate::set::PartitionSet;
use crate::time::{TimeAxis, TimeWindow};
use crate::{invalid, time};
use jiff::Timestamp;
use larder_io_core::{PartitionKey, Result, nearest};
use std::fmt;
use std::sync::Arc;

/// The partitions that exist as of a time, in order; made by [`Partitioning::at`]. Cloning copies a pointer.
///
/// Every partition has an index below [`Keyspace::len`]. Windows of time are never listed: what is asked about them is
/// computed, in time that grows with the logarithm of how many there are.
#[derive(Clone)]
pub struct Keyspace(Arc<Inner>);

struct Inner {
    partitioning: Partitioning,
    axes: Vec<Axis>,
    len: u64,
}

/// The values of one dimension.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Axis {
    Time(TimeAxis),
    List(Arc<List>),
}

impl Axis {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Time(axis) => axis.count,
            Self::List(list) => list.len(),
        }
    }

    pub(crate) fn nth(&self, index: u64) -> Option<String> {
        match self {
            Self::Time(axis) => axis.nth(index),
            Self::List(list) => list.nth(index).map(str::to_owned),
        }
    }

    pub(crate) fn index_of(&self, value: &str) -> Option<u64> {
        match self {
            Self::Time(axis) => axis.index_of(value),
            Self::List(list) => list.index_of(value),
        }
    }

    /// The index of a value that a user named.
    pub(crate) fn find(&self, dimension: &str, value: &str) -> Result<u64> {
        self.index_of(value).ok_or_else(|| {
            let problem = match self {
                Self::Time(axis) => axis.problem(value),
                Self::List(list) => list.problem(value),
            };
            let shown: String = value.chars().take(60).flat_map(char::escape_debug).collect();
            invalid(format!("there is no partition with {dimension} `{shown}`: {problem}"))
        })
    }

    pub(crate) fn all(&self) -> Range {
        Range::new(0, self.len())
    }
}

impl Keyspace {
    pub(crate) fn new(partitioning: Partitioning, now: Timestamp, dynamic: &dyn DynamicKeys) -> Result<Self> {
        let mut axes = Vec::new();
        for dimension in partitioning.dimensions() {
            axes.push(match &dimension.kind {
                Kind::Time(spec) => Axis::Time(TimeAxis::at(spec, now)?),
                Kind::Fixed(list) => Axis::List(list.clone()),
                Kind::Dynamic(name) => Axis::List(Arc::new(List::new(&dimension.name, dynamic.values(name)?)?)),
            });
        }
        let len = axes
            .iter()
            .try_fold(1_u64, |product, axis| product.checked_mul(axis.len()));
        let len = len.ok_or_else(|| invalid(format!("{partitioning} has more partitions than can be counted")))?;
        Ok(Self(Arc::new(Inner {
            partitioning,
            axes,
            len,
        })))
    }

    /// What it was made from.
    pub fn partitioning(&self) -> &Partitioning {
        &self.0.partitioning
    }

    pub(crate) fn axes(&self) -> &[Axis] {
        &self.0.axes
    }

    pub(crate) fn name(&self, axis: usize) -> &str {
        &self.0.partitioning.dimensions()[axis].name
    }

    /// How many partitions there are.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a partition exists; false also for a key of other dimensions.
    pub fn contains(&self, key: &PartitionKey) -> bool {
        self.point(key).is_ok()
    }

    /// The index of a partition.
    ///
    /// # Errors
    /// `InvalidDefinition` for a key of other dimensions, or of a partition that does not exist: with the nearest that does.
    pub fn index_of(&self, key: &PartitionKey) -> Result<u64> {
        let point = self.point(key)?;
        Ok(point
            .iter()
            .zip(self.axes())
            .fold(0, |index, (place, axis)| index * axis.len() + place))
    }

    /// The partition of an index.
    pub fn nth(&self, index: u64) -> Option<PartitionKey> {
        if index >= self.len() {
            return None;
        }
        let (mut rest, mut point) = (index, vec![0; self.axes().len()]);
        for (place, axis) in point.iter_mut().zip(self.axes()).rev() {
            (*place, rest) = (rest % axis.len(), rest / axis.len());
        }
        self.key(&point)
    }

    /// The first partition.
    pub fn first(&self) -> Option<PartitionKey> {
        self.nth(0)
    }

    /// The last partition.
    pub fn last(&self) -> Option<PartitionKey> {
        self.nth(self.len().checked_sub(1)?)
    }

    /// Every partition in order, made one by one.
    pub fn iter(&self) -> impl Iterator<Item = PartitionKey> + use<> {
        self.all().iter()
    }

    /// The set of all.
    pub fn all(&self) -> PartitionSet {
        let axes: Vec<Vec<Range>> = self.axes().iter().map(|axis| vec![axis.all()]).collect();
        PartitionSet::new(self.clone(), Tree::product(&axes))
    }

    /// The set of none.
    pub fn none(&self) -> PartitionSet {
        PartitionSet::new(self.clone(), Tree::default())
    }

    /// The set of some.
    ///
    /// # Errors
    /// As [`Keyspace::index_of`], for the first key that is not one.
    pub fn set<'a>(&self, keys: impl IntoIterator<Item = &'a PartitionKey>) -> Result<PartitionSet> {
        let points: Result<Vec<Vec<u64>>> = keys.into_iter().map(|key| self.point(key)).collect();
        let mut points = points?;
        points.sort_unstable();
        points.dedup();
        Ok(PartitionSet::new(self.clone(), Tree::of_points(&points, 0)))
    }

    /// The set from one partition to another, both in it; of several dimensions each goes from the one's value to the other's.
    ///
    /// # Errors
    /// As [`Keyspace::index_of`]; `InvalidDefinition` when the end comes before the start.
    pub fn range(&self, first: &PartitionKey, last: &PartitionKey) -> Result<PartitionSet> {
        let (from, to) = (self.point(first)?, self.point(last)?);
        let mut axes = Vec::new();
        for (from, to) in from.into_iter().zip(to) {
            if from > to {
                return Err(invalid(format!(
                    "the range `{first}` to `{last}` ends before it begins"
                )));
            }
            axes.push(vec![Range::new(from, to + 1)]);
        }
        Ok(PartitionSet::new(self.clone(), Tree::product(&axes)))
    }

    /// Reads a [selection](crate::Selection) of these partitions.
    ///
    /// # Errors
    /// `InvalidDefinition` for a text that is no selection, and for a name in it that is no partition.
    pub fn select(&self, text: &str) -> Result<PartitionSet> {
        text.parse::<crate::Selection>()?.of(self)
    }

    /// Reads one key, as it is written in a selection: `2024-01-31` or `date=2024-01-31,region=eu`.
    ///
    /// # Errors
    /// As [`Keyspace::select`]; `InvalidDefinition` for a selection that is not of one partition.
    pub fn parse(&self, text: &str) -> Result<PartitionKey> {
        let set = self.select(text)?;
        match (set.len(), set.first()) {
            (1, Some(key)) => Ok(key),
            (count, _) => Err(invalid(format!("`{text}` is {count} partitions, and one is needed"))),
        }
    }

    /// The window of time of a partition.
    ///
    /// # Errors
    /// As [`Keyspace::index_of`]; `InvalidDefinition` unless exactly one dimension is of time.
    pub fn window(&self, key: &PartitionKey) -> Result<TimeWindow> {
        let (place, axis) = self.time()?;
        let index = self.point(key)?[place];
        axis.window(index)
            .ok_or_else(|| invalid(format!("the window of `{key}` reaches beyond the year 9999")))
    }

    /// The partition whose window has an instant in it; `None` where no window exists.
    ///
    /// # Errors
    /// `InvalidDefinition` unless time is the only dimension.
    pub fn key_for(&self, instant: Timestamp) -> Result<Option<PartitionKey>> {
        let (_, axis) = self.time()?;
        if self.axes().len() > 1 {
            let message = "has other dimensions besides time; an instant does not say which of their values is meant";
            return Err(invalid(format!("{} {message}", self.partitioning())));
        }
        let index = u64::try_from(axis.containing(instant)).ok();
        Ok(index.and_then(|index| self.nth(index)))
    }

    fn time(&self) -> Result<(usize, &time::TimeAxis)> {
        let mut axes = self.axes().iter().enumerate().filter_map(|(place, axis)| match axis {
            Axis::Time(axis) => Some((place, axis)),
            Axis::List(_) => None,
        });
        match (axes.next(), axes.next()) {
            (Some(time), None) => Ok(time),
            (found, _) => {
                let how_many = if found.is_some() {
                    "several dimensions"
                } else {
                    "no dimension"
                };
                Err(invalid(format!(
                    "{} has {how_many} of time, so its partitions have no window",
                    self.partitioning()
                )))
            }
        }
    }

    /// Where a key is on each axis.
    pub(crate) fn point(&self, key: &PartitionKey) -> Result<Vec<u64>> {
        let mut point = Vec::with_capacity(self.axes().len());
        let in_order = self
            .partitioning()
            .names()
            .eq(key.dimensions().iter().map(|(name, _)| name.as_str()));
        if in_order {
            // The usual case, by the million.
            for ((name, value), axis) in key.dimensions().iter().zip(self.axes()) {
                point.push(axis.find(name, value)?);
            }
            return Ok(point);
        }
        let names: Vec<&str> = self.partitioning().names().collect();
        if let Some((stranger, _)) = key
            .dimensions()
            .iter()
            .find(|(name, _)| !names.contains(&name.as_str()))
        {
            return Err(self.no_dimension(stranger));
        }
        for (name, axis) in names.into_iter().zip(self.axes()) {
            let Some(value) = key.get(name) else {
                return Err(invalid(format!(
                    "the key `{key}` has no `{name}`; partitions have {}",
                    self.name_list()
                )));
            };
            point.push(axis.find(name, value)?);
        }
        Ok(point)
    }

    pub(crate) fn no_dimension(&self, name: &str) -> larder_io_core::Error {
        let near = nearest(name, self.partitioning().names());
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        invalid(format!(
            "there is no dimension `{}`; partitions have {}{near}",
            name.escape_debug(),
            self.name_list()
        ))
    }

    pub(crate) fn name_list(&self) -> String {
        let names: Vec<String> = self.partitioning().names().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }

    pub(crate) fn key(&self, point: &[u64]) -> Option<PartitionKey> {
        let names = self.partitioning().names().zip(self.axes());
        let values: Option<Vec<(&str, String)>> = names
            .zip(point)
            .map(|((name, axis), place)| Some((name, axis.nth(*place)?)))
            .collect();
        PartitionKey::new(values?).ok()
    }
}

impl PartialEq for Keyspace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.partitioning == other.0.partitioning && self.0.axes == other.0.axes)
    }
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyspace({}; {} partitions)", self.partitioning(), self.len())
    }
}
