//! Whether writes under preconditions hold: a store that accepts them and does not look at them loses updates.

use super::examine::{Asked, Exam};
use super::{Examination, Verdict};
use larder_io_core::{Error, ErrorKind, Precondition, Receipt, Version};
use std::time::Duration;

const WHAT: &str = "conditional writes";

/// What to do about a store that ignores preconditions.
pub(super) const ADVICE: &str = "two writers at once would replace each other's values unseen: set `preconditions = false` for this \
    I/O manager, so that nothing relies on them, and let one process at a time write; or use a store that honours conditional writes";

/// What became of a write that had to be refused.
pub(super) enum Refusal {
    /// As it should be.
    Refused,
    /// It is something to tell.
    Other(Examination),
}

/// Judges a write whose precondition did not hold.
pub(super) fn refusal(what: &'static str, condition: &str, asked: Asked<Receipt>) -> Refusal {
    match asked {
        Asked::Failed(error, _) if error.kind() == ErrorKind::Conflict => Refusal::Refused,
        Asked::Answered(_, took) => {
            let answer = format!("ignored: a write that wanted {condition} replaced the value");
            Refusal::Other(Examination::wrong(what, answer).advised(ADVICE).took(took))
        }
        Asked::Failed(error, took) => Refusal::Other(refused_otherwise(what, error, took)),
        Asked::Stopped => Refusal::Other(Examination::skipped(what, "stopped")),
    }
}

/// An error that is none of precondition.
pub(super) fn refused_otherwise(what: &'static str, error: Error, took: Duration) -> Examination {
    // Then there are none, whatever the manager claims.
    let unsupported = error.kind() == ErrorKind::Unsupported;
    let told = Examination::failed(what, error).took(took);
    if unsupported { told.advised(ADVICE) } else { told }
}

impl Exam<'_> {
    /// Tells whether they hold; gives the published version where they do.
    pub(super) async fn conditional_writes(&mut self, first: &Receipt) -> Option<Version> {
        if !self.info.capabilities.preconditions {
            let answer = "not claimed: of two writers at once the last one wins";
            self.tell(Examination::skipped(WHAT, answer));
            return None;
        }
        match self.judged(first).await {
            Ok((current, took)) => {
                self.tell(Examination::fine(WHAT, "hold").took(took));
                Some(current)
            }
            Err(told) => {
                self.tell(told);
                None
            }
        }
    }

    async fn judged(&mut self, first: &Receipt) -> Result<(Version, Duration), Examination> {
        let old = || Precondition::Unchanged(first.version.clone());
        self.must_refuse(Precondition::Absent, "nothing to be there", 1, (0, first))
            .await?;
        let (second, took) = match self.store(old(), 2).await {
            Asked::Failed(error, took) if error.kind() == ErrorKind::Conflict => {
                let answer = "a write that wanted the published version to be there was refused";
                let told = Examination::wrong(WHAT, answer).advised(ADVICE).took(took);
                return Err(Examination {
                    error: Some(error),
                    ..told
                });
            }
            Asked::Failed(error, took) => return Err(refused_otherwise(WHAT, error, took)),
            asked => asked.or_tell(WHAT)?,
        };
        self.must_refuse(old(), "an old version to be there", 3, (2, &second))
            .await?;
        Ok((second.version, took))
    }

    /// Stores the nth value, which must be refused and leave the one that is there.
    async fn must_refuse(
        &mut self,
        precondition: Precondition,
        condition: &str,
        nth: u8,
        (kept, receipt): (u8, &Receipt),
    ) -> Result<(), Examination> {
        let asked = self.store(precondition, nth).await;
        match refusal(WHAT, condition, asked) {
            Refusal::Refused => {}
            Refusal::Other(told) => return Err(told),
        }
        let now = self.compared(WHAT, kept, receipt).await;
        match (now.verdict, &now.error) {
            (Verdict::Fine, _) => Ok(()),
            (Verdict::Wrong, None) => {
                let answer = "a write was refused, and replaced the value all the same";
                Err(Examination::wrong(WHAT, answer).advised(ADVICE))
            }
            _ => Err(now),
        }
    }
}
