//! Single values of a pipeline from outside of a run: load, store, look, go back.

use super::{AT_ONCE, AssetPartition, Pipeline};
use crate::graph::definition;
use crate::lifecycle::not_kept;
use crate::reference::Wanted;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{
    AssetKey, AssetValue, Error, ErrorKind, Form, FormatChoice, Garbage, Maintenance, OptimizeOptions, Optimized,
    PartitionKey, Receipt, Result, RunId, VacuumOptions, Value, Version,
};
use larder_partitions::Keyspace;

impl Pipeline {
    /// Loads the published value of an asset; in a branch that has none, its parent's. Of a reference what it points to, unless `T` is
    /// [`DataRef`](larder_io_core::DataRef).
    ///
    /// # Errors
    /// `NotFound` when it was never materialized; `InvalidData` for damage or another type, and for a reference whose target is not what was
    /// recorded.
    pub async fn load<T: AssetValue>(&self, key: &str) -> Result<T> {
        let key = self.key(key)?;
        let value = self.load_as((&key).into(), None, Wanted::as_type::<T>()).await?;
        T::from_value(value)
            .await
            .map_err(|error| self.explain_error(error, &key, "load"))
    }

    /// Loads the published value, or an old version, in whatever form it is; a reference as itself. Of tables with partitions, when none is named, all that
    /// are stored as one table, with a column for each dimension.
    ///
    /// # Errors
    /// As [`Pipeline::load`].
    pub async fn load_value(&self, of: impl Into<AssetPartition>, version: Option<Version>) -> Result<Value> {
        self.load_as(of.into(), version, Wanted::Itself).await
    }

    /// The same, and of a reference what is wanted of it.
    pub(crate) async fn load_as(&self, of: AssetPartition, version: Option<Version>, wanted: Wanted) -> Result<Value> {
        let stored = self.stored(&of.asset)?;
        let table = stored.form == Form::Table || (stored.refers && matches!(wanted, Wanted::Target(Form::Table, _)));
        if of.partition.is_none()
            && version.is_none()
            && let Some(space) = self.keyspace(&of.asset).await?
            && table
        {
            return self.all_partitions(&of.asset, &space, wanted).await;
        }
        let value = self.load_newest(&of, version).await?;
        let followed = self.follow(&of.asset, value, wanted).await;
        followed.map_err(|error| self.about(error, &of, "load"))
    }

    /// The value or version of this profile, else that of the nearest parent that has it.
    async fn load_newest(&self, of: &AssetPartition, version: Option<Version>) -> Result<Value> {
        let mut failed = None;
        for pipeline in self.lineage() {
            let loaded = match &version {
                Some(version) => pipeline.load_own_version(of, version.clone()).await,
                None => {
                    let (manager, context) = pipeline.input_of(&of.asset, of.partition.as_ref())?;
                    let loaded = manager.load_input(&context).await;
                    loaded.map_err(|error| pipeline.about(error, of, "load"))
                }
            };
            match loaded {
                Err(error) if error.kind() == ErrorKind::NotFound || version.is_some() && not_kept(&error) => {
                    failed = failed.or(Some(error));
                }
                other => return other,
            }
        }
        // There is this profile at least.
        Err(failed.unwrap_or_else(|| Error::new(ErrorKind::NotFound, format!("nothing is stored for `{of}`"))))
    }

    /// The value as somebody takes it; `None` when nothing is stored.
    ///
    /// # Errors
    /// As [`Pipeline::load_stored`]; whatever following a reference gives.
    pub(crate) async fn load_for(&self, of: &AssetPartition, wanted: Wanted) -> Result<Option<Value>> {
        let Some(value) = self.load_stored(of).await? else {
            return Ok(None);
        };
        let followed = self.follow(&of.asset, value, wanted).await;
        followed.map(Some).map_err(|error| self.about(error, of, "load"))
    }

    /// The value as it is stored, held against the declared columns; `None` when nothing is.
    ///
    /// # Errors
    /// Whatever the manager gives: `NotFound` too, when a value in another format is there instead.
    pub(crate) async fn load_stored(&self, of: &AssetPartition) -> Result<Option<Value>> {
        if self.stored(&of.asset)?.form == Form::Nothing {
            return Ok(Some(Value::Nothing));
        }
        for pipeline in self.lineage() {
            if let Some(value) = pipeline.load_own(of).await? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The same without the parents of a branch.
    async fn load_own(&self, of: &AssetPartition) -> Result<Option<Value>> {
        let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
        let about = |error| self.about(error, of, "load");
        match manager.load_input(&context).await {
            Ok(value) => self
                .conforming(&of.asset, value, ErrorKind::InvalidData)
                .map(Some)
                .map_err(about),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(about(error)),
            // A value in another format is not a missing value: then the manager's own words say so.
            Err(error) => match manager.head(&context.of_any_form()).await.map_err(about)? {
                Some(_) => Err(about(error)),
                None => Ok(None),
            },
        }
    }

    /// Every partition of these, in their order, with its value where one is stored.
    ///
    /// # Errors
    /// As [`Pipeline::load_for`].
    pub(crate) async fn load_partitions(
        &self,
        key: &AssetKey,
        partitions: impl Iterator<Item = PartitionKey> + Send,
        wanted: Wanted,
    ) -> Result<Vec<(PartitionKey, Option<Value>)>> {
        let load = |partition: PartitionKey| async move {
            let value = self.load_for(&(key, &partition).into(), wanted).await?;
            Ok((partition, value))
        };
        stream::iter(partitions).map(load).buffered(AT_ONCE).try_collect().await
    }

    /// Every partition that is stored, as one table.
    async fn all_partitions(&self, key: &AssetKey, space: &Keyspace, wanted: Wanted) -> Result<Value> {
        let loaded = self.load_partitions(key, space.iter(), wanted).await?.into_iter();
        let parts: Vec<_> = loaded
            .filter_map(|(partition, value)| Some((partition, value?)))
            .collect();
        if parts.is_empty() {
            let message = format!("nothing is stored in any of the {} partitions of `{key}`", space.len());
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        one_table(key, parts)
    }

    /// Adds what an error is about.
    pub(crate) fn about(&self, error: Error, of: &AssetPartition, operation: &'static str) -> Error {
        let error = match &of.partition {
            Some(partition) => error.with_context("partition", partition),
            None => error,
        };
        self.explain_error(error, &of.asset, operation)
    }

    /// Stores a value as if the asset had made it. What a reference points to is looked at first.
    ///
    /// # Errors
    /// `InvalidDefinition` for a value that the asset does not make; whatever the manager gives, and for a reference its target.
    pub async fn store<T: AssetValue>(&self, key: &str, value: T) -> Result<Receipt> {
        self.store_at(&self.key(key)?, value).await
    }

    /// The same for a partition.
    ///
    /// # Errors
    /// As [`Pipeline::store`].
    pub async fn store_at<T: AssetValue>(&self, of: impl Into<AssetPartition>, value: T) -> Result<Receipt> {
        let of = of.into();
        let stored = self.stored(&of.asset)?;
        if !T::forms().contains(stored.form) || T::refers() != stored.refers {
            let named = |refers| if refers { ", a reference" } else { "" };
            let message = format!(
                "`{}` is stored as {}{}, the value given is of form {}{}",
                of.asset,
                stored.form,
                named(stored.refers),
                T::forms(),
                named(T::refers())
            );
            return Err(definition(message));
        }
        let (manager, context) = self.output_of(&of.asset, of.partition.as_ref(), RunId::random())?;
        let stored = async {
            let (value, _) = self.described(&of.asset, value.into_value()).await?;
            manager.handle_output(&context, &value).await
        };
        stored.await.map_err(|error| self.about(error, &of, "store"))
    }

    /// The receipt of the published value; in a branch its own, never its parent's: [`Pipeline::visible`] tells of what is loaded.
    ///
    /// # Errors
    /// Only when the manager cannot tell.
    pub async fn head(&self, of: impl Into<AssetPartition>) -> Result<Option<Receipt>> {
        let of = of.into();
        let (manager, context) = self.input_of(&of.asset, of.partition.as_ref())?;
        let found = manager.head(&context).await;
        found.map_err(|error| self.about(error, &of, "head"))
    }

    /// The format that the asset's next value gets, and why, where the manager chooses it.
    ///
    /// # Errors
    /// Only when the manager cannot tell.
    pub async fn next_format(&self, key: &AssetKey) -> Result<Option<FormatChoice>> {
        let (manager, context) = self.whole(key)?;
        let chosen = manager.next_format(&context).await;
        chosen.map_err(|error| self.explain_error(error, key, "look at"))
    }
}

impl Pipeline {
    /// Rewrites an asset's files, so that they are read faster.
    ///
    /// # Errors
    /// As [`Maintenance::optimize`].
    pub async fn optimize(&self, key: &AssetKey, options: &OptimizeOptions) -> Result<Optimized> {
        let (manager, context) = self.whole(key)?;
        let done = maintenance(manager.maintenance(), key)?
            .optimize(&context, options)
            .await;
        done.map_err(|error| self.explain_error(error, key, "optimize"))
    }

    /// Removes an asset's files that only old versions need, or none.
    ///
    /// # Errors
    /// As [`Maintenance::vacuum`].
    pub async fn vacuum(&self, key: &AssetKey, options: &VacuumOptions) -> Result<Vec<Garbage>> {
        let (manager, context) = self.whole(key)?;
        let done = maintenance(manager.maintenance(), key)?.vacuum(&context, options).await;
        done.map_err(|error| self.explain_error(error, key, "vacuum"))
    }
}

fn maintenance<'m>(maintenance: Option<&'m dyn Maintenance>, key: &AssetKey) -> Result<&'m dyn Maintenance> {
    maintenance.ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            format!("the I/O manager of `{key}` keeps no files to look after"),
        )
    })
}

/// Partitions as one table.
///
/// # Errors
/// `InvalidDefinition` for values that are no tables; else as [`larder_io_core::PartedTable::new`].
#[cfg(feature = "arrow")]
pub(crate) fn one_table(key: &AssetKey, values: Vec<(PartitionKey, Value)>) -> Result<Value> {
    let mut parts = Vec::with_capacity(values.len());
    for (partition, value) in values {
        match value {
            Value::Table(source) => parts.push((partition, source)),
            Value::Nothing => return Ok(Value::Nothing),
            _ => return Err(several(key)),
        }
    }
    Ok(Value::Table(std::sync::Arc::new(larder_io_core::PartedTable::new(
        parts,
    )?)))
}

/// Without tables nothing can be put together.
#[cfg(not(feature = "arrow"))]
pub(crate) fn one_table(key: &AssetKey, _: Vec<(PartitionKey, Value)>) -> Result<Value> {
    Err(several(key))
}

fn several(key: &AssetKey) -> Error {
    definition(format!("many partitions of `{key}` are no table; take `Partitions<T>`"))
}
