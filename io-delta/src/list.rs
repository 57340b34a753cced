//! Every stem that is stored below a root.

use crate::core::{Core, SUFFIX};
use crate::files;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use larder_io_core::{Location, Result};
use object_store::path::Path;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tables are found by their directories' suffix; of a partitioned one every stem that was stored counts.
pub(crate) fn stems(core: &Arc<Core>, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
    let (core, prefix) = (Arc::clone(core), prefix.cloned());
    let found = async move {
        let mut stems = BTreeSet::new();
        for table in tables(&core).await? {
            for stem in of_table(&core, &table).await? {
                if prefix.as_ref().is_none_or(|prefix| stem.is_within(prefix)) {
                    stems.insert(stem);
                }
            }
        }
        Ok::<_, larder_io_core::Error>(stream::iter(stems.into_iter().map(Ok)))
    };
    stream::once(found).try_flatten().boxed()
}

/// The stems of every directory that may be a table's.
pub(crate) async fn tables(core: &Core) -> Result<Vec<Location>> {
    let objects = &core.files.ground().objects;
    let mut found = Vec::new();
    let mut left: Vec<Option<Path>> = vec![None];
    while let Some(directory) = left.pop() {
        let listed = objects
            .list_with_delimiter(directory.as_ref())
            .await
            .map_err(larder_io_object::error::error)?;
        for below in listed.common_prefixes {
            // What has no name of ours is nobody's asset.
            let Ok(location) = below.as_ref().parse::<Location>() else {
                continue;
            };
            match location.split_suffix() {
                Some((stem, SUFFIX)) => found.push(stem),
                _ => left.push(Some(below)),
            }
        }
    }
    Ok(found)
}

async fn of_table(core: &Core, stem: &Location) -> Result<Vec<Location>> {
    let log = core.log(stem)?;
    let Some(table) = core.latest(&log).await? else {
        return Ok(Vec::new());
    };
    if table.is_missing() {
        return Ok(Vec::new());
    }
    let tagged: BTreeSet<Location> = table
        .state
        .files
        .iter()
        .filter_map(|add| files::stem_of(add)?.parse().ok())
        .collect();
    match tagged.is_empty() {
        true => Ok(vec![stem.clone()]),
        false => Ok(tagged.into_iter().collect()),
    }
}
