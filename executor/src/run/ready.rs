//! The calls that can begin, and for how long they could.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The calls that can begin, by their position, in the order in which nothing stood before them any more.
#[derive(Debug)]
pub(super) struct Ready {
    queue: VecDeque<usize>,
    since: Vec<Instant>,
}

impl Ready {
    /// Of so many calls these can begin at once.
    pub(super) fn new(calls: usize, first: impl Iterator<Item = usize>) -> Self {
        Self {
            queue: first.collect(),
            since: vec![Instant::now(); calls],
        }
    }

    pub(super) fn push_back(&mut self, call: usize) {
        if let Some(since) = self.since.get_mut(call) {
            *since = Instant::now();
        }
        self.queue.push_back(call);
    }

    pub(super) fn pop_front(&mut self) -> Option<usize> {
        self.queue.pop_front()
    }

    /// How long ago nothing stood before it any more.
    pub(super) fn waited(&self, call: usize) -> Duration {
        self.since.get(call).map(Instant::elapsed).unwrap_or_default()
    }
}
