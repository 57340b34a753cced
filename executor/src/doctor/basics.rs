//! Write, head, read, list, history.

use super::examine::{Asked, Exam};
use super::{Examination, Verdict};
use futures_util::TryStreamExt;
use larder_io_core::{Error, ErrorKind, Location, Precondition, Receipt, Result, Version};

impl Exam<'_> {
    /// A small value; the error's kind when there is none.
    pub(super) async fn write(&mut self) -> Result<Receipt, Option<ErrorKind>> {
        let stored = self.store(Precondition::None, 0).await;
        match stored.or_tell("write") {
            Ok((receipt, took)) => {
                let answer = format!("{} bytes as {}", receipt.bytes, receipt.format);
                self.tell(Examination::fine("write", answer).took(took));
                Ok(receipt)
            }
            Err(told) => {
                let kind = told.error.as_ref().map(Error::kind);
                self.tell(told);
                Err(kind)
            }
        }
    }

    pub(super) async fn head(&mut self, first: &Receipt) {
        let asked = self
            .ask(self.options.patience, self.manager.head(&self.probe.input()))
            .await;
        let told = asked.or_tell("head").map(|(found, took)| {
            let told = match found {
                None => Examination::wrong("head", "nothing is there right after a write"),
                Some(found) if found.version != first.version => {
                    Examination::wrong("head", "another version is there right after a write")
                }
                Some(found) if found.write != first.write => Examination::wrong(
                    "head",
                    "the receipt that was stored with the value is not that of the write",
                ),
                Some(_) => Examination::fine("head", "the receipt of the write"),
            };
            told.took(took)
        });
        self.tell(told.unwrap_or_else(|told| told));
    }

    pub(super) async fn read(&mut self, first: &Receipt) {
        let told = self.compared("read", 0, first).await;
        self.tell(told);
    }

    /// Loads and compares with the nth value.
    pub(super) async fn compared(&self, what: &'static str, nth: u8, written: &Receipt) -> Examination {
        let mut context = self.probe.input();
        context.verify = self.info.capabilities.verify;
        let compare = async {
            let loaded = self.manager.load_input(&context).await?;
            self.probe.difference(nth, loaded, written).await
        };
        match self.ask(self.options.patience, compare).await.or_tell(what) {
            Ok((None, took)) => Examination::fine(what, "what was written").took(took),
            Ok((Some(difference), took)) => Examination::wrong(what, difference).took(took),
            Err(told) => told,
        }
    }

    pub(super) async fn list(&mut self) {
        let location = self.probe.location.clone();
        let listed = async { self.manager.list(Some(&location)).try_collect::<Vec<Location>>().await };
        let told = self
            .ask(self.options.patience, listed)
            .await
            .or_tell("list")
            .map(|(stems, took)| {
                let told = match stems.iter().filter(|stem| **stem == location).count() {
                    0 => Examination::wrong("list", "the value that was written is not listed"),
                    1 => Examination::fine("list", "the value is listed"),
                    count => Examination::wrong("list", format!("the value is listed {count} times")),
                };
                told.took(took)
            });
        self.tell(told.unwrap_or_else(|told| told));
    }

    pub(super) async fn history(&mut self) {
        let told = self.examined_history().await;
        self.tell(told);
    }

    async fn examined_history(&self) -> Examination {
        let what = "history";
        if !self.info.capabilities.versions {
            return Examination::skipped(what, "not claimed: old versions are not kept");
        }
        let Some(versions) = self.manager.versions() else {
            return Examination::wrong(what, "old versions are claimed, and none can be asked for");
        };
        let (kept, took) = match self
            .ask(self.options.patience, versions.history(&self.probe.input()))
            .await
        {
            Asked::Failed(error, took) if error.kind() == ErrorKind::Unsupported => {
                let told = Examination::new(what, Verdict::Advised, "old versions cannot be had");
                let advice = error.message().to_owned();
                return told.advised(advice).took(took);
            }
            asked => match asked.or_tell(what) {
                Ok(answer) => answer,
                Err(told) => return told,
            },
        };
        let keeps = |version: &Version| kept.iter().any(|receipt| receipt.version == *version);
        let told = match self.published.split_last() {
            Some((current, _)) if !keeps(current) => {
                Examination::wrong(what, "the published version is not in the history")
            }
            Some((_, old)) if !old.iter().all(keeps) => {
                let told = Examination::new(what, Verdict::Advised, "a value that was replaced is not kept");
                told.advised("for old versions, have the storage keep them: a bucket's versioning, a disk's or memory's `history`")
            }
            _ => Examination::fine(what, format!("{} kept", kept.len())),
        };
        told.took(took)
    }
}
