//! The examination of one manager, from the first write to the last delete.

use super::probe::Probe;
use super::{Diagnosis, DoctorOptions, Examination, Stop, Verdict};
use futures_util::TryStreamExt;
use larder_io_core::{
    Effect, Error, ErrorKind, IoManager, Location, ManagerInfo, Precondition, Receipt, Result, Version,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const DEPENDENT: [&str; 5] = ["head", "read", "conditional writes", "list", "history"];

/// Examines one manager.
pub(super) async fn diagnose<'e>(
    key: String,
    manager: Arc<dyn IoManager>,
    options: &'e DoctorOptions,
    stop: Stop<'e>,
) -> Diagnosis {
    let info = manager.info().clone();
    let root = format!("{}:{}", info.scheme, info.root);
    let examined = match Probe::new(info.forms) {
        Err(error) => vec![Examination::failed("write", error)],
        Ok(None) => {
            let answer = format!("it takes {}, of which nothing can be written here", info.forms);
            vec![Examination::skipped("write", answer)]
        }
        Ok(Some(probe)) => Exam::new(manager, info, probe, options, stop).run().await,
    };
    Diagnosis {
        io_manager: key,
        root,
        examined,
    }
}

/// What became of a call.
pub(super) enum Asked<T> {
    Answered(T, Duration),
    Failed(Error, Duration),
    /// Nobody wants to know any more.
    Stopped,
}

impl<T> Asked<T> {
    /// What was answered; else what to tell.
    pub(super) fn or_tell(self, what: &'static str) -> Result<(T, Duration), Examination> {
        match self {
            Self::Answered(answer, took) => Ok((answer, took)),
            Self::Failed(error, took) => Err(Examination::failed(what, error).took(took)),
            Self::Stopped => Err(Examination::skipped(what, "stopped")),
        }
    }
}

/// One examination in its course.
pub(super) struct Exam<'e> {
    pub(super) manager: Arc<dyn IoManager>,
    pub(super) info: ManagerInfo,
    pub(super) probe: Probe,
    pub(super) options: &'e DoctorOptions,
    stop: Stop<'e>,
    examined: Vec<Examination>,
    /// Versions that were published, oldest first.
    pub(super) published: Vec<Version>,
    /// Whether something may be stored.
    dirty: bool,
}

impl<'e> Exam<'e> {
    fn new(
        manager: Arc<dyn IoManager>,
        info: ManagerInfo,
        probe: Probe,
        options: &'e DoctorOptions,
        stop: Stop<'e>,
    ) -> Self {
        Self {
            manager,
            info,
            probe,
            options,
            stop,
            examined: Vec::new(),
            published: Vec::new(),
            dirty: false,
        }
    }

    pub(super) fn tell(&mut self, examination: Examination) {
        self.examined.push(examination);
    }

    /// Asks the manager, as long as somebody wants to know and `patience` lasts.
    pub(super) async fn ask<T>(&self, patience: Duration, call: impl Future<Output = Result<T>>) -> Asked<T> {
        let began = Instant::now();
        tokio::select! {
            biased;
            () = self.stop.clone() => Asked::Stopped,
            answer = patiently(patience, call) => match answer {
                Ok(answer) => Asked::Answered(answer, began.elapsed()),
                Err(error) => Asked::Failed(error, began.elapsed()),
            },
        }
    }

    async fn run(mut self) -> Vec<Examination> {
        let failure = match self.write().await {
            Ok(first) => {
                self.head(&first).await;
                self.read(&first).await;
                let condition = self.conditional_writes(&first).await;
                self.list().await;
                self.history().await;
                if let Some(bytes) = self.options.large {
                    self.large(bytes, condition).await;
                }
                None
            }
            Err(failure) => {
                let large = self.options.large.map(|_| super::large::WHAT);
                for what in DEPENDENT.into_iter().chain(large) {
                    self.tell(Examination::skipped(what, "because of `write`"));
                }
                failure
            }
        };
        self.delete().await;
        self.survey(failure).await;
        self.examined
    }

    /// A small value; the error's kind when there is none.
    async fn write(&mut self) -> Result<Receipt, Option<ErrorKind>> {
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

    /// Stores the nth value.
    pub(super) async fn store(&mut self, precondition: Precondition, nth: u8) -> Asked<Receipt> {
        let value = match self.probe.value(nth) {
            Ok(value) => value,
            Err(error) => return Asked::Failed(error, Duration::ZERO),
        };
        let context = self.probe.output(precondition);
        let manager = Arc::clone(&self.manager);
        let asked = self
            .ask(self.options.patience, manager.handle_output(&context, &value))
            .await;
        self.note(&asked);
        asked
    }

    /// Remembers what a write left.
    pub(super) fn note(&mut self, asked: &Asked<Receipt>) {
        match asked {
            Asked::Answered(receipt, _) => {
                self.published.push(receipt.version.clone());
                self.dirty = true;
            }
            Asked::Failed(error, _) => self.dirty |= error.effect() == Effect::Unknown,
            Asked::Stopped => self.dirty = true,
        }
    }

    async fn head(&mut self, first: &Receipt) {
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

    async fn read(&mut self, first: &Receipt) {
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

    async fn list(&mut self) {
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

    async fn history(&mut self) {
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

    /// Not stopped by anybody: it is the cleaning up.
    async fn delete(&mut self) {
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
            "remove what is left at `{}` in {}:{}",
            self.probe.location, self.info.scheme, self.info.root
        );
        let told = match deleted {
            Ok(None) => Examination::fine("delete", "nothing is left"),
            Ok(Some(_)) => Examination::wrong("delete", "the value is still there after it was deleted").advised(left),
            Err(error) => Examination::failed("delete", error).advised(left),
        };
        self.tell(told.took(began.elapsed()));
    }

    /// What the manager itself knows about where its values are.
    async fn survey(&mut self, failure: Option<ErrorKind>) {
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

/// Waits for a call, but not for ever.
async fn patiently<T>(patience: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(patience, call).await {
        Ok(answer) => answer,
        Err(_) => {
            let message = format!(
                "no answer within {} s; see whether its address is right, and whether a network, proxy or firewall is in between",
                patience.as_secs()
            );
            Err(Error::new(ErrorKind::Timeout, message))
        }
    }
}
