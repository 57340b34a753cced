//! What a function's parameter may be: a value, a shared value, one that may be missing, or many partitions.

use crate::error::{Error, ErrorKind, Result};
use crate::key::PartitionKey;
use crate::object::{HeldOf, downcast};
use crate::reference::Pin;
use crate::value::{AssetValue, Value};
use async_trait::async_trait;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// How many values a parameter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly one, which must be there.
    One,
    /// One that may be missing.
    Maybe,
    /// One for each partition.
    Many,
}

/// What was loaded for a parameter.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// The value.
    One(Value),
    /// Nothing is stored yet.
    Missing,
    /// The values of many partitions, in key order.
    Many(Vec<(PartitionKey, Value)>),
}

/// A type that may stand as a parameter of an asset function.
#[async_trait]
pub trait Input: Sized + Send + 'static {
    /// The type of one value.
    type Item: AssetValue;

    /// How many values are loaded.
    fn arity() -> Arity {
        Arity::One
    }

    /// Whether a reference is followed to what was recorded or to what is there. Default as the reference says.
    fn pin() -> Option<Pin> {
        None
    }

    /// Makes the argument.
    ///
    /// # Errors
    /// `NotFound` for a missing value that must be there; else as [`AssetValue::from_value`].
    async fn from_loaded(loaded: Loaded) -> Result<Self>;
}

fn one(loaded: Loaded) -> Result<Value> {
    match loaded {
        Loaded::One(value) => Ok(value),
        Loaded::Missing => Err(Error::new(ErrorKind::NotFound, "nothing is stored yet")),
        Loaded::Many(_) => {
            let message = "many partitions were loaded for a parameter of one value; take `Partitions<T>`";
            Err(Error::new(ErrorKind::InvalidDefinition, message))
        }
    }
}

#[async_trait]
impl<T: AssetValue> Input for T {
    type Item = T;

    async fn from_loaded(loaded: Loaded) -> Result<Self> {
        T::from_value(one(loaded)?).await
    }
}

/// An input that may not exist yet. Not to be confused with a stored `Option` that is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maybe<T> {
    /// It exists.
    Present(T),
    /// Nothing is stored.
    Missing,
}

impl<T> Maybe<T> {
    /// As a standard option.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Missing => None,
        }
    }
}

#[async_trait]
impl<T: AssetValue> Input for Maybe<T> {
    type Item = T;

    fn arity() -> Arity {
        Arity::Maybe
    }

    async fn from_loaded(loaded: Loaded) -> Result<Self> {
        match loaded {
            Loaded::Missing => Ok(Self::Missing),
            other => T::from_value(one(other)?).await.map(Self::Present),
        }
    }
}

/// The values of many partitions, always a map in key order, also for one partition.
///
/// As an input it holds every partition that the mapping names. As a result it holds a value for each partition that
/// the function was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions<T>(BTreeMap<PartitionKey, T>);

/// Values of one input that are made of what was loaded at once.
const AT_ONCE: usize = 8;

impl<T> Default for Partitions<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Partitions<T> {
    /// Makes an empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value of a partition, and gives back the one that was there.
    pub fn insert(&mut self, key: PartitionKey, value: T) -> Option<T> {
        self.0.insert(key, value)
    }

    /// The map.
    pub fn into_map(self) -> BTreeMap<PartitionKey, T> {
        self.0
    }
}

impl<T> Deref for Partitions<T> {
    type Target = BTreeMap<PartitionKey, T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> FromIterator<(PartitionKey, T)> for Partitions<T> {
    fn from_iter<I: IntoIterator<Item = (PartitionKey, T)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<T> IntoIterator for Partitions<T> {
    type Item = (PartitionKey, T);
    type IntoIter = btree_map::IntoIter<PartitionKey, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T> From<BTreeMap<PartitionKey, T>> for Partitions<T> {
    fn from(map: BTreeMap<PartitionKey, T>) -> Self {
        Self(map)
    }
}

#[async_trait]
impl<T: AssetValue> Input for Partitions<T> {
    type Item = T;

    fn arity() -> Arity {
        Arity::Many
    }

    async fn from_loaded(loaded: Loaded) -> Result<Self> {
        let Loaded::Many(values) = loaded else {
            let message = "`Partitions<T>` needs a partitioned asset; take `T` for an asset without partitions";
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        };
        let made = stream::iter(values).map(|(key, value)| async move { Ok((key, T::from_value(value).await?)) });
        made.buffered(AT_ONCE).try_collect().await.map(Self)
    }
}

/// A serde value borrowed from whoever keeps it: io-memory hands it over without a copy. Read-only by construction.
#[derive(Clone)]
pub struct Shared<T>(Arc<Keeper<T>>);

enum Keeper<T> {
    Native(Arc<HeldOf<T>>),
    Own(T),
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self.0.as_ref() {
            Keeper::Native(held) => held,
            Keeper::Own(value) => value,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[async_trait]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Input for Shared<T> {
    type Item = T;

    async fn from_loaded(loaded: Loaded) -> Result<Self> {
        let keeper = match one(loaded)? {
            Value::Native(native) => match downcast::<T>(native) {
                Ok(held) => Keeper::Native(held),
                Err(native) => Keeper::Own(T::from_value(Value::Native(native)).await?),
            },
            other => Keeper::Own(T::from_value(other).await?),
        };
        Ok(Self(Arc::new(keeper)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shared_is_the_same_allocation() {
        let value = vec![1_u32, 2].into_value();
        let a = <Shared<Vec<u32>>>::from_loaded(Loaded::One(value.clone()))
            .await
            .expect("loads");
        let b = <Shared<Vec<u32>>>::from_loaded(Loaded::One(value))
            .await
            .expect("loads");
        assert!(std::ptr::eq(a.as_ptr(), b.as_ptr()));
    }

    #[tokio::test]
    async fn missing_is_not_a_stored_none() {
        let missing = <Maybe<Option<u8>>>::from_loaded(Loaded::Missing).await.expect("loads");
        let stored = <Maybe<Option<u8>>>::from_loaded(Loaded::One(None::<u8>.into_value()))
            .await
            .expect("loads");
        assert_eq!((missing, stored), (Maybe::Missing, Maybe::Present(None)));
        assert_eq!(
            u8::from_loaded(Loaded::Missing)
                .await
                .expect_err("must be there")
                .kind(),
            ErrorKind::NotFound
        );
    }
}
