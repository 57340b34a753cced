//! Patterns that bind assets to managers.

use super::item::Entry;
use super::place::Place;
use crate::selection;
use larder_io_core::{AssetKey, Retention};

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

/// One line of `[retention]`: how long versions of these assets are kept.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) pattern: Pattern,
    pub(crate) place: Place,
    pub(crate) retention: Retention,
}

/// Something that is said of the assets that fit a pattern.
pub(crate) trait Line {
    fn pattern(&self) -> &Pattern;
    fn place(&self) -> &Place;
}

impl Line for Binding {
    fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    fn place(&self) -> &Place {
        &self.place
    }
}

impl Line for Kept {
    fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    fn place(&self) -> &Place {
        &self.place
    }
}

/// The most specific of the lines that fit.
///
/// # Errors
/// Two that are equally specific.
fn find<'l, L: Line>(lines: &'l [L], key: &AssetKey, group: Option<&str>) -> Result<Option<&'l L>, (&'l L, &'l L)> {
    let mut best: Option<(Rank, &L)> = None;
    let mut rival = None;
    for line in lines.iter().filter(|line| line.pattern().fits(key, group)) {
        let rank = line.pattern().rank();
        match best {
            Some((known, _)) if known > rank => {}
            Some((known, other)) if known == rank => rival = Some((other, line)),
            _ => (best, rival) = (Some((rank, line)), None),
        }
    }
    match rival {
        Some(rivals) => Err(rivals),
        None => Ok(best.map(|(_, line)| line)),
    }
}

/// Lines of the profile and of the base.
pub(crate) struct Lines<L> {
    pub(super) of_profile: Vec<L>,
    pub(super) of_base: Vec<L>,
}

impl<L> Default for Lines<L> {
    fn default() -> Self {
        Self {
            of_profile: Vec::new(),
            of_base: Vec::new(),
        }
    }
}

impl<L: Line> Lines<L> {
    /// The line for an asset: the profile's before the base's, of each the most specific. The second says whether it is the
    /// profile's.
    ///
    /// # Errors
    /// `InvalidConfig` for two lines that are equally specific.
    pub(crate) fn of(&self, key: &AssetKey, group: Option<&str>) -> larder_io_core::Result<Option<(&L, bool)>> {
        for (lines, of_profile) in [(&self.of_profile, true), (&self.of_base, false)] {
            match find(lines, key, group) {
                Ok(Some(line)) => return Ok(Some((line, of_profile))),
                Ok(None) => {}
                Err((one, other)) => {
                    let problem = format!(
                        "`{}` fits `{key}`, but `{}` (at {}) fits as well, and neither is more specific; name `{key}` by its whole key",
                        other.pattern().as_str(),
                        one.pattern().as_str(),
                        one.place()
                    );
                    return Err(other.place().wrong(problem));
                }
            }
        }
        Ok(None)
    }

    /// Every line, the profile's first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&L, bool)> {
        let of_profile = self.of_profile.iter().map(|line| (line, true));
        of_profile.chain(self.of_base.iter().map(|line| (line, false)))
    }
}
