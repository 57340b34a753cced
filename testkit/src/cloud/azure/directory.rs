//! The directories of a hierarchical account.

use crate::cloud::error::Reason;
use crate::cloud::state::State;

/// The directories above a key.
fn parents(key: &str) -> impl Iterator<Item = &str> {
    key.match_indices('/')
        .map(|(end, _)| &key[..end])
        .filter(|parent| !parent.is_empty())
}

/// Makes the directories above a key, which stay when the key is deleted.
pub(in crate::cloud) fn make(state: &mut State, bucket: &str, key: &str) {
    if !state.options.hierarchical {
        return;
    }
    if let Ok(bucket) = state.bucket_mut(bucket) {
        bucket.directories.extend(parents(key).map(str::to_owned));
    }
}

/// Refuses a blob where a directory is, or below another blob.
pub(super) fn refuse(state: &State, bucket: &str, key: &str) -> Result<(), Reason> {
    if !state.options.hierarchical {
        return Ok(());
    }
    let bucket = state.bucket(bucket)?;
    let below = parents(key).any(|parent| bucket.current(parent).is_some());
    if below || bucket.directories.contains(key) {
        Err(Reason::WrongResource)
    } else {
        Ok(())
    }
}

/// Deletes a directory if it is one and is empty; says whether it was one.
pub(super) fn delete(state: &mut State, bucket: &str, key: &str) -> Result<bool, Reason> {
    let bucket = state.bucket_mut(bucket)?;
    if !bucket.directories.contains(key) {
        return Ok(false);
    }
    let inside = format!("{key}/");
    let current = bucket
        .histories
        .iter()
        .filter(|(_, history)| history.current().is_some());
    let mut names = current.map(|(name, _)| name).chain(&bucket.directories);
    if names.any(|name| name.starts_with(&inside)) {
        return Err(Reason::DirectoryIsNotEmpty);
    }
    bucket.directories.remove(key);
    Ok(true)
}
