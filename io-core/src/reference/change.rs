//! What became of a target that is not what was recorded any more.

use super::{DataRef, TargetFacts};
use crate::error::{Error, ErrorKind};

/// Columns that a message names at most.
const NAMED: usize = 5;

impl DataRef {
    /// The error of a target that is gone.
    pub fn deleted(&self, cause: Error) -> Error {
        let message = format!(
            "`{}` was deleted, or cannot be found any more; restore it, or materialize the reference again ({})",
            self.shown(),
            cause.message()
        );
        Error::new(ErrorKind::InvalidData, message).with_source(cause)
    }

    /// The error of a target that is not what was recorded, with everything that differs.
    pub fn changed(&self, now: &TargetFacts, cause: Error) -> Error {
        let message = format!(
            "`{}` is not what was recorded: {}; restore it, materialize the reference again, or take `.latest()`",
            self.shown(),
            self.differences(now).join("; ")
        );
        Error::new(ErrorKind::InvalidData, message).with_source(cause)
    }

    fn differences(&self, now: &TargetFacts) -> Vec<String> {
        let mut found = Vec::new();
        let columns = now.columns();
        if let (Some(had), Some(has)) = (self.bytes, now.bytes)
            && self.files.is_none()
            && has < had
        {
            // What was cut can no longer be read; where that cannot be told, it may be a smaller one in its place.
            let what = match (&self.columns, &columns) {
                (Some(_), None) => "it was truncated",
                (Some(_), Some(_)) => "it is smaller",
                (None, _) => "it was truncated, or replaced by something smaller",
            };
            found.push(format!("{what}: it had {had} bytes and has {has}"));
        }
        if let (Some(had), Some(has)) = (&self.columns, &columns)
            && had != has
        {
            found.push(format!("it has another schema: {}", of_columns(had, has)));
        }
        if let (Some(had), Some(has)) = (self.files, now.files)
            && had != has
        {
            found.push(format!("it had {had} files and has {has}"));
        }
        let had = stand(self.version.as_deref(), self.bytes, self.modified);
        let has = stand(
            now.version.as_ref().map(|version| version.as_str()),
            now.bytes,
            now.modified,
        );
        let alike = self.bytes.is_some()
            && self.bytes == now.bytes
            && self.modified.is_some()
            && self.modified == now.modified
            && self.uri.to_ascii_lowercase().starts_with("file:");
        let alike = match alike {
            true => {
                ", of the same size and time: its time was put back after it was written, or only its rights, its owner or its names changed"
            }
            false => "",
        };
        found.push(format!("it was replaced: it had {had} and has {has}{alike}"));
        found
    }
}

/// Which one it is, for people.
fn stand(version: Option<&str>, bytes: Option<u64>, modified: Option<jiff::Timestamp>) -> String {
    let version = version.map_or_else(|| "no version".to_owned(), |version| format!("version `{version}`"));
    let more = [
        bytes.map(|bytes| format!("{bytes} bytes")),
        modified.map(|modified| format!("of {modified}")),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    match more.is_empty() {
        true => version,
        false => format!("{version} ({})", more.join(", ")),
    }
}

/// Which columns came and went.
fn of_columns(had: &[String], has: &[String]) -> String {
    let only = |here: &[String], there: &[String]| -> Vec<String> {
        let lacks = here.iter().filter(|column| !there.contains(column));
        lacks.map(|column| format!("`{column}`")).collect()
    };
    let named = |columns: &[String]| match columns.len() {
        0 => "nothing".to_owned(),
        _ => {
            let more = columns.len().saturating_sub(NAMED);
            let first = columns[..columns.len() - more].join(", ");
            if more == 0 {
                first
            } else {
                format!("{first} and {more} more")
            }
        }
    };
    match (only(had, has), only(has, had)) {
        (gone, came) if gone.is_empty() && came.is_empty() => "its columns are in another order".to_owned(),
        (gone, came) => format!("{} is gone, {} came", named(&gone), named(&came)),
    }
}
