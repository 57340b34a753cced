//! What an asset is parted by: one or more named dimensions.

use crate::invalid;
use crate::keyspace::Keyspace;
use crate::list::{DynamicKeys, List};
use crate::time::TimeSpec;
use jiff::Timestamp;
use larder_io_core::Result;
use larder_io_core::key::MAX_KEY_BYTES;
use std::fmt;
use std::sync::Arc;

/// How an asset is parted, as it was declared. Cloning copies a pointer.
///
/// A definition may be without end, and may have keys that live elsewhere; [`Partitioning::at`] says which partitions exist.
#[derive(Clone, PartialEq)]
pub struct Partitioning(Arc<[Dimension]>);

/// One dimension: a name and where its values come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dimension {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Time(Arc<TimeSpec>),
    Fixed(Arc<List>),
    /// Under this name the values are asked for.
    Dynamic(Arc<str>),
}

impl Dimension {
    pub(crate) fn new(name: impl Into<Arc<str>>, kind: Kind) -> Result<Self> {
        let name = name.into();
        // These have a meaning in selections, and the name becomes a column.
        let special = |letter: char| letter.is_whitespace() || letter.is_control() || "=,;|\"*?./".contains(letter);
        if name.is_empty() || name.contains(special) || name.len() > MAX_KEY_BYTES / 4 {
            let message = "is empty, longer than 256 bytes, or has a blank or one of = , ; | \" * ? . / in it";
            return Err(invalid(format!(
                "the name of a dimension, `{}`, {message}",
                name.escape_debug()
            )));
        }
        Ok(Self { name, kind })
    }
}

impl Partitioning {
    pub(crate) fn of(dimensions: Vec<Dimension>) -> Result<Self> {
        for (index, dimension) in dimensions.iter().enumerate() {
            if dimensions[..index].iter().any(|other| other.name == dimension.name) {
                return Err(invalid(format!("the dimension `{}` comes twice", dimension.name)));
            }
        }
        match dimensions.is_empty() {
            true => Err(invalid("a partitioning needs a dimension")),
            false => Ok(Self(dimensions.into())),
        }
    }

    /// Makes a definition with these values, in this order.
    ///
    /// # Errors
    /// `InvalidDefinition` for no values, one that comes twice, and one that cannot be part of a key: empty, with control
    /// characters, or longer than a key may be.
    #[doc(alias = "static")]
    pub fn fixed<V: Into<String>>(name: &str, values: impl IntoIterator<Item = V>) -> Result<Self> {
        let list = List::new(name, values.into_iter().map(Into::into))?;
        match list.len() {
            0 => Err(invalid(format!("the dimension `{name}` has no values"))),
            _ => Self::of(vec![Dimension::new(name, Kind::Fixed(Arc::new(list)))?]),
        }
    }

    /// Makes a definition whose values are added and removed while the pipeline lives: [`DynamicKeys`] has them.
    ///
    /// Two assets whose dimensions have one name share the values.
    ///
    /// # Errors
    /// `InvalidDefinition` for a name that cannot be one.
    pub fn dynamic(name: &str) -> Result<Self> {
        Self::of(vec![Dimension::new(name, Kind::Dynamic(name.into()))?])
    }

    /// Makes a definition of several dimensions: a partition for each combination, the last dimension changing fastest.
    ///
    /// The names given here are those of the dimensions; each part has one dimension, whose own name is dropped.
    ///
    /// # Errors
    /// `InvalidDefinition` for a name that comes twice or cannot be one, and a part that has several dimensions itself.
    pub fn multi<N: Into<String>>(parts: impl IntoIterator<Item = (N, Self)>) -> Result<Self> {
        let mut dimensions = Vec::new();
        for (name, part) in parts {
            let name = name.into();
            let [dimension] = &part.0[..] else {
                let message = "has several dimensions itself; list them beside the others";
                return Err(invalid(format!(
                    "the part `{name}` of a multi-dimensional partitioning {message}"
                )));
            };
            dimensions.push(Dimension::new(name, dimension.kind.clone())?);
        }
        Self::of(dimensions)
    }

    /// The partitions that exist as of a time.
    ///
    /// A window of time exists once it is over (see [`TimePartitions::end_offset`](crate::TimePartitions::end_offset)).
    /// Where a zone's clock is put forward or back, windows still tile. An hourly schedule follows the clock: an hour that is skipped is
    /// no window, one that comes twice is two, of which the second has its offset in its key. A schedule of certain hours means each
    /// once a day: of two the first, and a skipped one moves to the end of the gap.
    ///
    /// The clock is never read, so that one answer holds for a whole run. Takes time for the values of lists, not for windows.
    ///
    /// # Errors
    /// Whatever `dynamic` gives; `InvalidDefinition` for values of its that cannot be part of a key.
    pub fn at(&self, now: Timestamp, dynamic: &dyn DynamicKeys) -> Result<Keyspace> {
        Keyspace::new(self.clone(), now, dynamic)
    }

    /// The names of the dimensions, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|dimension| &*dimension.name)
    }

    /// The names under which values are asked for from [`DynamicKeys`].
    pub fn dynamic_names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|dimension| match &dimension.kind {
            Kind::Dynamic(name) => Some(&**name),
            _ => None,
        })
    }

    /// What the keys mean, as text: for each dimension its name, and of windows how they are cut and in which time zone. Two
    /// definitions of one meaning give a key the same window, whatever their starts, ends and values.
    pub fn meaning(&self) -> String {
        let mut text = String::new();
        for dimension in self.dimensions() {
            let kind = match &dimension.kind {
                Kind::Time(spec) => spec.meaning(),
                Kind::Fixed(_) | Kind::Dynamic(_) => "values".to_owned(),
            };
            text.push_str(&format!("{}: {kind}\n", dimension.name));
        }
        text
    }

    pub(crate) fn dimensions(&self) -> &[Dimension] {
        &self.0
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Time(spec) => write!(f, "{}: {spec}", self.name),
            Kind::Fixed(list) if list.len() == 1 => write!(f, "{}: 1 value", self.name),
            Kind::Fixed(list) => write!(f, "{}: {} values", self.name, list.len()),
            Kind::Dynamic(name) => write!(f, "{}: dynamic `{name}`", self.name),
        }
    }
}

impl fmt::Display for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, dimension) in self.0.iter().enumerate() {
            write!(f, "{}{dimension}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partitioning({self})")
    }
}

/// What can stand where a partitioning is declared: one, or one of time that is not built yet, whose errors are told later.
pub trait IntoPartitioning {
    /// Makes the partitioning.
    ///
    /// # Errors
    /// `InvalidDefinition` for one that cannot be.
    fn into_partitioning(self) -> Result<Partitioning>;
}

impl IntoPartitioning for Partitioning {
    fn into_partitioning(self) -> Result<Partitioning> {
        Ok(self)
    }
}

impl IntoPartitioning for crate::TimePartitions {
    fn into_partitioning(self) -> Result<Partitioning> {
        self.build()
    }
}

impl<T: IntoPartitioning> IntoPartitioning for Result<T> {
    fn into_partitioning(self) -> Result<Partitioning> {
        self.and_then(T::into_partitioning)
    }
}
