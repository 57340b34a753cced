//! Which versions of an asset are kept, and who says so.

use super::Definitions;
use super::binding::{Binder, Bound};
use super::opening::Refused;
use crate::asset::OutputSpec;
use larder_io_core::{AssetKey, Retention};
use std::num::NonZeroUsize;

/// A retention, and the reason for it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) retention: Retention,
    pub(crate) because: String,
}

impl Definitions {
    /// Says how long the versions of every asset are kept that the I/O manager with this key stores, unless the asset itself or a line of
    /// `[retention]` says otherwise. Without it, as the manager's own settings say: on local disk and in memory five versions, in a
    /// bucket whatever it keeps.
    ///
    /// Local disk and memory remove versions when a new one is published; elsewhere, and where time has passed, `gc` does.
    #[must_use]
    pub fn retention(mut self, io_manager: impl Into<String>, retention: Retention) -> Self {
        self.retentions.insert(io_manager.into(), retention);
        self
    }
}

impl Binder<'_> {
    /// The most specific wins: the asset's own, a pattern of the profile, a pattern of the base, the manager's.
    pub(crate) fn kept(
        &self,
        output: &OutputSpec,
        key: &AssetKey,
        group: Option<&str>,
        bound: &Bound,
    ) -> Result<Option<Kept>, Refused> {
        if self.definitions().everything_as_is {
            // Only read.
            return Ok(None);
        }
        let kept = match &output.retention {
            Some(text) => Some(Kept {
                retention: text
                    .parse::<Retention>()
                    .map_err(|error| Refused::from(error).about("retention"))?,
                because: "the asset says so".to_owned(),
            }),
            None => match self.config().retention.of(key, group).map_err(Refused::placed)? {
                Some((line, of_profile)) => Some(Kept {
                    retention: line.retention,
                    because: format!(
                        "{} says so for `{}`",
                        self.config().told(&line.place, of_profile),
                        line.pattern.as_str()
                    ),
                }),
                None => bound.retention.map(|retention| Kept {
                    retention,
                    because: format!("the I/O manager `{}` is set so", bound.key),
                }),
            },
        };
        let Some(kept) = kept else { return Ok(None) };
        let shared = bound.manager.versions().is_some_and(|versions| !versions.removes());
        if shared && kept.retention.counts() {
            let message = format!(
                "its retention is `{}`, because {}, but the I/O manager `{}` keeps versions that share files and can only be removed by age; write `30 days`, or `forever`",
                kept.retention, kept.because, bound.key
            );
            return Err(Refused::from(message).about("retention"));
        }
        let none = Retention::last(NonZeroUsize::MIN);
        if kept.retention != none && !bound.manager.info().capabilities.versions {
            let message = format!(
                "its old versions are to be kept ({}, because {}), but the I/O manager `{}` keeps none",
                kept.retention, kept.because, bound.key
            );
            return Err(Refused::from(message).about("retention"));
        }
        Ok(Some(kept))
    }
}
