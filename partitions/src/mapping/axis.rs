//! One axis to another, in both directions.

use super::plan::Rule;
use crate::keyspace::Axis;
use crate::ranges::{Range, Tree};
use crate::time::TimeAxis;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Where the places of an upstream axis come from.
#[derive(Clone, Debug)]
pub(super) enum AxisMap {
    /// The same for every partition downstream.
    Constant(Image),
    /// The same index.
    Aligned,
    /// For each downstream place.
    Rows(Vec<Image>),
    Windows {
        up: TimeAxis,
        down: TimeAxis,
        start: i64,
        end: i64,
    },
    Previous,
}

/// Places, and what should be among them and is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Image {
    pub(super) ranges: Vec<Range>,
    /// Windows by numbers of their boundaries, from and to, both included.
    pub(super) windows: Vec<(i64, i64)>,
    pub(super) names: BTreeSet<String>,
}

impl Image {
    fn of(values: &[String], axis: &Axis) -> Self {
        let mut image = Self::default();
        for value in values {
            match axis.index_of(value) {
                Some(place) => image.ranges.push(Range::one(place)),
                None => {
                    image.names.insert(value.clone());
                }
            }
        }
        image
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.ranges.extend(&other.ranges);
        self.windows.extend(&other.windows);
        self.names.extend(other.names.iter().cloned());
    }
}

impl AxisMap {
    /// The map of a rule, which was checked; `down` is there if it follows something.
    pub(super) fn new(rule: Rule<'_>, up: &Axis, down: Option<&Axis>) -> Self {
        let constant = |ranges: Vec<Range>| {
            Self::Constant(Image {
                ranges,
                ..Image::default()
            })
        };
        match (rule, up, down) {
            (Rule::Last, ..) => match up.len().checked_sub(1) {
                Some(last) => constant(vec![Range::one(last)]),
                None => Self::Constant(Image {
                    names: BTreeSet::from(["the last".to_owned()]),
                    ..Image::default()
                }),
            },
            (Rule::Keys(keys), ..) => Self::Constant(Image::of(keys, up)),
            (Rule::Same | Rule::Windows(..), Axis::Time(up), Some(Axis::Time(down))) => {
                let (start, end) = if let Rule::Windows(start, end) = rule {
                    (start, end)
                } else {
                    (0, 0)
                };
                Self::Windows {
                    up: up.clone(),
                    down: down.clone(),
                    start,
                    end,
                }
            }
            (Rule::Same, Axis::List(one), Some(Axis::List(other))) if one == other => Self::Aligned,
            (Rule::Same, _, Some(Axis::List(values))) => {
                Self::Rows(values.iter().map(|value| Image::of(&[value.to_owned()], up)).collect())
            }
            (Rule::Table(table), _, Some(Axis::List(values))) => {
                let row = |value: &str| match table.get(value) {
                    Some(ups) => Image::of(ups, up),
                    // A dynamic value that came after the table was written.
                    None => Image {
                        names: BTreeSet::from([format!("what `{value}` is made from")]),
                        ..Image::default()
                    },
                };
                Self::Rows(values.iter().map(row).collect())
            }
            (Rule::Previous, ..) => Self::Previous,
            _ => constant(vec![up.all()]),
        }
    }

    pub(super) fn constant(&self) -> Option<&Image> {
        match self {
            Self::Constant(image) => Some(image),
            _ => None,
        }
    }

    /// The upstream places of downstream places.
    pub(super) fn image(&self, range: Range, up: &Axis) -> Image {
        let mut image = Image::default();
        match self {
            Self::Constant(constant) => return constant.clone(),
            Self::Aligned => image.ranges.push(range),
            Self::Rows(rows) => rows[range.start as usize..range.end as usize]
                .iter()
                .for_each(|row| image.add(row)),
            Self::Windows { up, down, start, end } => {
                // Shifted windows of neighbours touch or overlap, so that those of a range are one stretch of time.
                let from = down.number(range.start as i64).saturating_add(*start);
                let to = down.number(range.end as i64).saturating_add(*end);
                let from = down.timeline().instant(from).unwrap_or(Timestamp::MIN);
                let to = down.timeline().instant(to).unwrap_or(Timestamp::MAX);
                let (first, last) = (up.timeline().up_to(from) - 1, up.timeline().before(to) - 1);
                let (begin, end) = (up.number(0), up.number(up.count as i64));
                image.ranges.push(within(first - begin, last + 1 - begin, up.count));
                image
                    .windows
                    .extend((first < begin).then_some((first, last.min(begin - 1))));
                image.windows.extend((last >= end).then_some((first.max(end), last)));
            }
            Self::Previous => image
                .ranges
                .push(within(range.start as i64 - 1, range.end as i64 - 1, up.len())),
        }
        image
    }

    /// The downstream places some of whose upstream places are among these.
    pub(super) fn preimage(&self, ranges: &[Range], down: &Axis) -> Vec<Range> {
        match self {
            Self::Constant(image) => {
                if meet(&image.ranges, ranges) {
                    vec![down.all()]
                } else {
                    Vec::new()
                }
            }
            Self::Aligned => ranges.to_vec(),
            Self::Rows(rows) => {
                let hit = |(place, row): (usize, &Image)| meet(&row.ranges, ranges).then(|| Range::one(place as u64));
                rows.iter().enumerate().filter_map(hit).collect()
            }
            Self::Windows { up, down, start, end } => {
                let back = |range: &Range| {
                    let from = up
                        .timeline()
                        .instant(up.number(range.start as i64))
                        .unwrap_or(Timestamp::MIN);
                    let to = up
                        .timeline()
                        .instant(up.number(range.end as i64))
                        .unwrap_or(Timestamp::MAX);
                    let (first, last) = (down.timeline().up_to(from) - 1, down.timeline().before(to) - 1);
                    let begin = down.number(0);
                    within(first - end - begin, last + 1 - start - begin, down.count)
                };
                ranges.iter().filter(|range| !range.is_empty()).map(back).collect()
            }
            Self::Previous => {
                let next = |range: &Range| within(range.start as i64 + 1, range.end as i64 + 1, down.len());
                ranges.iter().map(next).collect()
            }
        }
    }
}

/// The part of a range of places that exists.
fn within(from: i64, to: i64, count: u64) -> Range {
    let clip = |place: i64| u64::try_from(place).unwrap_or(0).min(count);
    Range::new(clip(from), clip(to))
}

fn meet(a: &[Range], b: &[Range]) -> bool {
    let (a, b) = (Tree::product(&[a.to_vec()]), Tree::product(&[b.to_vec()]));
    !a.combine(&b, crate::ranges::Keep::Both).is_empty()
}
