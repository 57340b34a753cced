//! Listing: every file below the root but larder's own.

use crate::error::disk as disk_error;
use crate::read::meta;
use crate::tree::{Tree, is_missing};
use larder_io_core::Result;
use larder_io_core::location::RESERVED_SEGMENT;
use object_store::path::{Path, PathPart};
use object_store::{ListResult, ObjectMeta};

/// One level: files with their metadata, directories as prefixes.
pub(crate) fn one_level(tree: &Tree, prefix: Option<&Path>) -> Result<ListResult> {
    let at_root = prefix.is_none_or(|prefix| prefix.parts().next().is_none());
    let (prefix, dir) = match prefix.filter(|_| !at_root) {
        Some(prefix) => (prefix.clone(), tree.names.public(prefix)?),
        None => (Path::default(), tree.names.root().to_owned()),
    };
    let mut result = ListResult {
        common_prefixes: Vec::new(),
        objects: Vec::new(),
    };
    let mut entries = match tree.disk.read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if is_missing(&error) => return Ok(result),
        Err(error) => return Err(disk_error(error, "list", &dir)),
    };
    entries.sort_unstable();
    for entry in entries {
        // A name that object_store cannot say is not one of ours and cannot be asked for.
        let Some(part) = entry.name.to_str().and_then(|name| PathPart::parse(name).ok()) else {
            continue;
        };
        if at_root && part.as_ref().eq_ignore_ascii_case(RESERVED_SEGMENT) {
            continue;
        }
        let location: Path = prefix.parts().chain([part]).collect();
        if entry.is_dir {
            result.common_prefixes.push(location);
        } else if let Some(opened) = tree.open(&dir.join(&entry.name))? {
            result.objects.push(meta(&location, &opened));
        }
    }
    Ok(result)
}

/// Every file below a prefix.
pub(crate) fn walk(tree: &Tree, prefix: Option<&Path>) -> Result<Vec<ObjectMeta>> {
    let mut found = Vec::new();
    let mut open = vec![prefix.cloned()];
    while let Some(prefix) = open.pop() {
        let level = one_level(tree, prefix.as_ref())?;
        found.extend(level.objects);
        open.extend(level.common_prefixes.into_iter().map(Some));
    }
    Ok(found)
}
