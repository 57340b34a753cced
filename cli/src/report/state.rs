//! What became of each asset.

use crate::past::Past;
use larder_executor::AssetInfo;
use std::collections::{HashMap, HashSet};

/// What became of an asset in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Made,
    Failed,
    /// Began and did not end.
    CutOff,
    /// Not made, and something that it needs failed.
    HeldBack,
    /// Not of this run, and there is a value.
    Kept,
    /// Not of this run, and there is no value.
    Missing,
    External,
}

impl State {
    pub(super) const ALL: [Self; 7] = [
        Self::Made,
        Self::Failed,
        Self::CutOff,
        Self::HeldBack,
        Self::Kept,
        Self::Missing,
        Self::External,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Failed => "failed",
            Self::CutOff => "not ended",
            Self::HeldBack => "held back",
            Self::Kept => "kept as it was",
            Self::Missing => "no value",
            Self::External => "external",
        }
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Made => "✓",
            Self::Failed => "✗",
            Self::CutOff => "…",
            Self::HeldBack => "‖",
            Self::Kept => "•",
            Self::Missing => "○",
            Self::External => "↗",
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Failed => "failed",
            Self::CutOff => "cut",
            Self::HeldBack => "held",
            Self::Kept => "kept",
            Self::Missing => "missing",
            Self::External => "external",
        }
    }
}

/// The state of each asset, in their order. `live` has those of which there is a value.
pub(super) fn states(
    assets: &[AssetInfo],
    edges: &[(usize, usize)],
    past: &Past,
    live: &HashSet<String>,
) -> Vec<State> {
    let mut of_run: HashMap<&str, State> = HashMap::new();
    for step in &past.steps {
        let state = match (&step.failure, step.published) {
            (Some(_), _) => State::Failed,
            (None, 0) => State::CutOff,
            (None, _) => State::Made,
        };
        for asset in &step.assets {
            let known = of_run.entry(asset.as_str()).or_insert(state);
            // Of several calls the worst tells.
            *known = match (*known, state) {
                (State::Failed, _) | (_, State::Failed) => State::Failed,
                (State::CutOff, _) | (_, State::CutOff) => State::CutOff,
                _ => State::Made,
            };
        }
    }
    let mut states: Vec<State> = assets
        .iter()
        .map(|info| match of_run.get(info.key.as_str()) {
            Some(state) => *state,
            None if info.external => State::External,
            None if live.contains(info.key.as_str()) => State::Kept,
            None => State::Missing,
        })
        .collect();
    let mut next = vec![Vec::new(); assets.len()];
    for (from, to) in edges {
        next[*from].push(*to);
    }
    let mut open: Vec<usize> = (0..assets.len()).filter(|at| states[*at] == State::Failed).collect();
    while let Some(at) = open.pop() {
        for to in &next[at] {
            if matches!(states[*to], State::Kept | State::Missing) {
                states[*to] = State::HeldBack;
                open.push(*to);
            }
        }
    }
    states
}
