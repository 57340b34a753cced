//! Places in the file, for messages.

use larder_io_core::{Error, ErrorKind};
use std::fmt;
use std::sync::Arc;

/// A line and column of a file, both from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    file: Arc<str>,
    line: usize,
    column: usize,
}

impl Place {
    /// An error at this place.
    pub(crate) fn wrong(&self, problem: impl fmt::Display) -> Error {
        Error::new(ErrorKind::InvalidConfig, format!("{self}: {problem}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Finds places of one text.
pub(super) struct Places<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file: file.into(),
            text,
            lines: std::iter::once(0).chain(after).collect(),
        }
    }

    /// The place of a byte offset.
    pub(super) fn at(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(begin..offset.min(self.text.len())).unwrap_or_default();
        Place {
            file: Arc::clone(&self.file),
            line,
            column: before.chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters_from_one() {
        let places = Places::new("larder.toml", "a\n\"ü\" = b\n");
        for (offset, place) in [(0, "1:1"), (1, "1:2"), (2, "2:1"), (5, "2:3"), (11, "3:1"), (99, "3:1")] {
            assert_eq!(places.at(offset).to_string(), format!("larder.toml:{place}"));
        }
    }
}
