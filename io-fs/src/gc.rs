//! Cleaning up what crashes left behind.

use crate::error::disk as disk_error;
use crate::record::sidecar_name;
use crate::tree::{Tree, is_missing};
use larder_io_core::{Garbage, GcOptions, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Removes old staged files and sidecars that belong to no file. Nothing that was published is touched.
pub(crate) fn run(tree: &Tree, options: &GcOptions) -> Result<Vec<Garbage>> {
    let mut garbage = Vec::new();
    sweep(tree, options, &tree.names.staging(), "staged", &mut garbage, |_| true)?;
    if !files(tree, &tree.names.records())?.is_empty() {
        let mut used = HashSet::new();
        used_sidecars(tree, tree.names.root(), &mut used)?;
        sweep(tree, options, &tree.names.records(), "record", &mut garbage, |name| {
            !used.contains(name)
        })?;
    }
    Ok(garbage)
}

fn files(tree: &Tree, dir: &Path) -> Result<Vec<String>> {
    match tree.disk.read_dir(dir) {
        Ok(entries) => Ok(entries
            .into_iter()
            .filter(|entry| !entry.is_dir)
            .filter_map(|entry| entry.name.into_string().ok())
            .collect()),
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        Err(error) => Err(disk_error(error, "list", dir)),
    }
}

fn sweep(
    tree: &Tree,
    options: &GcOptions,
    dir: &Path,
    what: &'static str,
    garbage: &mut Vec<Garbage>,
    unused: impl Fn(&str) -> bool,
) -> Result<()> {
    let mut removed = false;
    for name in files(tree, dir)?.into_iter().filter(|name| unused(name)) {
        let path = dir.join(&name);
        // Gone since it was listed: its writer published or discarded it.
        let Some(opened) = tree.open(&path)? else { continue };
        let age = match what {
            // A long upload keeps its file young by writing to it; a restored version brings an old time with it, but
            // its name was drawn when the restore began.
            "staged" => age(opened.info.modified).min(age_of_name(&name)),
            _ => age(opened.info.modified),
        };
        if age < options.older_than {
            continue;
        }
        if !options.dry_run {
            match tree.disk.remove(&path) {
                Err(error) if !is_missing(&error) => return Err(disk_error(error, "remove", &path)),
                _ => removed = true,
            }
        }
        let shown = path
            .strip_prefix(tree.names.root())
            .unwrap_or(&path)
            .display()
            .to_string();
        garbage.push(Garbage::new(shown, what, opened.info.len, age));
    }
    if removed { tree.sync_dir(dir) } else { Ok(()) }
}

fn age(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}

/// Names of staged files begin with their time in milliseconds, in hexadecimal.
fn age_of_name(name: &str) -> Duration {
    let millis = name.get(..12).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    millis.map_or(Duration::MAX, |millis| {
        age(std::time::UNIX_EPOCH + Duration::from_millis(millis))
    })
}

/// The sidecar names of every file below a directory, staged ones and kept versions among them.
fn used_sidecars(tree: &Tree, dir: &Path, used: &mut HashSet<String>) -> Result<()> {
    let mut open: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        if dir == tree.names.records() {
            continue;
        }
        let entries = match tree.disk.read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(disk_error(error, "list", &dir)),
        };
        for entry in entries {
            let path = dir.join(&entry.name);
            if entry.is_dir {
                open.push(path);
            } else if let Ok(file) = tree.disk.open(&path)
                && let Ok(info) = file.info()
            {
                used.insert(sidecar_name(&info));
            }
        }
    }
    Ok(())
}
