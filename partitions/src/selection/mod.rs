//! Selections: how people write which partitions they mean.

mod glob;
mod read;

use crate::invalid;
use crate::keyspace::{Axis, Keyspace};
use crate::ranges::{Keep, Range, Tree};
use crate::set::PartitionSet;
use glob::Glob;
use larder_io_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which partitions somebody means, as text that was read but not yet looked up.
///
/// | text | means |
/// |---|---|
/// | `2024-01-31` | one |
/// | `2024-01-01..2024-03-31` | from the one to the other, both included; `2024-01-01..` and `..2024-03-31` are open |
/// | `2024-01-*`, `region-?` | those whose names fit: `*` is any letters, `?` is one |
/// | `a, b..d` or `a\|b..d` | either |
/// | `all` or `*`, `none` | all, none |
/// | `date=2024-01-01..2024-01-31,region=eu\|us` | of several dimensions: each named once; one that is not named is all of it |
/// | `date=2024-01-01,region=eu; date=2024-02-01,region=us` | the one, and the other |
/// | `"a,b"` | a name with `, ; \| = * ? "` or `..` in it, with `all` or `none` for a name, or with blanks at its ends; `\"` and `\\` within |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Selection {
    text: String,
    boxes: Vec<Vec<Part>>,
}

/// What is said of one dimension; without a name, of the only one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    dimension: Option<String>,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    All,
    One(String),
    Range(Option<String>, Option<String>),
    Like(Glob),
}

impl Selection {
    /// Looks it up among the partitions that exist.
    ///
    /// # Errors
    /// `InvalidDefinition` for a partition or dimension that does not exist, with the nearest that does; for a range that
    /// ends before it begins, and a pattern that nothing fits.
    pub fn of(&self, space: &Keyspace) -> Result<PartitionSet> {
        let mut tree = Tree::default();
        for one in &self.boxes {
            tree = tree.combine(&self.product(one, space)?, Keep::Either);
        }
        Ok(PartitionSet::new(space.clone(), tree))
    }

    /// The values of a selection of exactly one key, by dimension.
    pub(crate) fn one(&self) -> Option<Vec<(Option<String>, String)>> {
        let [parts] = &self.boxes[..] else { return None };
        let value = |part: &Part| match &part.terms[..] {
            [Term::One(value)] => Some((part.dimension.clone(), value.clone())),
            _ => None,
        };
        parts.iter().map(value).collect()
    }

    fn product(&self, parts: &[Part], space: &Keyspace) -> Result<Tree> {
        let mut axes: Vec<Vec<Range>> = space.axes().iter().map(|axis| vec![axis.all()]).collect();
        let mut named = vec![false; axes.len()];
        for part in parts {
            let place = match &part.dimension {
                Some(name) => {
                    let place = space.partitioning().names().position(|known| known == name);
                    place.ok_or_else(|| space.no_dimension(name))?
                }
                // Everything of everything needs no name.
                None if part.terms == [Term::All] => continue,
                None if axes.len() == 1 => 0,
                None => {
                    let message = "say which dimension each value is of, as in `date=2024-01-01,region=eu`";
                    let names = space.name_list();
                    return Err(invalid(format!(
                        "the selection `{self}`: partitions have {names}; {message}"
                    )));
                }
            };
            if std::mem::replace(&mut named[place], true) {
                let name = space.name(place);
                let message =
                    format!("names `{name}` twice; write `{name}=a|b` for either, or put `;` between two selections");
                return Err(invalid(format!("the selection `{self}` {message}")));
            }
            let axis = &space.axes()[place];
            let ranges: Result<Vec<Vec<Range>>> = part
                .terms
                .iter()
                .map(|term| term.ranges(space.name(place), axis))
                .collect();
            axes[place] = ranges?.concat();
        }
        Ok(Tree::product(&axes))
    }
}

impl Term {
    fn ranges(&self, name: &str, axis: &Axis) -> Result<Vec<Range>> {
        match self {
            Self::All => Ok(vec![axis.all()]),
            Self::One(value) => Ok(vec![Range::one(axis.find(name, value)?)]),
            Self::Range(from, to) => {
                let find = |end: &Option<String>| end.as_ref().map(|value| axis.find(name, value)).transpose();
                let (first, last) = (find(from)?.unwrap_or(0), find(to)?.map_or(axis.len(), |last| last + 1));
                if let (Some(from), Some(to)) = (from, to)
                    && first >= last
                {
                    return Err(invalid(format!(
                        "the range `{from}..{to}` of {name} ends before it begins"
                    )));
                }
                Ok(vec![Range::new(first, last)])
            }
            Self::Like(glob) => {
                let within = match axis {
                    Axis::Time(time) => time.named_like(&glob.prefix()),
                    Axis::List(_) => axis.all(),
                };
                let fits = |index: &u64| axis.nth(*index).is_some_and(|value| glob.fits(&value));
                let found: Vec<Range> = (within.start..within.end).filter(fits).map(Range::one).collect();
                match found.is_empty() {
                    false => Ok(found),
                    true => {
                        let ends = axis
                            .len()
                            .checked_sub(1)
                            .and_then(|last| Some((axis.nth(0)?, axis.nth(last)?)));
                        let known = ends.map_or("there are no partitions".to_owned(), |(first, last)| {
                            format!("partitions go from `{first}` to `{last}`")
                        });
                        Err(invalid(format!("no {name} fits the pattern `{glob}`; {known}")))
                    }
                }
            }
        }
    }
}

/// A value as a selection writes it: in quotes where it would mean something else.
pub(crate) fn quoted(value: &str) -> String {
    let special = value.contains([',', ';', '|', '=', '*', '?', '"', '\\']) || value.contains("..");
    let edges = value.trim() != value || value.starts_with('.') || value.ends_with('.');
    if !special && !edges && !value.is_empty() && value != "all" && value != "none" {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

impl FromStr for Selection {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let boxes = read::read(text).map_err(|problem| {
            let shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
            invalid(format!("the selection `{shown}` {problem}"))
        })?;
        Ok(Self {
            text: text.trim().to_owned(),
            boxes,
        })
    }
}

impl TryFrom<String> for Selection {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Selection> for String {
    fn from(selection: Selection) -> Self {
        selection.text
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
