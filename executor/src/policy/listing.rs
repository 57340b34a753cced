//! Listings that begin again after an error.

use super::Stack;
use super::context::{Subject, Verb};
use super::retry::retryable;
use super::timeout::Attempt;
use futures_util::stream::{self, BoxStream, StreamExt};
use larder_io_core::{ContentHash, Error, Location, Result};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Locations remembered at most, 16 bytes and the table's own of each: after as many a listing cannot begin again.
const REMEMBERED: usize = 1 << 20;

/// Lists through the policies. Each location is an operation of its own: while the consumer does something else, the
/// listing has no part in the limit, and its time does not run.
pub(super) fn list(stack: &Arc<Stack>, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
    let listing = Listing {
        stack: Arc::clone(stack),
        prefix: prefix.cloned(),
        state: Mutex::new(State {
            stream: None,
            yielded: Some(HashSet::new()),
        }),
    };
    let locations = stream::unfold(Some(listing), |listing| async {
        let listing = listing?;
        match listing.next().await {
            Ok(Some(location)) => Some((Ok(location), Some(listing))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    locations.boxed()
}

struct Listing {
    stack: Arc<Stack>,
    prefix: Option<Location>,
    state: Mutex<State>,
}

struct State {
    stream: Option<BoxStream<'static, Result<Location>>>,
    /// What the consumer has; `None` when it is too much.
    yielded: Option<HashSet<u128>>,
}

impl State {
    /// Whether the consumer does not have it yet.
    fn note(&mut self, location: &Location) -> bool {
        let Some(yielded) = &mut self.yielded else { return true };
        if yielded.len() >= REMEMBERED {
            self.yielded = None;
            return true;
        }
        yielded.insert(short(location))
    }
}

/// Half of a hash: enough to tell any number of locations apart.
fn short(location: &Location) -> u128 {
    let hash = ContentHash::of(location.as_str().as_bytes());
    hash.as_bytes()[..16]
        .iter()
        .fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

impl Listing {
    async fn next(&self) -> Result<Option<Location>> {
        let prefix = self.prefix.as_ref();
        let operation = self.stack.operation(Verb::List, Subject::Below(prefix));
        let attempt = || {
            Attempt::untimed(async {
                let mut state = self.state.lock().await;
                loop {
                    let stream = state.stream.get_or_insert_with(|| self.stack.inner.list(prefix));
                    let next = async { stream.next().await.transpose() };
                    match self.stack.part(&operation, Attempt::of(0, next)).await {
                        Ok(Some(location)) if !state.note(&location) => {}
                        Err(error) if state.yielded.is_some() => {
                            state.stream = None;
                            return Err(error);
                        }
                        done => return done,
                    }
                }
            })
        };
        let again = |error: &Error| {
            // The lock is free, because the attempt is over.
            let remembers = self.state.try_lock().is_ok_and(|state| state.yielded.is_some());
            remembers && retryable(error)
        };
        self.stack.run(operation, again, attempt).await
    }
}
