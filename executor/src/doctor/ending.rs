//! Removing what was written, and what the manager itself knows about where its values are.

use super::examine::{Asked, Exam, patiently};
use super::{Examination, Verdict};
use crate::policy::root;
use larder_io_core::ErrorKind;
use std::sync::Arc;
use tokio::time::Instant;

impl Exam<'_> {
    /// Not stopped by anybody: it is the cleaning up.
    pub(super) async fn delete(&mut self) {
        if !self.dirty {
            return self.tell(Examination::skipped("delete", "nothing was written"));
        }
        let context = self.probe.input();
        let began = Instant::now();
        let deleted = patiently(self.options.patience, async {
            self.manager.delete(&context).await?;
            self.manager.head(&context).await
        });
        let deleted = deleted.await;
        let left = format!(
            "remove what is left at `{}` in {}",
            self.probe.location,
            root(&self.info)
        );
        let told = match deleted {
            Ok(None) => Examination::fine("delete", "nothing is left"),
            Ok(Some(_)) => Examination::wrong("delete", "the value is still there after it was deleted").advised(left),
            Err(error) => Examination::failed("delete", error).advised(left),
        };
        self.tell(told.took(began.elapsed()));
    }

    /// What the manager itself knows about where its values are.
    pub(super) async fn survey(&mut self, failure: Option<ErrorKind>) {
        let manager = Arc::clone(&self.manager);
        let Some(maintenance) = manager.maintenance() else {
            return;
        };
        // What cannot be reached, or does not know us, would only say so again.
        if !matches!(
            failure,
            None | Some(ErrorKind::PermissionDenied | ErrorKind::Unsupported)
        ) {
            return self.tell(Examination::skipped("survey", "because of `write`"));
        }
        match self.ask(self.options.patience, maintenance.survey()).await {
            Asked::Answered(findings, _) => self.examined.extend(findings.into_iter().map(|finding| Examination {
                advice: finding.advice.clone(),
                ..Examination::new(
                    finding.what,
                    match finding.advice {
                        None => Verdict::Fine,
                        Some(_) => Verdict::Advised,
                    },
                    finding.answer,
                )
            })),
            // Values can be kept all the same.
            Asked::Failed(error, took) => self.tell(Examination {
                verdict: Verdict::Advised,
                ..Examination::failed("survey", error).took(took)
            }),
            Asked::Stopped => self.tell(Examination::skipped("survey", "stopped")),
        }
    }
}
