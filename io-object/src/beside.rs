//! Publishing a value that may be stored in several formats, each at a place of its own.
//!
//! Where values are at several places, the first of them counts. So a value at a later place is published by the moment
//! in which those before it are gone, one at an earlier place by its own put; what it replaces is removed only if it still
//! is the version that was there before. Two writers never remove each other's value: one of them stays, whole. A store
//! that can hold others off does so meanwhile; only such a one compares and changes several places in one step, so that it
//! alone takes preconditions there.

use crate::core::{Core, path, suffixed};
use crate::format::of_suffix;
use crate::store::Purpose;
use larder_io_core::{Error, ErrorKind, Form, InputContext, Precondition, Result, Version};
use object_store::path::Path;

/// A value at one of the places.
struct Standing {
    path: Path,
    version: Version,
    /// Whether a load in this form would take it.
    counts: bool,
    /// Whether this asset made it.
    ours: bool,
    /// Whether it is at the place that will be written.
    own: bool,
    /// Whether it is at a place before that.
    before: bool,
}

impl Standing {
    /// Whether a value that was stored under this precondition may replace it.
    fn replaced_under(&self, asked: &Precondition) -> bool {
        match asked {
            Precondition::None => true,
            Precondition::Absent => false,
            Precondition::Unchanged(version) => self.version == *version,
        }
    }
}

/// What is at the places of a value before one of them is written.
pub(crate) struct Beside(Vec<Standing>);

impl Beside {
    /// What must hold of the place that is written, so that the precondition holds of the value.
    ///
    /// # Errors
    /// `Conflict` when it does not hold already.
    pub(crate) fn condition(&self, asked: &Precondition) -> Result<Precondition> {
        let published = self.0.iter().find(|standing| standing.counts);
        let own = self.0.iter().find(|standing| standing.own);
        // What is at the own place and does not count is left over from another form, or from a writer that was killed.
        let left_over = match own {
            Some(own) if own.ours => Precondition::Unchanged(own.version.clone()),
            _ => Precondition::Absent,
        };
        match (asked, published) {
            (Precondition::None, _) => Ok(Precondition::None),
            (Precondition::Absent, None) => Ok(left_over),
            (Precondition::Unchanged(wanted), Some(published)) if published.version == *wanted => {
                Ok(if published.own { asked.clone() } else { left_over })
            }
            (_, found) => {
                let found = found.map_or("nothing".to_owned(), |found| {
                    format!("`{}`, version {}", found.path, found.version)
                });
                let wanted = match asked {
                    Precondition::Unchanged(version) => format!("version {version}"),
                    _ => "nothing".to_owned(),
                };
                let message =
                    format!("the value was changed by somebody else: {wanted} was expected, {found} is there");
                Err(Error::new(ErrorKind::Conflict, message))
            }
        }
    }
}

impl Core {
    /// What is at the places of a value, when it has several or may have had another form; `own` is the one to write.
    pub(crate) async fn beside(&self, ctx: &InputContext, own: &Path, always: bool) -> Result<Option<Beside>> {
        let (right, _) = self.suffixes(ctx);
        if right.len() == 1 && !always {
            return Ok(None);
        }
        let mut places = Vec::new();
        let mut before = true;
        for suffix in &right {
            let Ok(at) = suffixed(&ctx.location, suffix).and_then(|location| path(&location)) else {
                continue;
            };
            let is_own = at == *own;
            before &= !is_own;
            let Some(found) = self.open(ctx, suffix, None, Purpose::Receipt).await? else {
                continue;
            };
            // A damaged receipt says nothing of the form; what it lies with is replaced like any other value.
            let receipt = found
                .reader
                .receipt()
                .and_then(|_| self.receipt(&at, found.reader.as_ref()).ok());
            places.push(Standing {
                version: found.reader.version().clone(),
                counts: self.counts(ctx, &found).unwrap_or(true),
                ours: receipt.is_some_and(|receipt| receipt.asset == ctx.asset),
                path: at,
                own: is_own,
                before,
            });
        }
        Ok(Some(Beside(places)))
    }

    /// Removes what a value replaced at its other places, after its own was written.
    ///
    /// # Errors
    /// When something is left that would be loaded instead; `Conflict` when another writer replaced it first, whose
    /// value stays.
    pub(crate) async fn retire(
        &self,
        beside: &Beside,
        asked: &Precondition,
        own: &Path,
        version: &Version,
    ) -> Result<()> {
        let first = beside.0.iter().find(|standing| standing.counts);
        if let Some(first) = first.filter(|first| first.before && !first.replaced_under(asked)) {
            return self.lost(&first.path, own, version).await;
        }
        // What counts goes last: until then it is what loads give.
        for other in beside.0.iter().rev().filter(|other| !other.own) {
            let decides = other.before && other.counts;
            if !decides && !other.ours {
                continue;
            }
            match self.store.delete_version(&other.path, &other.version).await {
                Ok(true) => {}
                Ok(false) if *asked == Precondition::Unchanged(other.version.clone()) => {
                    return self.lost(&other.path, own, version).await;
                }
                // Another writer came after this one.
                Ok(false) => {}
                Err(error) if decides => return Err(error),
                // Nobody loads it; the next publish tries again.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Takes a value back that another writer's came before.
    async fn lost(&self, winner: &Path, own: &Path, version: &Version) -> Result<()> {
        // The conflict is what there is to tell; what stays is not loaded.
        let _ = self.store.delete_version(own, version).await;
        let message = format!("`{winner}` was changed by somebody else while the value was published");
        Err(Error::new(ErrorKind::Conflict, message))
    }

    /// Whether a table is at a place where an object's rows may be too.
    pub(crate) fn shared(ctx: &InputContext, own: &Path) -> bool {
        let suffix = own
            .filename()
            .and_then(|name| name.rsplit_once('.'))
            .map(|(_, suffix)| suffix);
        ctx.form == Some(Form::Table) && suffix.is_some_and(|suffix| of_suffix(suffix).0 == Form::Table)
    }
}
