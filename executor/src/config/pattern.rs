//! Patterns that bind assets to managers.

use super::item::Entry;
use super::place::Place;
use crate::selection;
use larder_io_core::AssetKey;

/// What assets a line of `[bind]` means, in the words of a selection: `reports/*`, `raw/flights`, `group:raw`.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(String);

/// One line of `[bind]`.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(crate) pattern: Pattern,
    pub(crate) place: Place,
    /// A manager's key, before variables are put in.
    pub(crate) manager: String,
    pub(crate) manager_place: Place,
    /// Settings of the manager for these assets alone.
    pub(crate) settings: Vec<Entry>,
}

/// How specific a pattern is; the greater one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A key's pattern that begins with `*`.
    Anything,
    /// A group. Its name is no prefix of a key, so there is no length to compare.
    Group,
    /// A key's pattern, by the bytes before its first `*`.
    Prefix(usize),
    /// One asset.
    Exact,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed != text {
            return Err(format!(
                "`{text}` is no pattern; write a key, `reports/*`, `group:raw` or `*`"
            ));
        }
        if text.starts_with("group:") && text.contains('*') {
            return Err(format!("`{text}` holds a `*`, but a group is named whole: `group:raw`"));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn fits(&self, key: &AssetKey, group: Option<&str>) -> bool {
        selection::fits(&self.0, key, group)
    }

    pub(crate) fn rank(&self) -> Rank {
        if self.0.starts_with("group:") {
            return Rank::Group;
        }
        match self.0.find('*').filter(|_| !self.0.starts_with("key:")) {
            Some(0) => Rank::Anything,
            Some(at) => Rank::Prefix(at),
            None => Rank::Exact,
        }
    }
}

/// The most specific of the patterns that fit.
///
/// # Errors
/// Two that are equally specific.
pub(crate) fn find<'b>(
    bindings: &'b [Binding],
    key: &AssetKey,
    group: Option<&str>,
) -> Result<Option<&'b Binding>, (&'b Binding, &'b Binding)> {
    let mut best: Option<(Rank, &Binding)> = None;
    let mut rival = None;
    for binding in bindings.iter().filter(|binding| binding.pattern.fits(key, group)) {
        let rank = binding.pattern.rank();
        match best {
            Some((known, _)) if known > rank => {}
            Some((known, other)) if known == rank => rival = Some((other, binding)),
            _ => (best, rival) = (Some((rank, binding)), None),
        }
    }
    match rival {
        Some(rivals) => Err(rivals),
        None => Ok(best.map(|(_, binding)| binding)),
    }
}
