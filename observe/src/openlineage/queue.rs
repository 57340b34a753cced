//! Events on their way to an endpoint.

use super::HttpOptions;
use crate::endpoint::Endpoint;
use crate::told::{Once, together};
use larder_io_core::{Error, ErrorKind, Result, Secret};
use serde_json::Value as Json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How many events are still to be sent.
#[derive(Debug, Default)]
struct Pending {
    count: Mutex<usize>,
    changed: Condvar,
    /// Nobody waits any more: what is left is dropped.
    closed: AtomicBool,
}

impl Pending {
    fn change(&self, by: isize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_add_signed(by);
        self.changed.notify_all();
    }

    fn wait(&self, timeout: Duration) -> usize {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(count, timeout, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A bounded queue with a thread that sends what is in it, in order.
#[derive(Debug)]
pub(super) struct Queue {
    target: Arc<Target>,
    sender: SyncSender<Json>,
    pending: Arc<Pending>,
    flush: Duration,
    /// Events were dropped.
    full: Once,
    /// The end of a run did not wait for all.
    late: Once,
}

impl Queue {
    pub(super) fn new(target: Target, options: &HttpOptions) -> Result<Self> {
        let (sender, receiver) = sync_channel(options.queue.max(1));
        let pending = Arc::new(Pending::default());
        let shared = Arc::clone(&pending);
        let target = Arc::new(target);
        let theirs = Arc::clone(&target);
        let thread = thread::Builder::new().name("larder-openlineage".to_owned());
        thread
            .spawn(move || work(&theirs, &receiver, &shared))
            .map_err(|error| {
                Error::new(ErrorKind::Unavailable, "cannot start a thread that sends events").with_source(error)
            })?;
        Ok(Self {
            target,
            sender,
            pending,
            flush: options.flush,
            full: Once::default(),
            late: Once::default(),
        })
    }

    /// Never waits.
    pub(super) fn send(&self, event: Json) {
        self.pending.change(1);
        if let Err(error) = self.sender.try_send(event) {
            self.pending.change(-1);
            let why = match error {
                TrySendError::Full(_) => "they are made faster than the endpoint takes them",
                TrySendError::Disconnected(_) => "the thread that sends them is gone",
            };
            self.full.tell(|| {
                tracing::warn!("events of OpenLineage are dropped: {why}");
                format!("events of OpenLineage are dropped: {why}")
            });
        }
    }

    /// Waits until everything is sent or given up, or until the time is up.
    pub(super) fn flush(&self) {
        let left = self.pending.wait(self.flush);
        if left > 0 {
            self.late.tell(|| {
                tracing::warn!(left, "the run ends before all its events of OpenLineage are sent");
                format!("{left} events of OpenLineage were not sent when the run ended")
            });
        }
    }

    /// What was told.
    pub(super) fn trouble(&self) -> Option<String> {
        let troubles = [self.target.endpoint.trouble(), self.full.told(), self.late.told()];
        together(troubles)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // What a cancelled run still had to say. Usually there is nothing, and no time passes; where a run's end waited in vain, so would
        // this.
        if self.late.told().is_none() {
            self.pending.wait(self.flush);
        }
        self.pending.closed.store(true, Ordering::Relaxed);
    }
}

/// Who takes the events.
#[derive(Debug)]
pub(super) struct Target {
    endpoint: Endpoint,
    token: Option<Secret>,
}

impl Target {
    pub(super) fn new(endpoint: Endpoint, options: &HttpOptions) -> Self {
        Self {
            endpoint,
            token: options.token.clone(),
        }
    }

    fn send(&self, event: &Json) {
        let body = event.to_string();
        // What goes wrong is told by the endpoint.
        let _ = self.endpoint.send(|agent| {
            let request = agent.post(self.endpoint.url().as_str());
            let mut request = request.header("content-type", "application/json");
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {}", token.expose()));
            }
            Ok((request.send(&body)?.status().as_u16(), ()))
        });
    }
}

fn work(target: &Target, receiver: &Receiver<Json>, pending: &Pending) {
    for event in receiver {
        if pending.closed.load(Ordering::Relaxed) {
            break;
        }
        target.send(&event);
        pending.change(-1);
    }
}
