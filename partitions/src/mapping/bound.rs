//! A mapping between the partitions that exist.

use super::Mapping;
use super::axis::{AxisMap, Image};
use super::plan::{Plan, plan, point};
use crate::keyspace::{Axis, Keyspace};
use crate::ranges::{Keep, Range, Tree};
use crate::set::PartitionSet;
use larder_io_core::{Error, ErrorKind, PartitionKey, Result};
use std::fmt;

/// A mapping between the partitions of two assets as of a time; made by [`Mapping::bind`].
#[derive(Clone, Debug)]
pub struct BoundMapping {
    up: Keyspace,
    down: Keyspace,
    kind: Bound,
}

#[derive(Clone, Debug)]
enum Bound {
    /// For each upstream axis: the downstream axis that it follows, and how.
    Each(Vec<(Option<usize>, AxisMap)>),
    /// The same keys for every partition.
    Keys(Tree, Vec<String>),
}

/// What partitions are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Those that exist. Whether anything is stored in them is another question.
    pub partitions: PartitionSet,
    /// Those that the mapping names and that do not exist.
    pub missing: Vec<Missing>,
}

/// Upstream partitions that a mapping names and that do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The dimension; empty for keys of several.
    pub dimension: String,
    /// The names, as a selection writes them: `2023-12-25..2023-12-31`.
    pub keys: String,
    /// How many.
    pub count: u64,
    /// Why they do not exist, as the end of a sentence.
    pub reason: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let equals = if self.dimension.is_empty() { "" } else { "=" };
        write!(
            f,
            "{}{equals}{} ({}: {})",
            self.dimension, self.keys, self.count, self.reason
        )
    }
}

impl Upstream {
    /// The partitions, if none is missing.
    ///
    /// # Errors
    /// `NotFound` that names the missing ones.
    pub fn complete(self) -> Result<PartitionSet> {
        if self.missing.is_empty() {
            return Ok(self.partitions);
        }
        let missing: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        let message = format!("upstream partitions do not exist: {}", missing.join("; "));
        Err(Error::new(ErrorKind::NotFound, message))
    }
}

impl BoundMapping {
    pub(super) fn new(mapping: &Mapping, up: &Keyspace, down: &Keyspace) -> Result<Self> {
        Ok(Self {
            kind: Bound::new(mapping, up, Some(down))?,
            up: up.clone(),
            down: down.clone(),
        })
    }

    /// The partitions downstream.
    pub fn downstream(&self) -> &Keyspace {
        &self.down
    }

    /// What some partitions are made from: for each of them, everything the mapping says, and no more.
    ///
    /// Takes time for the ranges of the set, not for its partitions; for partitions only where two upstream dimensions follow
    /// one downstream dimension.
    ///
    /// # Errors
    /// `InvalidDefinition` for a set of other partitions than those downstream.
    pub fn upstream_of(&self, set: &PartitionSet) -> Result<Upstream> {
        set.is_of(&self.down)?;
        Ok(self.kind.upstream(&self.up, set.tree()))
    }

    /// What one partition is made from.
    ///
    /// # Errors
    /// As [`Keyspace::index_of`].
    pub fn upstream_of_key(&self, key: &PartitionKey) -> Result<Upstream> {
        self.upstream_of(&self.down.set([key])?)
    }

    /// What is made from some partitions, if only in part.
    ///
    /// # Errors
    /// `InvalidDefinition` for a set of other partitions than those upstream.
    pub fn downstream_of(&self, set: &PartitionSet) -> Result<PartitionSet> {
        set.is_of(&self.up)?;
        let all = self.down.all();
        let tree = match &self.kind {
            Bound::Keys(keys, _) => match keys.combine(set.tree(), Keep::Both).is_empty() {
                true => Tree::default(),
                false => all.tree().clone(),
            },
            Bound::Each(maps) => union(
                set.tree()
                    .boxes()
                    .iter()
                    .map(|one| back(maps, one, self.down.axes()))
                    .collect(),
            ),
        };
        Ok(PartitionSet::new(self.down.clone(), tree))
    }

    /// What is made from one partition.
    ///
    /// # Errors
    /// As [`Keyspace::index_of`].
    pub fn downstream_of_key(&self, key: &PartitionKey) -> Result<PartitionSet> {
        self.downstream_of(&self.up.set([key])?)
    }
}

/// What an asset without partitions is made from.
pub(super) fn whole(mapping: &Mapping, up: &Keyspace) -> Result<Upstream> {
    let bound = Bound::new(mapping, up, None)?;
    let Bound::Each(maps) = &bound else {
        return Ok(bound.upstream(up, up.all().tree()));
    };
    let images: Vec<Image> = maps.iter().filter_map(|(_, map)| map.constant().cloned()).collect();
    Ok(gathered(up, vec![images]))
}

impl Bound {
    fn new(mapping: &Mapping, up: &Keyspace, down: Option<&Keyspace>) -> Result<Self> {
        match plan(mapping, up.partitioning(), down.map(Keyspace::partitioning))? {
            Plan::Each(rules) => {
                let map = |((from, rule), axis): ((Option<usize>, _), &Axis)| {
                    let follows = from.and_then(|from| Some(&down?.axes()[from]));
                    (from, AxisMap::new(rule, axis, follows))
                };
                Ok(Self::Each(rules.into_iter().zip(up.axes()).map(map).collect()))
            }
            Plan::Keys(keys) => {
                let (mut points, mut missing) = (Vec::new(), Vec::new());
                for key in keys {
                    match point(key, up)? {
                        Some(point) => points.push(point),
                        None => missing.push(key.clone()),
                    }
                }
                points.sort_unstable();
                points.dedup();
                Ok(Self::Keys(Tree::of_points(&points, 0), missing))
            }
        }
    }

    fn upstream(&self, up: &Keyspace, set: &Tree) -> Upstream {
        match self {
            _ if set.is_empty() => gathered(up, Vec::new()),
            Self::Keys(keys, missing) => Upstream {
                partitions: PartitionSet::new(up.clone(), keys.clone()),
                missing: missing
                    .iter()
                    .map(|key| none(String::new(), key.clone(), 1, NOT_YET))
                    .collect(),
            },
            Self::Each(maps) => {
                let mut images = Vec::new();
                for one in set.boxes() {
                    for one in singled(one, maps) {
                        let image = |((from, map), axis): (&(Option<usize>, AxisMap), &Axis)| {
                            let mut image = Image::default();
                            match (map, from) {
                                (AxisMap::Constant(constant), _) => image.add(constant),
                                (_, Some(from)) => {
                                    one[*from].iter().for_each(|range| image.add(&map.image(*range, axis)))
                                }
                                (_, None) => {}
                            }
                            image
                        };
                        images.push(maps.iter().zip(up.axes()).map(image).collect());
                    }
                }
                gathered(up, images)
            }
        }
    }
}

/// Products of which each has one upstream product: where two upstream axes follow one axis, its places come one by one.
fn singled(one: Vec<Vec<Range>>, maps: &[(Option<usize>, AxisMap)]) -> Vec<Vec<Vec<Range>>> {
    let mut products = vec![one];
    for axis in 0..products[0].len() {
        if maps.iter().filter(|(from, _)| *from == Some(axis)).count() < 2 {
            continue;
        }
        let split = |product: Vec<Vec<Range>>| {
            let places: Vec<u64> = product[axis].iter().flat_map(|range| range.start..range.end).collect();
            places.into_iter().map(move |place| {
                let mut product = product.clone();
                product[axis] = vec![Range::one(place)];
                product
            })
        };
        products = products.into_iter().flat_map(split).collect();
    }
    products
}

/// The downstream places of one upstream product: an exact answer, because each axis asks for itself.
fn back(maps: &[(Option<usize>, AxisMap)], one: &[Vec<Range>], downs: &[Axis]) -> Tree {
    let mut axes: Vec<Vec<Range>> = downs.iter().map(|axis| vec![axis.all()]).collect();
    for ((from, map), ranges) in maps.iter().zip(one) {
        match from {
            // The same for all: it says yes or no.
            None => {
                let Some((axis, down)) = axes.first_mut().zip(downs.first()) else {
                    continue;
                };
                if map.preimage(ranges, down).is_empty() {
                    axis.clear();
                }
            }
            Some(from) => {
                let found = Tree::product(&[map.preimage(ranges, &downs[*from])]);
                let both = found.combine(&Tree::product(&[std::mem::take(&mut axes[*from])]), Keep::Both);
                axes[*from] = both.branches().iter().map(|branch| branch.range).collect();
            }
        }
    }
    Tree::product(&axes)
}

/// The union of many sets, two by two.
fn union(mut trees: Vec<Tree>) -> Tree {
    while trees.len() > 1 {
        let pair = |pair: &[Tree]| match pair {
            [one, other] => one.combine(other, Keep::Either),
            one => one[0].clone(),
        };
        trees = trees.chunks(2).map(pair).collect();
    }
    trees.pop().unwrap_or_default()
}

const NOT_YET: &str = "not there yet, or no more";

fn none(dimension: String, keys: String, count: u64, reason: &'static str) -> Missing {
    Missing {
        dimension,
        keys,
        count,
        reason,
    }
}

/// The union of products, with what each axis lacks.
fn gathered(up: &Keyspace, products: Vec<Vec<Image>>) -> Upstream {
    let trees = products.iter().map(|images| {
        let axes: Vec<Vec<Range>> = images.iter().map(|image| image.ranges.clone()).collect();
        Tree::product(&axes)
    });
    let partitions = PartitionSet::new(up.clone(), union(trees.collect()));
    let mut missing = Vec::new();
    for (place, axis) in up.axes().iter().enumerate() {
        let mut lacks = Image::default();
        for images in &products {
            lacks.windows.extend(&images[place].windows);
            lacks.names.extend(images[place].names.iter().cloned());
        }
        let dimension = up.name(place);
        if let Axis::Time(axis) = axis {
            lacks.windows.sort_unstable();
            // What is before the start does not exist for another reason than what is after the end.
            let before = |number: i64| number < axis.number(0);
            let mut merged: Vec<(i64, i64)> = Vec::new();
            for (from, to) in lacks.windows {
                match merged.last_mut() {
                    Some(last) if last.1 + 1 >= from && before(last.0) == before(from) => last.1 = last.1.max(to),
                    _ => merged.push((from, to)),
                }
            }
            for (from, to) in merged {
                let name = |number| {
                    axis.timeline()
                        .name(number)
                        .unwrap_or_else(|| "beyond the calendar".to_owned())
                };
                let keys = if from == to {
                    name(from)
                } else {
                    format!("{}..{}", name(from), name(to))
                };
                let reason = if before(from) {
                    "before the start"
                } else {
                    "not over yet, or after the end"
                };
                missing.push(none(dimension.to_owned(), keys, to.abs_diff(from) + 1, reason));
            }
        }
        missing.extend(
            lacks
                .names
                .into_iter()
                .map(|name| none(dimension.to_owned(), name, 1, NOT_YET)),
        );
    }
    Upstream { partitions, missing }
}
