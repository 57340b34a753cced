//! Sets of points on one or more axes, as a tree of ranges.
//!
//! Each level is one axis: disjoint ranges in order, each with the set of what follows on the axes below. Neighbours with equal
//! sets below are one range, and no set below is empty, so that equal sets are equal trees, and a year of days in two
//! regions is two nodes.

use std::collections::HashMap;
use std::sync::Arc;

/// From `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Range {
    pub(crate) fn new(start: u64, end: u64) -> Self {
        Self {
            start,
            end: end.max(start),
        }
    }

    pub(crate) fn one(point: u64) -> Self {
        Self::new(point, point + 1)
    }

    pub(crate) fn len(self) -> u64 {
        self.end - self.start
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A set; of zero axes it stands for the one point there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Tree(Arc<[Branch]>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Branch {
    pub(crate) range: Range,
    /// `None` on the last axis.
    pub(crate) below: Option<Tree>,
}

/// What of two sets is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep {
    Either,
    Both,
    FirstOnly,
}

impl Tree {
    /// The points whose place on each axis is in one of its ranges, which may overlap and come in any order.
    pub(crate) fn product(axes: &[Vec<Range>]) -> Self {
        let Some((ranges, rest)) = axes.split_first() else {
            return Self::default();
        };
        let below = (!rest.is_empty()).then(|| Self::product(rest));
        if below.as_ref().is_some_and(Self::is_empty) {
            return Self::default();
        }
        let mut ranges: Vec<Range> = ranges.iter().copied().filter(|range| !range.is_empty()).collect();
        ranges.sort_by_key(|range| range.start);
        let mut branches: Vec<Branch> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match branches.last_mut() {
                Some(last) if last.range.end >= range.start => last.range.end = last.range.end.max(range.end),
                _ => branches.push(Branch {
                    range,
                    below: below.clone(),
                }),
            }
        }
        Self(branches.into())
    }

    /// The set of some points, which come in order.
    pub(crate) fn of_points(points: &[Vec<u64>], axis: usize) -> Self {
        let mut branches = Vec::new();
        for group in points.chunk_by(|a, b| a[axis] == b[axis]) {
            let below = (axis + 1 < group[0].len()).then(|| Self::of_points(group, axis + 1));
            push(&mut branches, Range::one(group[0][axis]), below);
        }
        Self(branches.into())
    }

    pub(crate) fn branches(&self) -> &[Branch] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> u64 {
        let count = |branch: &Branch| branch.range.len() * branch.below.as_ref().map_or(1, Self::len);
        self.0.iter().map(count).sum()
    }

    pub(crate) fn contains(&self, point: &[u64]) -> bool {
        let Some((first, rest)) = point.split_first() else {
            return true;
        };
        let place = self.0.partition_point(|branch| branch.range.end <= *first);
        self.0.get(place).is_some_and(|branch| {
            branch.range.start <= *first && branch.below.as_ref().is_none_or(|below| below.contains(rest))
        })
    }

    /// Combines two sets of the same axes, in time linear in their ranges.
    pub(crate) fn combine(&self, other: &Self, keep: Keep) -> Self {
        let (mut a, mut b) = (Cursor::new(&self.0), Cursor::new(&other.0));
        let mut branches = Vec::new();
        while let Some((range, first, second)) = next(&mut a, &mut b) {
            let below = match (first, second, keep) {
                (Some(one), None, Keep::Either | Keep::FirstOnly) | (None, Some(one), Keep::Either) => {
                    one.below.clone()
                }
                (Some(first), Some(second), _) => match (&first.below, &second.below, keep) {
                    (Some(first), Some(second), _) => match first.combine(second, keep) {
                        below if below.is_empty() => continue,
                        below => Some(below),
                    },
                    (_, _, Keep::FirstOnly) => continue,
                    _ => None,
                },
                _ => continue,
            };
            push(&mut branches, range, below);
        }
        Self(branches.into())
    }

    /// The set as products of ranges, as few as its order of axes allows.
    pub(crate) fn boxes(&self) -> Vec<Vec<Vec<Range>>> {
        let mut groups: Vec<(Vec<Range>, &Option<Self>)> = Vec::new();
        let mut places: HashMap<&Option<Self>, usize> = HashMap::new();
        for branch in self.branches() {
            let place = *places.entry(&branch.below).or_insert_with(|| {
                groups.push((Vec::new(), &branch.below));
                groups.len() - 1
            });
            groups[place].0.push(branch.range);
        }
        let mut boxes = Vec::new();
        for (ranges, below) in groups {
            match below {
                None => boxes.push(vec![ranges]),
                Some(below) => boxes.extend(below.boxes().into_iter().map(|mut rest| {
                    rest.insert(0, ranges.clone());
                    rest
                })),
            }
        }
        boxes
    }

    /// The first point of the set, or the last.
    pub(crate) fn end(&self, last: bool) -> Option<Vec<u64>> {
        let (mut point, mut level) = (Vec::new(), Some(self));
        while let Some(tree) = level {
            let branch = if last { tree.0.last()? } else { tree.0.first()? };
            point.push(if last { branch.range.end - 1 } else { branch.range.start });
            level = branch.below.as_ref();
        }
        Some(point)
    }
}

fn push(branches: &mut Vec<Branch>, range: Range, below: Option<Tree>) {
    match branches.last_mut() {
        Some(last) if last.range.end == range.start && last.below == below => last.range.end = range.end,
        _ => branches.push(Branch { range, below }),
    }
}

/// A place in a list of branches.
struct Cursor<'a> {
    branches: &'a [Branch],
    /// Everything before it was seen.
    seen: u64,
}

impl<'a> Cursor<'a> {
    fn new(branches: &'a [Branch]) -> Self {
        Self { branches, seen: 0 }
    }

    fn start(&self) -> u64 {
        self.branches
            .first()
            .map_or(u64::MAX, |branch| branch.range.start.max(self.seen))
    }

    /// The branch from `from` on, and where that changes.
    fn at(&self, from: u64) -> (Option<&'a Branch>, u64) {
        match self.branches.first() {
            Some(branch) if self.start() <= from => (Some(branch), branch.range.end),
            Some(_) => (None, self.start()),
            None => (None, u64::MAX),
        }
    }

    fn pass(&mut self, to: u64) {
        self.seen = to;
        if self.branches.first().is_some_and(|branch| branch.range.end <= to) {
            self.branches = &self.branches[1..];
        }
    }
}

/// The next range in which neither list changes, with what each has there.
fn next<'a>(a: &mut Cursor<'a>, b: &mut Cursor<'a>) -> Option<(Range, Option<&'a Branch>, Option<&'a Branch>)> {
    let start = a.start().min(b.start());
    if start == u64::MAX {
        return None;
    }
    let ((first, to_first), (second, to_second)) = (a.at(start), b.at(start));
    let end = to_first.min(to_second);
    a.pass(end);
    b.pass(end);
    Some((Range::new(start, end), first, second))
}

/// The points of a set, in order.
#[derive(Clone, Debug)]
pub(crate) struct Points {
    /// For each level the set, the branch that is under way, and the point within it.
    stack: Vec<(Tree, usize, u64)>,
}

impl Points {
    pub(crate) fn new(tree: Tree) -> Self {
        let mut points = Self { stack: Vec::new() };
        points.descend(Some(tree));
        points
    }

    fn descend(&mut self, mut level: Option<Tree>) {
        while let Some(tree) = level {
            let Some(branch) = tree.branches().first() else {
                return;
            };
            level = branch.below.clone();
            let start = branch.range.start;
            self.stack.push((tree, 0, start));
        }
    }
}

impl Iterator for Points {
    type Item = Vec<u64>;

    fn next(&mut self) -> Option<Vec<u64>> {
        if self.stack.is_empty() {
            return None;
        }
        let point = self.stack.iter().map(|(_, _, point)| *point).collect();
        while let Some((tree, place, at)) = self.stack.pop() {
            let branch = &tree.branches()[place];
            let (place, at) = match at + 1 < branch.range.end {
                true => (place, at + 1),
                false => match tree.branches().get(place + 1) {
                    Some(next) => (place + 1, next.range.start),
                    None => continue,
                },
            };
            let below = tree.branches()[place].below.clone();
            self.stack.push((tree, place, at));
            self.descend(below);
            break;
        }
        Some(point)
    }
}
