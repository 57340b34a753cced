//! Looking at a target before its reference is stored.

use crate::definitions::Pipeline;
use larder_io_core::{AssetKey, AssetValue, DataRef, Error, ErrorKind, Result, TargetFacts, Value};

impl Pipeline {
    /// The value as it is stored: a reference with what its target says of itself, and that; other values as they are.
    ///
    /// # Errors
    /// `NotFound` when the target is not there; `InvalidData` for an address that is none, for a target that is damaged, or that is
    /// another version than the reference names; `Unsupported` for a scheme without targets, or a target that cannot be pinned; whatever
    /// looking gives.
    pub(crate) async fn described(&self, key: &AssetKey, value: Value) -> Result<(Value, Option<TargetFacts>)> {
        if !self.stored(key)?.refers {
            return Ok((value, None));
        }
        let reference = DataRef::from_value(value).await?;
        let shown = reference.shown();
        let looked = async {
            let target = self.0.targets.find(&reference)?;
            let wanted = match (reference.taken(), &reference.version) {
                (pin, Some(_)) => reference.wanted(pin)?,
                (_, None) => None,
            };
            target.describe(wanted.as_ref()).await
        };
        let facts = looked
            .await
            .map_err(|error| refused(&reference, error).with_context("target", &shown))?;
        Ok((reference.recorded(&facts)?.into_value(), Some(facts)))
    }
}

fn refused(reference: &DataRef, error: Error) -> Error {
    let shown = reference.shown();
    let (kind, message) = match error.kind() {
        ErrorKind::NotFound => (
            ErrorKind::NotFound,
            format!(
                "`{shown}` is not there, and a reference is stored only when what it points to is: {}",
                error.message()
            ),
        ),
        ErrorKind::Conflict => (
            ErrorKind::InvalidData,
            format!(
                "the reference names another version of `{shown}` than there is: {}",
                error.message()
            ),
        ),
        _ => return error,
    };
    Error::new(kind, message).with_source(error)
}
