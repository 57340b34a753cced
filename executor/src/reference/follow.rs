//! From a reference to what it points to.

use super::Wanted;
use super::followed::followed;
use crate::definitions::{AssetPartition, Pipeline};
use larder_io_core::{AssetKey, AssetValue, DataRef, Error, ErrorKind, Form, Pin, Result, Target, Value, Version};
use std::sync::Arc;

impl Pipeline {
    /// Whether an asset is a reference to data elsewhere.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown key.
    pub fn refers(&self, key: &AssetKey) -> Result<bool> {
        Ok(self.stored(key)?.refers)
    }

    /// Loads the published value, or an old version; of a reference what it points to: a table where it can be read as one, else bytes. With it
    /// comes the reference, where there is one and not one for each partition.
    ///
    /// # Errors
    /// As [`Pipeline::load_value`]; `InvalidData` when what it points to is not what was recorded.
    pub async fn load_followed(
        &self,
        of: impl Into<AssetPartition>,
        version: Option<Version>,
    ) -> Result<(Option<DataRef>, Value)> {
        let of = of.into();
        if !self.stored(&of.asset)?.refers {
            return Ok((None, self.load_value(of, version).await?));
        }
        let table = Wanted::Target(Form::Table, None);
        if of.partition.is_none() && self.keyspace(&of.asset).await?.is_some() {
            return Ok((None, self.load_as(of, version, table).await?));
        }
        let reference = DataRef::from_value(self.load_value(of.clone(), version).await?).await?;
        let value = match self.open(&reference, Form::Table, None).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => self.open(&reference, Form::Blob, None).await,
            other => other,
        };
        let value = value.map_err(|error| self.about(error, &of, "load"))?;
        Ok((Some(reference), value))
    }

    /// The value as somebody wants it: what a reference points to, unless the reference itself is wanted.
    ///
    /// # Errors
    /// `InvalidData` when it is not what was recorded; whatever the target gives.
    pub(crate) async fn follow(&self, key: &AssetKey, value: Value, wanted: Wanted) -> Result<Value> {
        match wanted {
            Wanted::Target(form, pin) if self.stored(key)?.refers => {
                self.open(&DataRef::from_value(value).await?, form, pin).await
            }
            _ => Ok(value),
        }
    }

    async fn open(&self, reference: &DataRef, form: Form, pin: Option<Pin>) -> Result<Value> {
        let pin = pin.unwrap_or_else(|| reference.taken());
        let opened = async {
            let version = reference.wanted(pin)?;
            let target = self.0.targets.find(reference)?;
            match target.open(form, version.as_ref()).await {
                Err(error) => Err(told(reference, target, error).await),
                value => value,
            }
        };
        match opened.await {
            Ok(value) => Ok(followed(value, reference, pin)),
            Err(error) => Err(error.with_context("target", reference.shown())),
        }
    }
}

/// What became of a target that could not be opened.
async fn told(reference: &DataRef, target: Arc<dyn Target>, error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => reference.deleted(error),
        ErrorKind::Conflict => {
            // One that was cut cannot be described, but still be looked at.
            let now = match target.describe(None).await {
                Ok(facts) => Ok(facts),
                Err(_) => target.head().await,
            };
            match now {
                Ok(now) => reference.changed(&now, error),
                Err(gone) if gone.kind() == ErrorKind::NotFound => reference.deleted(gone),
                Err(blind) => blind,
            }
        }
        _ => error,
    }
}
