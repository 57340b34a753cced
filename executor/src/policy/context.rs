//! What an error and a span say about the operation they belong to.

use larder_io_core::{Effect, Error, InputContext, Location, ManagerInfo, OutputContext, Retry};
use std::time::Duration;
use tracing::Span;
use tracing::field::display;

/// Where a manager keeps its values, for people: `s3://bucket/prefix`, `file:/data`.
pub(crate) fn root(info: &ManagerInfo) -> String {
    match info.root.contains("://") {
        true => info.root.clone(),
        false => format!("{}:{}", info.scheme, info.root),
    }
}

/// A manager's key and root, for messages: `warehouse (s3://bucket/prefix)`, `local (file:/data)`.
pub(crate) fn describe(key: &str, info: &ManagerInfo) -> String {
    format!("{key} ({})", root(info))
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Stage,
    Publish,
    Discard,
    Load,
    Head,
    Delete,
    List,
    History,
    Restore,
    Remove,
    Gc,
    Optimize,
    Vacuum,
    Survey,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Publish => "publish",
            Self::Discard => "discard",
            Self::Load => "load",
            Self::Head => "head",
            Self::Delete => "delete",
            Self::List => "list",
            Self::History => "history",
            Self::Restore => "restore",
            Self::Remove => "remove",
            Self::Gc => "gc",
            Self::Optimize => "optimize",
            Self::Vacuum => "vacuum",
            Self::Survey => "survey",
        }
    }
}

/// What it is done to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    Output(&'a OutputContext),
    Input(&'a InputContext),
    Below(Option<&'a Location>),
    Everything,
}

/// One operation on a manager.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation<'a> {
    pub(super) key: &'a str,
    /// As [`describe`] writes it.
    pub(super) manager: &'a str,
    pub(super) verb: Verb,
    pub(super) subject: Subject<'a>,
    /// Whether it takes part in the limit.
    pub(super) limited: bool,
}

impl Operation<'_> {
    /// The same outside of the limit: for what may be done in the middle of another operation.
    pub(super) fn unlimited(self) -> Self {
        Self { limited: false, ..self }
    }

    pub(super) fn key(&self) -> &str {
        self.key
    }

    /// Whether somebody may see what it does. Staging shows nothing (law 3).
    pub(super) fn writes(&self) -> bool {
        matches!(
            self.verb,
            Verb::Publish | Verb::Discard | Verb::Delete | Verb::Restore | Verb::Remove | Verb::Gc
        )
    }

    pub(super) fn span(&self) -> Span {
        let (name, manager) = (self.verb.name(), self.manager);
        match self.subject {
            Subject::Output(ctx) => tracing::debug_span!(
                "io", io_manager = manager, operation = name, asset = %ctx.asset, location = %ctx.location,
                partition = ctx.partition.as_ref().map(display), run = %ctx.run
            ),
            Subject::Input(ctx) => tracing::debug_span!(
                "io", io_manager = manager, operation = name, asset = %ctx.asset, location = %ctx.location,
                partition = ctx.partition.as_ref().map(display)
            ),
            Subject::Below(prefix) => {
                tracing::debug_span!(
                    "io",
                    io_manager = manager,
                    operation = name,
                    location = prefix.map(display)
                )
            }
            Subject::Everything => tracing::debug_span!("io", io_manager = manager, operation = name),
        }
    }

    /// Adds what the error is about; what it says already stays.
    pub(super) fn explain(&self, error: Error) -> Error {
        let error = error.with_context("operation", self.verb.name());
        let (error, asset, partition, location) = match self.subject {
            Subject::Output(ctx) => (error, Some(&ctx.asset), ctx.partition.as_ref(), Some(&ctx.location)),
            Subject::Input(ctx) => (error, Some(&ctx.asset), ctx.partition.as_ref(), Some(&ctx.location)),
            Subject::Below(prefix) => (error, None, None, prefix),
            Subject::Everything => (error, None, None, None),
        };
        let error = with(error, "asset", asset);
        let error = with(error, "partition", partition);
        let error = error.with_context("io_manager", self.manager);
        let error = with(error, "location", location);
        match self.subject {
            Subject::Output(ctx) => error.with_context("run", &ctx.run),
            _ => error,
        }
    }

    /// Tells of a failed attempt. Its message is left to whoever gets the error: it may quote an address.
    pub(super) fn failed(&self, error: &Error, attempt: u32, delay: Option<Duration>) {
        let (manager, operation, kind) = (self.manager, self.verb.name(), error.kind());
        let asset = match self.subject {
            Subject::Output(ctx) => Some(display(&ctx.asset)),
            Subject::Input(ctx) => Some(display(&ctx.asset)),
            _ => None,
        };
        let delay_ms = delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        let unknown = error.effect() == Effect::Unknown;
        // A plain answer, such as that nothing is stored there, is no trouble of the storage.
        if delay.is_none() && error.retry() == Retry::Never {
            tracing::debug!(io_manager = manager, operation, asset, ?kind, attempt, "failed");
        } else {
            let message = if delay.is_some() {
                "failed, tries again"
            } else {
                "failed"
            };
            tracing::warn!(
                io_manager = manager,
                operation,
                asset,
                ?kind,
                attempt,
                delay_ms,
                effect_unknown = unknown,
                "{message}"
            );
        }
    }
}

fn with(error: Error, name: &'static str, value: Option<impl std::fmt::Display>) -> Error {
    match value {
        Some(value) => error.with_context(name, value),
        None => error,
    }
}
