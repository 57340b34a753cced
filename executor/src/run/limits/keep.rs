//! Values that are kept for their consumers in the same run, within the memory budget.
//!
//! While a step that made or takes a value runs, the value is within what the step reserves. Between them it is charged to the budget, as
//! far as nobody reserves it: else its consumers load it from where it is stored.

use super::super::inputs::SharedInput;
use larder_io_core::AssetKey;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Every value of a run that may be kept.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    of: HashMap<AssetKey, Kept>,
    /// What is charged, by when it was.
    charged: BTreeMap<u64, AssetKey>,
    bytes: u64,
    next: u64,
}

#[derive(Debug)]
struct Kept {
    shared: Arc<SharedInput>,
    /// Calls that have yet to begin.
    consumers: usize,
    /// Calls at work that made it or take it.
    holders: usize,
    charged: Option<(u64, u64)>,
}

impl Keeper {
    /// A call will take this.
    pub(crate) fn expect(&mut self, input: &Arc<SharedInput>, calls: usize) {
        let kept = self.of.entry(input.key.clone()).or_insert_with(|| Kept {
            shared: Arc::clone(input),
            consumers: 0,
            holders: 0,
            charged: None,
        });
        kept.consumers += calls;
    }

    /// A call begins that makes these: where it puts those of them that somebody waits for.
    pub(crate) fn makes(&mut self, keys: &[AssetKey]) -> Vec<Arc<SharedInput>> {
        let mut offers = Vec::new();
        for key in keys {
            if let Some(kept) = self.of.get_mut(key) {
                kept.holders += 1;
                offers.push(Arc::clone(&kept.shared));
            }
        }
        offers
    }

    /// A call begins that takes these: from now on they are within what it reserves.
    pub(crate) fn takes(&mut self, inputs: &[AssetKey]) {
        for key in inputs {
            if let Some(kept) = self.of.get_mut(key) {
                kept.consumers = kept.consumers.saturating_sub(1);
                kept.holders += 1;
                if let Some((when, bytes)) = kept.charged.take() {
                    self.charged.remove(&when);
                    self.bytes -= bytes;
                }
            }
        }
    }

    /// A call ended that made or took these. What others wait for is charged if there is room.
    pub(crate) fn ended<'k>(&mut self, keys: impl Iterator<Item = &'k AssetKey>, room: u64) {
        for key in keys {
            let Some(kept) = self.of.get_mut(key) else { continue };
            kept.holders = kept.holders.saturating_sub(1);
            if kept.holders > 0 {
                continue;
            }
            match kept.shared.bytes() {
                Some(bytes) if kept.consumers > 0 && self.bytes.saturating_add(bytes) <= room => {
                    kept.charged = Some((self.next, bytes));
                    self.charged.insert(self.next, key.clone());
                    self.bytes += bytes;
                    self.next += 1;
                }
                _ => kept.shared.let_go(),
            }
            self.forget(key);
        }
    }

    /// A call will not run that would have taken these.
    pub(crate) fn skipped(&mut self, inputs: &[AssetKey]) {
        for key in inputs {
            let Some(kept) = self.of.get_mut(key) else { continue };
            kept.consumers = kept.consumers.saturating_sub(1);
            kept.shared.one_less();
            if kept.consumers == 0 {
                if let Some((when, bytes)) = kept.charged.take() {
                    self.charged.remove(&when);
                    self.bytes -= bytes;
                }
                if kept.holders == 0 {
                    kept.shared.let_go();
                }
            }
            self.forget(key);
        }
    }

    /// Lets go of what is above this: what was kept last first, for its consumers come last.
    pub(crate) fn shrink(&mut self, room: u64) {
        while self.bytes > room
            && let Some((_, key)) = self.charged.pop_last()
        {
            let Some(kept) = self.of.get_mut(&key) else { continue };
            if let Some((_, bytes)) = kept.charged.take() {
                self.bytes -= bytes;
            }
            kept.shared.let_go();
        }
    }

    fn forget(&mut self, key: &AssetKey) {
        if self
            .of
            .get(key)
            .is_some_and(|kept| kept.consumers == 0 && kept.holders == 0)
        {
            self.of.remove(key);
        }
    }
}
