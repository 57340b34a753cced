//! A declaration without its types.

use super::fields::fields;
use super::start::Care;
use crate::asset::ResourceSpec;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use larder_io_core::{Error, ErrorKind, Result, from_texts};
use serde::de::DeserializeOwned;
use serde::de::value::{Error as Nothing, UnitDeserializer};
use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

/// Settings by name, as they stand in the configuration. Some may be secret: nothing that holds them has a `Debug`.
pub(crate) type Texts = BTreeMap<String, String>;

/// A resource that is open.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

type Open = dyn Fn(Texts) -> BoxFuture<'static, Result<Value>> + Send + Sync;
type Close = dyn Fn(Value) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// What definitions say of a resource.
#[derive(Clone)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) spec: ResourceSpec,
    /// Names of its settings, where its type tells.
    pub(crate) fields: &'static [&'static str],
    pub(crate) care: Care,
    read: fn(Texts) -> Result<()>,
    open: Arc<Open>,
    close: Option<Arc<Close>>,
}

impl Declared {
    pub(super) fn new<T, S, F, Fut, E>(name: String, open: F) -> Self
    where
        T: Send + Sync + 'static,
        S: DeserializeOwned + Send + 'static,
        F: Fn(S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self {
            name,
            spec: ResourceSpec::of::<T>(),
            fields: fields::<S>(),
            care: Care::default(),
            read: |texts| read::<S>(texts).map(drop),
            // Read for each attempt, so that settings need not be `Clone`.
            open: Arc::new(move |texts| {
                let opening = read::<S>(texts).map(&open);
                let opened = async move { opening?.await.map_err(Error::from_asset) };
                opened.map(|opened| opened.map(|it| Arc::new(it) as Value)).boxed()
            }),
            close: None,
        }
    }

    pub(super) fn closed_by<T, F, Fut, E>(&mut self, close: F)
    where
        T: Send + Sync + 'static,
        F: Fn(Arc<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.close = Some(Arc::new(move |value: Value| {
            let closing = value.downcast::<T>().map(&close);
            async move {
                match closing {
                    Ok(closing) => closing.await.map_err(Error::from_asset),
                    Err(_) => Err(Error::new(ErrorKind::Unexpected, "it is of another type than it was")),
                }
            }
            .boxed()
        }));
    }

    /// Refuses settings that its type cannot be read from.
    ///
    /// # Errors
    /// As [`from_texts`].
    pub(crate) fn check(&self, texts: &Texts) -> Result<()> {
        (self.read)(texts.clone())
    }

    /// One attempt.
    pub(super) async fn open(&self, texts: Texts) -> Result<Value> {
        (self.open)(texts).await
    }

    /// Whether anything is done to close it.
    pub(super) fn closes(&self) -> bool {
        self.close.is_some()
    }

    pub(super) async fn close(&self, value: Value) -> Result<()> {
        match &self.close {
            Some(close) => close(value).await,
            None => Ok(()),
        }
    }
}

fn read<S: DeserializeOwned + 'static>(texts: Texts) -> Result<S> {
    if TypeId::of::<S>() != TypeId::of::<()>() {
        return from_texts(texts);
    }
    if let Some(name) = texts.keys().next() {
        let message = format!("there is no setting `{name}`; none is known here");
        return Err(Error::new(ErrorKind::InvalidConfig, message).with_context("setting", name));
    }
    // A unit is read from a unit alone.
    let none = S::deserialize(UnitDeserializer::<Nothing>::new());
    none.map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))
}
