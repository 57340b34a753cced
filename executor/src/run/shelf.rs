//! A value between the step that makes it and those that take it, in memory as long as the budget allows.

use super::inputs::{SharedInput, whole};
use super::step::Step;
use crate::asset::InputSpec;
use crate::definitions::Pipeline;
use larder_io_core::{AssetKey, Receipt, Result, Value};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value that can be let go again. The last who takes it has it alone.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// And its bytes in memory.
    value: Mutex<Option<(Value, u64)>>,
    /// Held while somebody loads it, so that others wait instead of loading it too.
    loading: tokio::sync::Mutex<()>,
    /// Calls that have yet to take it.
    to_come: AtomicUsize,
}

impl Shelf {
    pub(super) fn new(calls: usize) -> Self {
        Self {
            value: Mutex::new(None),
            loading: tokio::sync::Mutex::default(),
            to_come: AtomicUsize::new(calls),
        }
    }

    fn value(&self) -> MutexGuard<'_, Option<(Value, u64)>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value that is here, else the one that is stored; a table as a whole, where several share that.
    pub(super) async fn get(
        &self,
        pipeline: &Pipeline,
        key: &AssetKey,
        spec: &InputSpec,
        wants_whole: bool,
    ) -> Result<Option<Value>> {
        let _alone = self.loading.lock().await;
        let last = self.one_less();
        let here = match last {
            true => self.value().take(),
            false => self.value().clone(),
        };
        // Another type is read from what is stored, as ever: a format may make it what the value is not.
        if let Some((Value::Native(native), _)) = &here
            && native.type_name() != spec.item
        {
            return pipeline.load_stored(&key.into()).await;
        }
        let (mut value, mut bytes) = match here {
            Some(here) => here,
            None => match pipeline.load_stored(&key.into()).await? {
                Some(value) => (value, 0),
                None => return Ok(None),
            },
        };
        if wants_whole {
            value = whole(value).await?;
        }
        bytes = bytes.max(bytes_of(&value).unwrap_or(0));
        if !last {
            *self.value() = Some((value.clone(), bytes));
        }
        Ok(Some(value))
    }

    /// The value that is here, if it is one for this input.
    fn here(&self, spec: &InputSpec) -> Option<Value> {
        let fits = |value: &Value| !matches!(value, Value::Native(native) if native.type_name() != spec.item);
        let mut here = self.value();
        here.as_ref().filter(|(value, _)| fits(value))?;
        match self.one_less() {
            true => here.take(),
            false => here.clone(),
        }
        .map(|(value, _)| value)
    }

    /// Puts a value here, unless all have taken it: then nobody would take it away again.
    fn put(&self, value: Value, bytes: u64) {
        if self.to_come.load(Ordering::Relaxed) > 0 {
            *self.value() = Some((value, bytes));
        }
    }

    /// One call less will take it; whether that was the last.
    fn one_less(&self) -> bool {
        let less = |calls: usize| Some(calls.saturating_sub(1));
        self.to_come
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .unwrap_or(0)
            <= 1
    }
}

impl SharedInput {
    /// The bytes in memory of what is here; `None` for nothing.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let value = self.shelf.as_ref()?.value();
        value.as_ref().map(|(_, bytes)| *bytes)
    }

    /// The value that was handed over, without looking at what is stored.
    pub(super) fn handed_over(&self, spec: &InputSpec) -> Option<Value> {
        self.shelf.as_ref()?.here(spec)
    }

    /// A call will not take it.
    pub(crate) fn one_less(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.one_less();
        }
    }

    /// Whoever comes now loads it.
    pub(crate) fn let_go(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.value().take();
        }
    }
}

/// The bytes of a value that is in memory, or refers to what is stored; of a native value nobody knows them. `None` for what can be read only once, or
/// has to be produced again.
fn bytes_of(value: &Value) -> Option<u64> {
    match value {
        Value::Native(_) | Value::Nothing => Some(0),
        Value::Object(source) => Some(source.bytes()),
        Value::Blob(source) => source.in_memory().map(|bytes| bytes.len() as u64),
        #[cfg(feature = "arrow")]
        Value::Table(source) => source.in_memory().map(|table| {
            let batches = table.batches().iter();
            batches.map(|batch| crate::watch::batch_bytes(batch) as u64).sum()
        }),
        _ => None,
    }
}

/// A value for those in the run that wait for it.
pub(super) struct Offer {
    to: Arc<SharedInput>,
    value: Value,
    bytes: u64,
}

impl Offer {
    /// Hands it over. A native value counts as many bytes as are stored of it.
    pub(super) fn make(self, receipt: &Receipt) {
        let bytes = match self.value {
            Value::Native(_) => receipt.bytes,
            _ => self.bytes,
        };
        self.put(bytes);
    }

    /// Hands it over before it is stored. While its step runs it is within what that reserves, however large it is.
    pub(super) fn make_early(self) {
        let bytes = self.bytes;
        self.put(bytes);
    }

    fn put(self, bytes: u64) {
        if let Some(shelf) = &self.to.shelf {
            shelf.put(self.value, bytes);
        }
    }
}

impl Step {
    /// The value as others in this run will take it: as it is stored, and only if it is in memory as a whole.
    pub(super) fn offer(&self, key: &AssetKey, value: &Value) -> Option<Offer> {
        let to = self.offers.iter().find(|offer| offer.key == *key)?;
        // What is loaded must be what was stored.
        let bound = self.pipeline.stored(key).ok()?.bound.as_ref()?;
        if self.partitions.is_some() || bound.manager.info().capabilities.accumulates {
            return None;
        }
        Some(Offer {
            to: Arc::clone(to),
            value: value.clone(),
            bytes: bytes_of(value)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(shelf: &Shelf) -> Option<u64> {
        shelf.value().as_ref().map(|(_, bytes)| *bytes)
    }

    #[test]
    fn what_all_have_taken_is_not_kept() {
        let shelf = Shelf::new(2);
        shelf.put(Value::Nothing, 7);
        assert!(!shelf.one_less());
        assert_eq!(held(&shelf), Some(7));
        shelf.value().take();
        assert!(shelf.one_less());
        shelf.put(Value::Nothing, 7);
        assert_eq!(held(&shelf), None);
        assert!(shelf.one_less(), "an attempt too many");
    }
}
