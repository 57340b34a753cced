//! What differs between two versions of a value.

mod blob;
mod object;
#[cfg(feature = "arrow")]
mod table;

pub use blob::BlobDifference;
pub use object::{ObjectDifference, Place};
#[cfg(feature = "arrow")]
pub use table::{ColumnDifference, TableDifference};

use crate::definitions::{AssetPartition, Pipeline};
use crate::lifecycle::{not_kept, versions::named};
use larder_io_core::{Error, ErrorKind, Receipt, Result, Value, Version};

/// Two versions, and what differs between them.
#[derive(Debug)]
#[non_exhaustive]
pub struct Difference {
    /// The one.
    pub from: Receipt,
    /// The other.
    pub to: Receipt,
    /// What differs.
    pub what: Differs,
}

/// What differs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Differs {
    /// Nothing does.
    Nothing,
    /// Objects, at these places.
    Object(ObjectDifference),
    /// Tables: columns and rows.
    #[cfg(feature = "arrow")]
    Table(TableDifference),
    /// Bytes.
    Blob(BlobDifference),
    /// They are of different forms.
    Form,
    /// The values differ, and not in what is compared: in the order of rows or columns, or in numbers that JSON has no word for.
    Unseen,
}

impl Pipeline {
    /// Compares two versions of a value, the second by default the published one; a unique beginning of a version's text is enough. Up to
    /// `limit` places or rows of each kind are given, all are counted.
    ///
    /// Of equal content hashes nothing is read. Rows of tables are compared as a bag: their order does not count, how often they come does. That takes
    /// some 40 bytes of memory for each different row of the first version.
    ///
    /// # Errors
    /// `NotFound` for a version that is not kept; `Unsupported` where no versions are, and for columns of types whose rows cannot be
    /// compared; `InvalidData` for damage.
    pub async fn diff(
        &self,
        of: impl Into<AssetPartition>,
        from: &str,
        to: Option<&str>,
        limit: usize,
    ) -> Result<Difference> {
        let of = of.into();
        let (kept, published) = self.history(&of).await?;
        let from = named(&of, &kept, from)?.clone();
        let to = match (to, published) {
            (Some(to), _) => named(&of, &kept, to)?.clone(),
            (None, Some(published)) => named(&of, &kept, published.as_str())?.clone(),
            (None, None) => {
                let message = format!("nothing is published of `{of}`; name a second version");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
        };
        let what = match (&from.content_hash, &to.content_hash) {
            _ if from.form != to.form => Differs::Form,
            (Some(one), Some(other)) if one == other => Differs::Nothing,
            _ => {
                let load = async |receipt: &Receipt| self.load_own_version(&of, receipt.version.clone()).await;
                let (one, other) = (load(&from).await?, load(&to).await?);
                let compared = compare(&one, &other, limit).await;
                match compared.map_err(|error| self.about(error, &of, "diff"))? {
                    Differs::Nothing if from.content_hash.is_some() && to.content_hash.is_some() => Differs::Unseen,
                    found => found,
                }
            }
        };
        Ok(Difference { from, to, what })
    }

    /// One version, without the parents of a branch.
    pub(crate) async fn load_own_version(&self, of: &AssetPartition, version: Version) -> Result<Value> {
        let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
        let loaded = match manager.load_input(&context.with_version(version.clone())).await {
            Err(error) if not_kept(&error) => {
                let copy = self.load_inlined(of, &version).await?;
                copy.map(|(_, value)| value).ok_or(error)
            }
            other => other,
        };
        loaded.map_err(|error| self.about(error, of, "load"))
    }
}

async fn compare(one: &Value, other: &Value, limit: usize) -> Result<Differs> {
    match (one, other) {
        #[cfg(feature = "arrow")]
        (Value::Table(one), Value::Table(other)) => table::compare(one.as_ref(), other.as_ref(), limit)
            .await
            .map(|found| found.map_or(Differs::Nothing, Differs::Table)),
        (Value::Blob(one), Value::Blob(other)) => blob::compare(one, other)
            .await
            .map(|found| found.map_or(Differs::Nothing, Differs::Blob)),
        (one, other) if one.form() == other.form() => {
            object::compare(one, other, limit).map(|found| found.map_or(Differs::Nothing, Differs::Object))
        }
        _ => Ok(Differs::Form),
    }
}
