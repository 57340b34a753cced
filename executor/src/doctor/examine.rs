//! The course of an examination, and asking: with a stop and with patience.

use super::probe::Probe;
use super::{Diagnosis, DoctorOptions, Examination, Stop};
use crate::policy::root;
use larder_io_core::{Effect, Error, ErrorKind, IoManager, ManagerInfo, Precondition, Receipt, Result, Version};
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
    let root = root(&info);
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
    pub(super) examined: Vec<Examination>,
    /// Versions that were published, oldest first.
    pub(super) published: Vec<Version>,
    /// Whether something may be stored.
    pub(super) dirty: bool,
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
}

/// Waits for a call, but not for ever.
pub(super) async fn patiently<T>(patience: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
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
