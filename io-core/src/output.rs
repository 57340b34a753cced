//! What a function may return: a value, or a value for each of many partitions.

use crate::input::{Arity, Partitions};
use crate::key::PartitionKey;
use crate::value::{AssetValue, Value};

/// What a function made of one asset.
#[derive(Clone, Debug)]
pub enum Made {
    /// One value.
    One(Value),
    /// A value for each of these partitions, in key order.
    Many(Vec<(PartitionKey, Value)>),
}

impl From<Value> for Made {
    fn from(value: Value) -> Self {
        Self::One(value)
    }
}

/// A type that an asset function may return: the mirror of [`Input`](crate::Input).
pub trait Output: Sized + Send + 'static {
    /// The type of one value.
    type Item: AssetValue;

    /// Whether it is one value or one for each partition; never [`Arity::Maybe`].
    fn arity() -> Arity {
        Arity::One
    }

    /// Hands over the values.
    fn into_made(self) -> Made;
}

impl<T: AssetValue> Output for T {
    type Item = T;

    fn into_made(self) -> Made {
        Made::One(self.into_value())
    }
}

impl<T: AssetValue> Output for Partitions<T> {
    type Item = T;

    fn arity() -> Arity {
        Arity::Many
    }

    fn into_made(self) -> Made {
        let values = self.into_map().into_iter();
        Made::Many(values.map(|(key, value)| (key, value.into_value())).collect())
    }
}
