//! Serde values: native ones in this process, encoded ones from storage, and the way between types.

use crate::blob::Blob;
use crate::error::{Error, ErrorKind, Result};
use crate::value::{AssetValue, Form, Forms, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::{Any, TypeId, type_name};
use std::sync::Arc;

/// A Rust value in this process that can show itself as an object without being copied.
pub trait Native: Any + Send + Sync {
    /// The value as something serde can write.
    fn as_object(&self) -> &dyn erased_serde::Serialize;

    /// The Rust type, for messages.
    fn type_name(&self) -> &'static str;
}

/// An encoded object: JSON or MessagePack bytes, say.
pub trait ObjectSource: Send + Sync {
    /// Calls `visit` with a deserializer at the beginning of the object.
    ///
    /// # Errors
    /// `InvalidData` when the bytes are not what the format wants, or `visit` refuses what it gets.
    fn with_deserializer(&self, visit: &mut Visit<'_>) -> Result<()>;

    /// The encoded bytes' length.
    fn bytes(&self) -> u64;
}

/// What [`ObjectSource::with_deserializer`] calls.
pub type Visit<'v> = dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'v;

struct Held<T>(T);

impl<T: Serialize + Send + Sync + 'static> Native for Held<T> {
    fn as_object(&self) -> &dyn erased_serde::Serialize {
        &self.0
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }
}

/// Wraps a serde value without copying it.
pub fn native<T: Serialize + Send + Sync + 'static>(value: T) -> Value {
    Value::Native(Arc::new(Held(value)))
}

/// Borrows the value inside a native one when it has exactly the type `T`.
pub(crate) fn downcast<T: Send + Sync + 'static>(native: Arc<dyn Native>) -> Result<Arc<HeldOf<T>>, Arc<dyn Native>> {
    let any: Arc<dyn Any + Send + Sync> = Arc::<dyn Native>::clone(&native);
    any.downcast::<Held<T>>()
        .map(|held| Arc::new(HeldOf(held)))
        .map_err(|_| native)
}

/// A shared native value of a known type.
pub(crate) struct HeldOf<T>(Arc<Held<T>>);

impl<T> std::ops::Deref for HeldOf<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

/// Serializes any value of form Object, whether it lives in this process or comes encoded.
///
/// # Errors
/// The serializer's own.
pub fn serialize_object<S: serde::Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Value::Native(native) => erased_serde::serialize(native.as_object(), serializer),
        Value::Object(source) => Transcoded(source.as_ref()).serialize(serializer),
        other => Err(serde::ser::Error::custom(format!(
            "a {} is not an object",
            other.form()
        ))),
    }
}

/// An object of any kind as something serde can write, through one borrowed value.
#[derive(Debug)]
pub struct AsObject<'a>(pub &'a Value);

impl Serialize for AsObject<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_object(self.0, serializer)
    }
}

struct Transcoded<'a>(&'a dyn ObjectSource);

impl Serialize for Transcoded<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tree = None;
        let read = self.0.with_deserializer(&mut |deserializer| {
            tree = Some(serde_content_of(deserializer)?);
            Ok(())
        });
        read.map_err(serde::ser::Error::custom)?;
        tree.ok_or_else(|| serde::ser::Error::custom("the object source gave nothing"))?
            .serialize(serializer)
    }
}

/// Reads a self-describing object into a tree.
fn serde_content_of(
    deserializer: &mut dyn erased_serde::Deserializer<'_>,
) -> Result<serde_content::Value<'static>, erased_serde::Error> {
    let tree = serde_transcode::transcode(deserializer, serde_content::Serializer::new().human_readable());
    tree.map(serde_content::Value::into_owned)
        .map_err(serde::de::Error::custom)
}

/// Copies a native value into type `T` by way of serde: its own type gets a private copy, another type gets what it
/// would get from storage.
fn copy_native<T: DeserializeOwned>(native: &dyn Native) -> Result<T> {
    let tree = serde_content::Serializer::new()
        .serialize(native.as_object())
        .map_err(|error| {
            Error::new(
                ErrorKind::InvalidData,
                format!("cannot copy a {}: {error}", native.type_name()),
            )
        })?;
    serde_content::Deserializer::new(tree.into_owned())
        .deserialize()
        .map_err(|error| type_error::<T>(&format!("a value of type {}", native.type_name()), error.to_string()))
}

fn type_error<T>(found: &str, error: String) -> Error {
    let wanted = type_name::<T>();
    let message = format!(
        "cannot read {found} as {wanted}: {error}; if the type changed since the value was stored, materialize the asset again"
    );
    Error::new(ErrorKind::InvalidData, message)
}

/// Turns `value` into the type that `T` is known to be.
fn same<A: 'static, T: 'static>(value: A) -> Option<T> {
    let boxed: Box<dyn Any> = Box::new(value);
    boxed.downcast().ok().map(|same| *same)
}

#[async_trait::async_trait]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> AssetValue for T {
    fn forms() -> Forms {
        let id = TypeId::of::<T>();
        Forms::of([if id == TypeId::of::<()>() {
            Form::Nothing
        } else if id == TypeId::of::<Vec<u8>>() {
            Form::Blob
        } else {
            Form::Object
        }])
    }

    fn into_value(self) -> Value {
        match Self::forms().first() {
            Some(Form::Nothing) => Value::Nothing,
            Some(Form::Blob) => same::<T, Vec<u8>>(self).map_or(Value::Nothing, |bytes| Blob::from(bytes).into_value()),
            _ => native(self),
        }
    }

    async fn from_value(value: Value) -> Result<Self> {
        match (value, Self::forms().first()) {
            (Value::Nothing, Some(Form::Nothing)) => same(()).ok_or_else(|| Value::Nothing.mismatch(type_name::<T>())),
            (Value::Blob(source), Some(Form::Blob)) => {
                let bytes = Blob::from_source(Arc::clone(&source)).bytes().await?;
                same(Vec::from(bytes)).ok_or_else(|| Value::Blob(source).mismatch(type_name::<T>()))
            }
            (Value::Native(native), Some(Form::Object)) => {
                let any: Arc<dyn Any + Send + Sync> = Arc::<dyn Native>::clone(&native);
                drop_alias(native, any)
            }
            (Value::Object(source), Some(Form::Object)) => decode(source.as_ref()),
            (other, _) => Err(other.mismatch(type_name::<T>())),
        }
    }
}

/// Moves the value out when nobody else holds it, else copies it: consumers never share a mutable value.
fn drop_alias<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
    native: Arc<dyn Native>,
    any: Arc<dyn Any + Send + Sync>,
) -> Result<T> {
    match any.downcast::<Held<T>>() {
        Err(_) => copy_native(native.as_ref()),
        Ok(held) => {
            drop(native);
            Arc::try_unwrap(held)
                .map(|held| held.0)
                .or_else(|held| copy_native(held.as_ref()))
        }
    }
}

fn decode<T: DeserializeOwned>(source: &dyn ObjectSource) -> Result<T> {
    let mut out = None;
    let mut refused = None;
    let read = source.with_deserializer(&mut |deserializer| match erased_serde::deserialize::<T>(deserializer) {
        Ok(value) => {
            out = Some(value);
            Ok(())
        }
        Err(error) => {
            refused = Some(error.to_string());
            Err(error)
        }
    });
    match (read, out, refused) {
        (_, _, Some(error)) => Err(type_error::<T>("the stored object", error)),
        (Err(error), _, _) => Err(error),
        (Ok(()), Some(value), _) => Ok(value),
        (Ok(()), None, None) => Err(Error::new(
            ErrorKind::Unexpected,
            "an object source never called its visitor",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Row {
        name: String,
        nested: Option<Option<u8>>,
        wide: i128,
        not_a_number: f64,
    }

    fn row() -> Row {
        Row {
            name: "a".into(),
            nested: Some(None),
            wide: i128::MIN,
            not_a_number: f64::NAN,
        }
    }

    #[tokio::test]
    async fn forms_follow_the_type() {
        assert_eq!(<() as AssetValue>::forms().first(), Some(Form::Nothing));
        assert_eq!(<Vec<u8>>::forms().first(), Some(Form::Blob));
        assert_eq!(<Option<u8>>::forms().first(), Some(Form::Object));
        <()>::from_value(().into_value()).await.expect("nothing is nothing");
        assert_eq!(
            <Vec<u8>>::from_value(vec![1_u8].into_value()).await.expect("bytes"),
            [1]
        );
    }

    #[tokio::test]
    async fn a_shared_value_is_copied_exactly_and_a_lone_one_moved() {
        let value = row().into_value();
        let copy = Row::from_value(value.clone()).await.expect("copies");
        assert_eq!((copy.name, copy.nested, copy.wide), ("a".into(), Some(None), i128::MIN));
        assert!(copy.not_a_number.is_nan());
        assert_eq!(Row::from_value(value).await.expect("moves").name, "a");
    }

    #[tokio::test]
    async fn another_type_reads_what_it_understands() {
        #[derive(Serialize, Deserialize)]
        struct Name {
            name: String,
        }
        assert_eq!(Name::from_value(row().into_value()).await.expect("a subset").name, "a");
        let error = <Vec<u32>>::from_value(row().into_value())
            .await
            .expect_err("is no list");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
}
