//! How often values are loaded: one byte for each load, in a file for each location.
//!
//! A count is a hint for choosing formats. It is appended without a lock, which is exact also between processes, never
//! synced, and no error of it is told: a load must not fail because somebody counts. So these calls do not go through
//! [`Disk`](crate::disk::Disk), whose calls are those that promises rest on.

use crate::store::blocking;
use crate::tree::Tree;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Loads up to which is counted, so that the file of a value that is never stored again stays small.
const MOST_LOADS: u64 = 4096;

fn file(tree: &Tree, stem: &str) -> PathBuf {
    tree.names.loads().join(blake3::hash(stem.as_bytes()).to_hex().as_str())
}

/// Counts one load.
pub(crate) async fn add(tree: Arc<Tree>, stem: String) {
    let counted = blocking(move || {
        let path = file(&tree, &stem);
        let append = || OpenOptions::new().append(true).create(true).open(&path);
        let file = append().or_else(|_| {
            // Where larder keeps nothing of its own, nothing is counted either. That the folder cannot be made may mean
            // that another process has just made it: the second try tells.
            let _ = std::fs::create_dir(tree.names.loads());
            append()
        });
        if let Ok(mut file) = file
            && file.metadata().is_ok_and(|metadata| metadata.len() < MOST_LOADS)
        {
            // Without room on the disk, or without the right to write, nothing is counted.
            let _ = file.write_all(b".");
        }
        Ok(())
    });
    let _ = counted.await;
}

/// The loads counted.
pub(crate) async fn count(tree: Arc<Tree>, stem: String) -> u64 {
    let counted = blocking(move || Ok(std::fs::metadata(file(&tree, &stem)).map_or(0, |metadata| metadata.len())));
    counted.await.unwrap_or(0)
}

/// Begins again at 0.
pub(crate) async fn reset(tree: Arc<Tree>, stem: String) {
    let removed = blocking(move || {
        // Most values were never loaded.
        let _ = std::fs::remove_file(file(&tree, &stem));
        Ok(())
    });
    let _ = removed.await;
}
