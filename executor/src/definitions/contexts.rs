//! What a manager is told of an asset: where it is, which partition, how it is named.

use super::Pipeline;
use super::pipeline::Stored;
use crate::graph::definition;
use larder_io_core::{
    AssetKey, InputContext, IoManager, Location, Naming, OutputContext, PartitionKey, Result, RunId, Usage,
};
use larder_partitions::Partitioning;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Pipeline {
    /// The same, having managers count what they take there.
    pub(crate) fn counting(&self, usage: &Arc<Usage>) -> Self {
        let mut counting = self.clone();
        counting.3 = Some(Arc::clone(usage));
        // Where a branch finds nothing of its own it loads its parent's.
        counting.2 = counting.2.map(|parent| Box::new(parent.counting(usage)));
        counting
    }

    /// What managers took for whoever holds this.
    pub(crate) fn counted(&self) -> Option<&Arc<Usage>> {
        self.3.as_ref()
    }

    /// The manager of an asset without partitions, and what to tell it when loading.
    ///
    /// # Errors
    /// As [`Pipeline::input_of`].
    pub fn input(&self, key: &AssetKey) -> Result<(Arc<dyn IoManager>, InputContext)> {
        self.input_of(key, None)
    }

    /// The manager of an asset, and what to tell it when loading it or one of its partitions.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown key, an asset that is not stored, a partition that is not named, and one of other
    /// dimensions than the asset's.
    pub fn input_of(
        &self,
        key: &AssetKey,
        partition: Option<&PartitionKey>,
    ) -> Result<(Arc<dyn IoManager>, InputContext)> {
        let stored = self.stored(key)?;
        let location = self.location(key, stored, partition)?;
        let mut context = InputContext::new(key.clone(), partition.cloned(), location).with_form(stored.form);
        context.extension.clone_from(&stored.extension);
        context.asset_location.clone_from(&stored.location);
        context.naming = self.naming(key)?;
        context.usage.clone_from(&self.3);
        Ok((self.manager(key, stored)?, context))
    }

    /// The manager of an asset, and what to tell it of the asset as a whole, partitions or not.
    pub(crate) fn whole(&self, key: &AssetKey) -> Result<(Arc<dyn IoManager>, InputContext)> {
        let stored = self.stored(key)?;
        let mut context = InputContext::new(key.clone(), None, stored.location.clone()).with_form(stored.form);
        context.extension.clone_from(&stored.extension);
        context.naming = self.naming(key)?;
        context.usage.clone_from(&self.3);
        Ok((self.manager(key, stored)?, context))
    }

    /// The manager of an asset without partitions, and what to tell it when storing.
    ///
    /// # Errors
    /// As [`Pipeline::input_of`].
    pub fn output(&self, key: &AssetKey, run: RunId) -> Result<(Arc<dyn IoManager>, OutputContext)> {
        self.output_of(key, None, run)
    }

    /// The manager of an asset, and what to tell it when storing it or one of its partitions.
    ///
    /// # Errors
    /// As [`Pipeline::input_of`].
    pub fn output_of(
        &self,
        key: &AssetKey,
        partition: Option<&PartitionKey>,
        run: RunId,
    ) -> Result<(Arc<dyn IoManager>, OutputContext)> {
        let stored = self.stored(key)?;
        let location = self.location(key, stored, partition)?;
        let mut context = OutputContext::of_run(run, key.clone(), partition.cloned(), location);
        context.extension.clone_from(&stored.extension);
        context.asset_location.clone_from(&stored.location);
        context.naming = self.naming(key)?;
        context.usage.clone_from(&self.3);
        context.retention = stored.kept.as_ref().map(|kept| kept.retention);
        context.code_version = self.0.assets[self.origin(key)?.step].code_version.text();
        Ok((self.manager(key, stored)?, context))
    }

    /// Where an asset or one of its partitions is stored.
    fn location(&self, key: &AssetKey, stored: &Stored, partition: Option<&PartitionKey>) -> Result<Location> {
        let step = self.origin(key)?.step;
        let partition = match (&self.0.parted[step].partitioning, partition) {
            (None, None) => return Ok(stored.location.clone()),
            (Some(partitioning), Some(partition)) => {
                let names = partition.dimensions().iter().map(|(name, _)| name.as_str());
                if !partitioning.names().eq(names) {
                    let own: Vec<&str> = partitioning.names().collect();
                    let message = format!(
                        "`{partition}` is no partition of `{key}`, whose dimensions are {}",
                        own.join(", ")
                    );
                    return Err(definition(message));
                }
                partition
            }
            (Some(partitioning), None) => {
                return Err(definition(format!(
                    "`{key}` has partitions ({partitioning}); name one of them, on the command line with `--partition`"
                )));
            }
            (None, Some(partition)) => {
                return Err(definition(format!(
                    "`{key}` has no partitions, so there is no `{partition}` of it"
                )));
            }
        };
        let located = self.0.layout.locate(key, Some(partition))?;
        if self.0.assets[step].location.is_none() {
            return Ok(located);
        }
        // An asset that names its location itself keeps its partitions below it, as the layout names them.
        let own = located.segments().skip(key.segments().count());
        let below: Vec<&str> = stored.location.segments().chain(own).collect();
        below.join("/").parse()
    }

    /// Where and how an asset is kept and what its partitions mean, as text: a value that is kept elsewhere or otherwise, or of
    /// other windows, is not the one that was made.
    pub(crate) fn storage_config(&self, key: &AssetKey) -> Result<String> {
        let stored = self.stored(key)?;
        let meaning = self.partitioning(key)?.map(Partitioning::meaning).unwrap_or_default();
        let Some(bound) = &stored.bound else {
            return Ok(meaning);
        };
        let info = bound.manager.info();
        let name = stored.form.name();
        let format = info.formats.iter().find(|(form, _)| *form == name);
        Ok(format!(
            "{}\n{}\n{}\n{meaning}",
            self.storage_place(key)?,
            format.map(|(_, format)| format.as_str()).unwrap_or_default(),
            bound.own_digest
        ))
    }

    /// Where an asset is kept, as text: scheme, root and location.
    pub(crate) fn storage_place(&self, key: &AssetKey) -> Result<String> {
        let stored = self.stored(key)?;
        let Some(bound) = &stored.bound else {
            return Ok(String::new());
        };
        let info = bound.manager.info();
        // A directory that was moved with all that is in it keeps the same values.
        let anchored = |(number, anchor): (usize, &PathBuf)| {
            let below = Path::new(&info.root).strip_prefix(anchor).ok()?.to_str()?;
            Some(format!("{number}:{below}"))
        };
        let anchors = self.0.anchors.iter().enumerate();
        let root = anchors
            .into_iter()
            .find_map(anchored)
            .unwrap_or_else(|| info.root.clone());
        Ok(format!("{}\n{}\n{}", info.scheme, root, stored.location))
    }

    /// An asset that names its location itself has a suffix there.
    pub(super) fn naming(&self, key: &AssetKey) -> Result<Naming> {
        match self.0.assets[self.origin(key)?.step].location {
            Some(_) => Ok(Naming::Suffixed),
            None => Ok(self.0.layout.naming()),
        }
    }

    fn manager(&self, key: &AssetKey, stored: &Stored) -> Result<Arc<dyn IoManager>> {
        let bound = stored
            .bound
            .as_ref()
            .ok_or_else(|| definition(format!("`{key}` returns `()`, nothing of it is stored")))?;
        Ok(Arc::clone(&bound.manager))
    }

    /// Every distinct manager that stores something, with its key.
    pub fn managers(&self) -> Vec<(String, Arc<dyn IoManager>)> {
        let mut managers: Vec<(String, Arc<dyn IoManager>)> = Vec::new();
        for key in self.0.graph.nodes.iter().flat_map(|node| &node.keys) {
            if let Some(bound) = self.0.stored.get(key).and_then(|stored| stored.bound.as_ref())
                && !managers.iter().any(|(known, _)| *known == bound.key)
            {
                managers.push((bound.key.clone(), Arc::clone(&bound.manager)));
            }
        }
        managers
    }
}
