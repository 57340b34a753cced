//! Every state that a power cut may leave.

use super::disk::SimDisk;
use super::world::Op;
use std::path::Path;

/// One way a power cut may end.
#[derive(Clone, Debug)]
pub struct Choice {
    /// How many calls had been made.
    pub calls: usize,
    /// Which of the calls that were not sure yet survived, by their number.
    pub survived: Vec<usize>,
    /// A write that survived only in its first half.
    pub torn: Option<usize>,
}

/// Subsets are all of them up to so many calls that are not sure; beyond, all of the last so many, with the earlier
/// ones all kept or all lost.
const SUBSET_CALLS: usize = 8;

/// Calls `visit` with every state that a power cut may leave after each number of calls in the log.
pub fn crash_states(log: &[Op], attributes: bool, mut visit: impl FnMut(&Choice, SimDisk)) {
    for choice in crash_choices(log) {
        visit(&choice, choice.disk(log, attributes));
    }
}

/// Every way in which a power cut may end after each number of calls in the log, in order. For a long log they are far
/// more than can be opened: take every so many of them.
pub fn crash_choices(log: &[Op]) -> Vec<Choice> {
    let mut choices = Vec::new();
    for calls in 0..=log.len() {
        let unsure: Vec<usize> = (0..calls).filter(|at| !sure(log, *at, calls)).collect();
        let (early, late) = unsure.split_at(unsure.len().saturating_sub(SUBSET_CALLS));
        for bits in 0..1_u32 << late.len() {
            let chosen = late.iter().enumerate().filter(|(bit, _)| bits & 1 << bit != 0);
            let chosen: Vec<usize> = chosen.map(|(_, at)| *at).collect();
            for keep_early in if early.is_empty() { &[true][..] } else { &[true, false] } {
                let mut survived = if *keep_early { early.to_vec() } else { Vec::new() };
                survived.extend(&chosen);
                let torn = survived
                    .iter()
                    .rev()
                    .find(|at| matches!(&log[**at], Op::Write { bytes, .. } if bytes.len() > 1))
                    .copied();
                for torn in std::iter::once(None).chain(torn.map(Some)) {
                    choices.push(Choice {
                        calls,
                        survived: survived.clone(),
                        torn,
                    });
                }
            }
        }
    }
    choices
}

impl Choice {
    /// The disk as it is found after this power cut, with or without extended attributes.
    pub fn disk(&self, log: &[Op], attributes: bool) -> SimDisk {
        let disk = replay(log, self);
        if attributes { disk } else { disk.without_attributes() }
    }
}

/// Whether a call is sure to survive once `calls` were made: something synced what it changed.
fn sure(log: &[Op], at: usize, calls: usize) -> bool {
    let after = &log[at + 1..calls];
    let file_synced = |inode: &u64| {
        after
            .iter()
            .any(|op| matches!(op, Op::SyncFile { inode: synced } if synced == inode))
    };
    let dir_synced = |path: &Path| {
        after
            .iter()
            .any(|op| matches!(op, Op::SyncDir { path: synced } if Some(synced.as_path()) == path.parent()))
    };
    match &log[at] {
        Op::Write { inode, .. } | Op::SetRecord { inode, .. } | Op::SetModified { inode, .. } => file_synced(inode),
        Op::Create { path, .. }
        | Op::Link { path, .. }
        | Op::Remove { path }
        | Op::MakeDir { path }
        | Op::RemoveDir { path } => dir_synced(path),
        Op::Rename { to, .. } => dir_synced(to),
        Op::SyncFile { .. } | Op::SyncDir { .. } => true,
    }
}

fn replay(log: &[Op], choice: &Choice) -> SimDisk {
    let ops = (0..choice.calls)
        .filter(|at| sure(log, *at, choice.calls) || choice.survived.contains(at))
        .flat_map(|at| {
            let op = match &log[at] {
                Op::Write { inode, offset, bytes } if choice.torn == Some(at) => Op::Write {
                    inode: *inode,
                    offset: *offset,
                    bytes: bytes.slice(..bytes.len() / 2),
                },
                other => other.clone(),
            };
            // The old name of a moved file goes only with its own directory; until then both names may be there.
            match &op {
                Op::Rename { from, to, inode } if !source_gone(log, at, choice.calls) => {
                    vec![
                        Op::Link {
                            path: to.clone(),
                            inode: *inode,
                        },
                        Op::Link {
                            path: from.clone(),
                            inode: *inode,
                        },
                    ]
                }
                _ => vec![op],
            }
        });
    SimDisk::of(ops.collect::<Vec<_>>())
}

/// Whether the old name of a rename is surely gone.
fn source_gone(log: &[Op], at: usize, calls: usize) -> bool {
    let Op::Rename { from, .. } = &log[at] else { return true };
    log[at + 1..calls]
        .iter()
        .any(|op| matches!(op, Op::SyncDir { path } if Some(path.as_path()) == from.parent()))
}
