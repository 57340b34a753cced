//! A stored value as the type of its asset.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use larder_io_core::{AssetValue, Result, Value};

/// Reads a value as a type, and gives it back as that type offers it.
pub(crate) type Retype = fn(Value) -> BoxFuture<'static, Result<Value>>;

/// The same through a `T`. What is decoded without its type is another value: a map for a struct, a text for a time, which other formats write
/// otherwise.
pub(crate) fn retyped<T: AssetValue>(value: Value) -> BoxFuture<'static, Result<Value>> {
    async move { Ok(T::from_value(value).await?.into_value()) }.boxed()
}
