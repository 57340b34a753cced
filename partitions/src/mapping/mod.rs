//! Mappings: which partitions of an asset are made from which of another.

mod axis;
mod bound;
mod plan;
mod shape;

pub use bound::{BoundMapping, Missing, Upstream};

use crate::definition::{Kind, Partitioning};
use crate::invalid;
use crate::keyspace::Keyspace;
use larder_io_core::Result;
use std::collections::BTreeMap;
use std::fmt;

/// Which partitions of an upstream asset a partition of a downstream asset is made from.
///
/// [`Mapping::check`] refuses, without knowing any key, a pair of definitions that cannot be mapped. [`Mapping::bind`] then
/// answers for the partitions that exist, in both directions: `d` is in `downstream_of({u})` exactly when `u` is in
/// `upstream_of({d})`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Mapping {
    /// The partition of the same name in every dimension. Windows must be the same; their starts and ends may differ.
    Identity,
    /// All there are.
    All,
    /// The last there is.
    Last,
    /// These, for every partition: values of the only dimension, or keys as in `date=2024-01-01,region=eu`.
    Keys(Vec<String>),
    /// For each downstream value these upstream values; both have one dimension. Every value downstream is named, if only with
    /// nothing upstream.
    Table(BTreeMap<String, Vec<String>>),
    /// Every upstream window that shares an instant with the downstream window, whose ends are shifted before by so many
    /// windows *of the downstream asset*: hours of a day, the day of an hour, days of a month. `{-6, 0}` from days to days
    /// is the week that ends with the day.
    Windows {
        /// Shifts the start.
        start_offset: i32,
        /// Shifts the end; not below the start's.
        end_offset: i32,
    },
    /// The one before, for an asset that is made from its own last value. The first has none, which is not missing.
    Previous,
    /// Each upstream dimension by its own rule. One that is not named follows the downstream dimension of its name by the
    /// default, and without such a one is all of it.
    Dimensions(Vec<DimensionMapping>),
}

/// How one upstream dimension follows.
#[derive(Clone, Debug, PartialEq)]
pub struct DimensionMapping {
    /// The upstream dimension.
    pub upstream: String,
    /// The downstream dimension that it follows; none for [`Mapping::All`], [`Mapping::Last`] and [`Mapping::Keys`].
    pub downstream: Option<String>,
    /// The rule; not [`Mapping::Dimensions`].
    pub mapping: Mapping,
}

impl DimensionMapping {
    /// An upstream dimension that follows a downstream one.
    pub fn follows(upstream: impl Into<String>, downstream: impl Into<String>, mapping: Mapping) -> Self {
        Self {
            upstream: upstream.into(),
            downstream: Some(downstream.into()),
            mapping,
        }
    }

    /// An upstream dimension that is the same for every partition downstream.
    pub fn always(upstream: impl Into<String>, mapping: Mapping) -> Self {
        Self {
            upstream: upstream.into(),
            downstream: None,
            mapping,
        }
    }
}

impl Mapping {
    /// [`Mapping::Keys`] of these.
    pub fn keys<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self::Keys(keys.into_iter().map(Into::into).collect())
    }

    /// [`Mapping::Table`] of pairs of a downstream value and its upstream values.
    pub fn table<K: Into<String>, V: Into<String>, U: IntoIterator<Item = V>>(
        rows: impl IntoIterator<Item = (K, U)>,
    ) -> Self {
        let row = |(key, values): (K, U)| (key.into(), values.into_iter().map(Into::into).collect());
        Self::Table(rows.into_iter().map(row).collect())
    }

    /// [`Mapping::Windows`] with these shifts.
    pub fn windows(start_offset: i32, end_offset: i32) -> Self {
        Self::Windows {
            start_offset,
            end_offset,
        }
    }

    /// The mapping that holds when nobody says one.
    ///
    /// | upstream to downstream | mapping |
    /// |---|---|
    /// | anything to no partitions | `All` |
    /// | windows to the same windows, values to the same values | `Identity` |
    /// | windows to other windows | `Windows {0, 0}` |
    /// | several dimensions on either side, some name on both | `Dimensions` by name |
    ///
    /// # Errors
    /// `InvalidDefinition` for any other pair: what is meant has to be said.
    pub fn default_for(upstream: &Partitioning, downstream: Option<&Partitioning>) -> Result<Self> {
        let Some(downstream) = downstream else {
            return Ok(Self::All);
        };
        let mapping = match (upstream.dimensions(), downstream.dimensions()) {
            ([up], [down]) => match (&up.kind, &down.kind) {
                (Kind::Time(up), Kind::Time(down)) if !up.same_windows(down) => Self::windows(0, 0),
                _ => Self::Identity,
            },
            _ if upstream
                .names()
                .any(|name| downstream.names().any(|other| other == name)) =>
            {
                Self::Dimensions(Vec::new())
            }
            _ => {
                let message = "have no dimension of the same name; say how they are mapped";
                return Err(invalid(format!(
                    "the partitions of the input ({upstream}) and of the asset ({downstream}) {message}"
                )));
            }
        };
        mapping.check(upstream, Some(downstream))?;
        Ok(mapping)
    }

    /// Refuses a pair of definitions that this mapping cannot be for. Without a downstream definition the asset has no partitions.
    ///
    /// # Errors
    /// `InvalidDefinition` that says what does not fit, and which mapping may be meant.
    pub fn check(&self, upstream: &Partitioning, downstream: Option<&Partitioning>) -> Result<()> {
        plan::plan(self, upstream, downstream).map(drop)
    }

    /// The mapping between the partitions that exist; both sides as of one time.
    ///
    /// # Errors
    /// As [`Mapping::check`].
    pub fn bind(&self, upstream: &Keyspace, downstream: &Keyspace) -> Result<BoundMapping> {
        BoundMapping::new(self, upstream, downstream)
    }

    /// What an asset without partitions is made from.
    ///
    /// # Errors
    /// As [`Mapping::check`].
    pub fn whole(&self, upstream: &Keyspace) -> Result<Upstream> {
        bound::whole(self, upstream)
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::All => f.write_str("all"),
            Self::Last => f.write_str("last"),
            Self::Keys(keys) => write!(f, "keys({})", keys.join("; ")),
            Self::Table(table) => write!(f, "table({} rows)", table.len()),
            Self::Windows {
                start_offset,
                end_offset,
            } => write!(f, "windows({start_offset}, {end_offset})"),
            Self::Previous => f.write_str("previous"),
            Self::Dimensions(rules) => {
                f.write_str("dimensions(")?;
                for (index, rule) in rules.iter().enumerate() {
                    let from = rule
                        .downstream
                        .as_deref()
                        .map_or(String::new(), |from| format!(" from {from}"));
                    write!(
                        f,
                        "{}{}{from}: {}",
                        if index == 0 { "" } else { "; " },
                        rule.upstream,
                        rule.mapping
                    )?;
                }
                f.write_str(")")
            }
        }
    }
}
