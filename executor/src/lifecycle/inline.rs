//! Small values of which the catalogue keeps a copy.
//!
//! A copy begins with eight bytes for the place of the value, because two profiles may share one catalogue, and the hash of what follows.

use crate::definitions::{AssetPartition, Pipeline};
use larder_catalog::{Entry, Happening};
use larder_io_core::hash::digest_object;
use larder_io_core::object::{ObjectSource, Visit, serialize_object};
use larder_io_core::{
    AssetKey, AssetValue as _, Blob, ContentHash, Error, ErrorKind, Form, Receipt, Result, Value, Version,
};
use std::io;
use std::sync::Arc;

const PLACE_BYTES: usize = 8;
const HASH_BYTES: usize = 32;

/// What looks like a version that the manager does not have.
pub(crate) fn not_kept(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported)
}

impl Pipeline {
    /// Whether copies of small values go into the catalogue.
    pub(crate) fn keeps_inline(&self) -> bool {
        self.0.inline_bytes > 0 && self.catalog().is_some()
    }

    /// The copy of a value that goes into the catalogue, where one is wanted: of an object, or of bytes that are in memory. `None` for one that is
    /// too large, or could not come back as it is.
    pub(crate) fn inline_copy(&self, asset: &AssetKey, value: &Value) -> Option<Vec<u8>> {
        let most = self.0.inline_bytes;
        let copied = match value {
            Value::Blob(blob) => blob.in_memory().filter(|bytes| bytes.len() <= most).map(Vec::from)?,
            Value::Native(_) | Value::Object(_) => {
                let mut copy = Bounded {
                    bytes: Vec::new(),
                    most,
                };
                let mut serializer = rmp_serde::Serializer::new(&mut copy)
                    .with_struct_map()
                    .with_human_readable();
                serialize_object(value, &mut serializer).ok()?;
                if digest_object(value).ok()?.losses.nested_null {
                    return None;
                }
                copy.bytes
            }
            _ => return None,
        };
        let mut inline = self.inline_place(asset).ok()?;
        inline.extend_from_slice(ContentHash::of(&copied).as_bytes());
        inline.extend_from_slice(&copied);
        Some(inline)
    }

    /// What every copy of this asset begins with.
    pub(super) fn inline_place(&self, asset: &AssetKey) -> Result<Vec<u8>> {
        let place = ContentHash::of(self.storage_place(asset)?.as_bytes());
        Ok(place.as_bytes()[..PLACE_BYTES].to_vec())
    }

    /// What the catalogue has copies of, newest first, each version once.
    pub(super) async fn inlined(&self, of: &AssetPartition) -> Result<Vec<Entry>> {
        let Some(catalog) = self.catalog() else {
            return Ok(Vec::new());
        };
        let place = self.inline_place(&of.asset)?;
        let happened = catalog
            .history(&of.asset, Some(of.partition.as_ref()), super::versions::LOOKED_THROUGH)
            .await?;
        let mut found: Vec<Entry> = Vec::new();
        for happening in happened {
            if let Happening::Materialized(entry) = happening
                && entry.inline.as_ref().is_some_and(|copy| copy.starts_with(&place))
                && entry.receipt.is_some()
                && !found.iter().any(|newer| newer.version == entry.version)
            {
                found.push(*entry);
            }
        }
        Ok(found)
    }

    /// The receipts of a manager, newest first, and with them those of which only the catalogue has a copy: these have no address.
    pub(super) async fn with_inlined(&self, of: &AssetPartition, mut kept: Vec<Receipt>) -> Result<Vec<Receipt>> {
        for mut receipt in self.inlined(of).await?.into_iter().filter_map(|entry| entry.receipt) {
            if !kept.iter().any(|other| other.version == receipt.version) {
                receipt.uri.clear();
                let older = kept.iter().position(|other| other.stored_at < receipt.stored_at);
                kept.insert(older.unwrap_or(kept.len()), receipt);
            }
        }
        Ok(kept)
    }

    /// An old version from the catalogue; `None` when there is no copy of it.
    ///
    /// # Errors
    /// `InvalidData` for a copy that is damaged or of another type; whatever the catalogue gives.
    pub(crate) async fn load_inlined(
        &self,
        of: &AssetPartition,
        version: &Version,
    ) -> Result<Option<(Receipt, Value)>> {
        let all = self.inlined(of).await?.into_iter();
        let mut named = all.filter_map(|entry| Some((entry.receipt?, entry.inline?)));
        let Some((receipt, mut copy)) = named.find(|(receipt, _)| receipt.version == *version) else {
            return Ok(None);
        };
        copy.drain(..PLACE_BYTES);
        let hash = copy.get(..HASH_BYTES).map(<[u8]>::to_vec);
        copy.drain(..HASH_BYTES.min(copy.len()));
        if hash.as_deref() != Some(ContentHash::of(&copy).as_bytes().as_slice()) {
            let message = format!(
                "the copy of version `{version}` in the catalogue is damaged: it has another hash than it was given"
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        let value = match receipt.form {
            Form::Blob => Blob::from(copy).into_value(),
            _ => self.typed(&of.asset, Value::Object(Arc::new(Copied(copy)))).await?,
        };
        Ok(Some((receipt, value)))
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.most - self.bytes.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An object as MessagePack.
struct Copied(Vec<u8>);

impl ObjectSource for Copied {
    fn with_deserializer(&self, visit: &mut Visit<'_>) -> Result<()> {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(&self.0).with_human_readable();
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut deserializer)).map_err(|error| {
            let message = format!("the copy in the catalogue is no such object: {error}");
            Error::new(ErrorKind::InvalidData, message)
        })
    }

    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }
}
