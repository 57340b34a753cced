//! Which calls may begin, and which never will, once another has ended or handed its value over.

use super::ahead::{Ahead, Computed, Fate};
use super::{Place, Running, StepStatus};
use crate::asset::InputSpec;
use crate::event::Event;
use crate::freshness::Recompute;
use larder_io_core::{Arity, AssetKey, Form, Forms};
use std::collections::HashMap;
use tokio::sync::{mpsc, watch};

/// Calls that begin before what they take is published. Only with a memory budget, which the values are within.
#[derive(Debug)]
pub(super) struct Early {
    tell: mpsc::UnboundedSender<usize>,
    /// What becomes of calls that handed over what they computed.
    fates: HashMap<usize, watch::Sender<Fate>>,
    /// Calls that need not wait for them any more.
    released: HashMap<usize, Vec<usize>>,
    /// What each call takes that was not published when it could begin.
    ahead: HashMap<usize, Vec<Ahead>>,
}

impl Early {
    /// Nothing yet, and where calls that handed over what they computed are heard of.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<usize>) {
        let (tell, computed) = mpsc::unbounded_channel();
        let early = Self {
            tell,
            fates: HashMap::new(),
            released: HashMap::new(),
            ahead: HashMap::new(),
        };
        (early, computed)
    }
}

/// The next call that handed over what it computed; for ever where none can.
pub(super) async fn heard(computed: &mut Option<mpsc::UnboundedReceiver<usize>>) -> usize {
    let heard = match computed {
        Some(computed) => computed.recv().await,
        None => None,
    };
    match heard {
        Some(call) => call,
        None => std::future::pending().await,
    }
}

/// Whether an input is a value; `()` waits for the other asset to be done, and takes nothing of it.
fn is_value(spec: &InputSpec) -> bool {
    !(spec.forms == Forms::of([Form::Nothing]) && spec.arity == Arity::One)
}

impl Running {
    /// How a call tells that its values are computed, where others may begin with them: its first attempt is its only one, so that no other value
    /// is published than the one that was handed over.
    pub(super) fn computed(&self, call: usize, attempts: u32, offers: bool) -> Option<Computed> {
        let early = self.early.as_ref().filter(|_| offers && attempts <= 1)?;
        let here = matches!(self.place, Place::Here) && self.units[call].partitions.is_none();
        here.then(|| Computed {
            call,
            tell: early.tell.clone(),
        })
    }

    /// What a call takes that is not published yet.
    pub(super) fn ahead(&mut self, call: usize) -> Vec<Ahead> {
        let early = self.early.as_mut();
        early.and_then(|early| early.ahead.remove(&call)).unwrap_or_default()
    }

    /// Whether a call may begin with values of another that are not published yet. Whether it has to be made at all must be decided, and waiting for
    /// others must not count as its own time.
    fn may_begin_early(&self, call: usize, other: usize) -> bool {
        let Some(unit) = self.units.get(call) else { return false };
        let asset = &self.pipeline.0.assets[unit.step];
        let mut inputs = asset.inputs.iter().zip(&self.pipeline.graph().nodes[unit.step].made);
        unit.partitions.is_none()
            && self.recompute == Recompute::All
            && asset.timeout.or(self.step_timeout).is_none()
            && inputs.all(|(spec, origin)| origin.step != self.units[other].step || is_value(spec))
    }

    /// A call handed over what it computed: those that need no more than that become ready.
    pub(super) fn release_early(&mut self, call: usize) {
        if self.done[call].is_some() {
            return;
        }
        let next = std::mem::take(&mut self.next[call]);
        let (early, later): (Vec<_>, Vec<_>) = next.into_iter().partition(|next| self.may_begin_early(*next, call));
        self.next[call] = later;
        let keys = self.keys(self.units[call].step);
        let Some(state) = &mut self.early else { return };
        let fate = state.fates.entry(call).or_default();
        for next in &early {
            state.ahead.entry(*next).or_default().push(Ahead {
                keys: keys.clone(),
                fate: fate.subscribe(),
            });
        }
        state.released.insert(call, early.clone());
        for next in early {
            self.waiting[next] -= 1;
            if self.waiting[next] == 0 && self.done[next].is_none() {
                self.ready.push(next);
            }
        }
    }

    /// A call that handed over what it computed has ended: those that took it hear of it. Those that have not begun do not begin any more, if it
    /// failed.
    pub(super) fn settle_early(&mut self, call: usize, failed: Option<&AssetKey>) {
        let Some(state) = &mut self.early else { return };
        let released = state.released.remove(&call).unwrap_or_default();
        if let Some(fate) = state.fates.remove(&call) {
            fate.send_replace(match failed {
                None => Fate::Published,
                Some(because) => Fate::Failed(because.clone()),
            });
        }
        if failed.is_some() {
            for next in released {
                if !self.outcomes.contains_key(&next) && self.done[next].is_none() {
                    self.ready.forget(next);
                    self.next[call].push(next);
                }
            }
        }
    }

    /// What waited only for this becomes ready.
    pub(super) fn release(&mut self, unit: usize) {
        let mut open = std::mem::take(&mut self.next[unit]);
        // The last one is taken first: turned round, earlier partitions begin before later ones.
        open.reverse();
        while let Some(next) = open.pop() {
            self.waiting[next] -= 1;
            if self.waiting[next] > 0 {
                continue;
            }
            match self.done.get(next) {
                Some(None) => self.ready.push(next),
                Some(Some(_)) => {}
                // A gate.
                None => open.extend(self.next[next].drain(..).rev()),
            }
        }
    }

    pub(super) fn tell_skipped(&self, unit: usize, because: &AssetKey) {
        self.emitter.emit(|| Event::StepSkipped {
            assets: self.keys(self.units[unit].step),
            partitions: self.units[unit].partitions.clone(),
            because: because.clone(),
        });
    }

    /// What waits for this, through gates too, is not run.
    pub(super) fn skip(&mut self, unit: usize, because: &AssetKey) {
        let mut open = std::mem::take(&mut self.next[unit]);
        while let Some(next) = open.pop() {
            open.append(&mut self.next[next]);
            if !matches!(self.done.get(next), Some(None)) {
                continue;
            }
            self.tell_skipped(next, because);
            self.done[next] = Some(StepStatus::Skipped {
                because: because.clone(),
            });
            // Its share of the inputs goes, so that they are dropped after their last real consumer.
            drop(self.inputs.take(self.units[next].step));
            self.ready.ended(next, &self.units[next]);
        }
    }
}
