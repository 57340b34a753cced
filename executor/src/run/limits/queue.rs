//! The calls that could begin, and which of them begins next.
//!
//! Each demands room: one place in every limit that is for it, and what it reserves of the memory. Of those that have room the one that
//! has waited longest begins; one without does not keep others from it. A call that too many have overtaken, on what it waits for, closes
//! that to all who came later until it begins.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// What a call needs of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Need {
    /// Which limit.
    pub(crate) of: usize,
    /// How much of it; more than there is counts as all.
    pub(crate) amount: u64,
}

/// The calls that could begin. Without limits they begin in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    came: VecDeque<usize>,
    limited: Option<Limited>,
}

#[derive(Debug)]
struct Limited {
    /// What is left of each limit.
    room: Vec<u64>,
    /// Calls that need the same are in one line.
    lines: Vec<Line>,
    /// The line of each call.
    line_of: Vec<usize>,
    /// Who has a place.
    running: Vec<bool>,
    /// The first of each line, by when it came.
    firsts: BTreeMap<u64, usize>,
    came: u64,
    /// How many may overtake a call.
    patience: usize,
    /// Nothing has changed since nobody had room.
    stuck: bool,
}

#[derive(Debug, Default)]
struct Line {
    needs: Vec<Need>,
    waiting: VecDeque<(u64, usize)>,
    /// How many that came later began before its first, on something that this one needs.
    overtaken: usize,
}

impl Queue {
    /// With limits of these sizes, and what each call needs of them. After `patience` others nobody overtakes any more.
    pub(crate) fn limited(sizes: &[u64], needs: Vec<Vec<Need>>, patience: usize) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        let mut by_needs: HashMap<Vec<Need>, usize> = HashMap::new();
        let mut line_of = Vec::with_capacity(needs.len());
        for mut needs in needs {
            for need in &mut needs {
                need.amount = need.amount.min(sizes[need.of]);
            }
            let line = *by_needs.entry(needs).or_insert_with_key(|needs| {
                lines.push(Line {
                    needs: needs.clone(),
                    ..Line::default()
                });
                lines.len() - 1
            });
            line_of.push(line);
        }
        Self {
            came: VecDeque::new(),
            limited: Some(Limited {
                room: sizes.to_vec(),
                lines,
                running: vec![false; line_of.len()],
                line_of,
                firsts: BTreeMap::new(),
                came: 0,
                patience,
                stuck: false,
            }),
        }
    }

    /// A call could begin.
    pub(crate) fn push(&mut self, call: usize) {
        match &mut self.limited {
            None => self.came.push_back(call),
            Some(limited) => limited.push(call),
        }
    }

    /// The call that begins now; `None` when there is none that has room.
    pub(crate) fn begin(&mut self) -> Option<usize> {
        match &mut self.limited {
            None => self.came.pop_front(),
            Some(limited) => limited.begin(),
        }
    }

    /// Whether more than one call is ready; whether there is room for them is not looked at.
    pub(crate) fn has_several(&self) -> bool {
        match &self.limited {
            None => self.came.len() > 1,
            Some(limited) => limited.lines.iter().map(|line| line.waiting.len()).sum::<usize>() > 1,
        }
    }

    /// The call that has waited longest, room or not: it will not run.
    pub(crate) fn give_up(&mut self) -> Option<usize> {
        match &mut self.limited {
            None => self.came.pop_front(),
            Some(limited) => {
                let (_, line) = limited.firsts.pop_first()?;
                limited.take_first(line)
            }
        }
    }

    /// A call that could begin will not.
    pub(crate) fn forget(&mut self, call: usize) {
        match &mut self.limited {
            None => self.came.retain(|other| *other != call),
            Some(limited) => limited.forget(call),
        }
    }

    /// A call ended: if it had begun, which is told, others have its room.
    pub(crate) fn end(&mut self, call: usize) -> bool {
        let Some(limited) = &mut self.limited else { return false };
        let began = std::mem::take(&mut limited.running[call]);
        if began {
            for need in &limited.lines[limited.line_of[call]].needs {
                limited.room[need.of] += need.amount;
            }
            limited.stuck = false;
        }
        began
    }

    /// What is left of a limit.
    pub(crate) fn room(&self, of: usize) -> u64 {
        self.limited.as_ref().map_or(u64::MAX, |limited| limited.room[of])
    }
}

impl Limited {
    fn push(&mut self, call: usize) {
        self.came += 1;
        self.stuck = false;
        let line = self.line_of[call];
        if self.lines[line].waiting.is_empty() {
            self.firsts.insert(self.came, line);
        }
        self.lines[line].waiting.push_back((self.came, call));
    }

    fn forget(&mut self, call: usize) {
        let line = self.line_of[call];
        let waiting = &mut self.lines[line].waiting;
        let Some(at) = waiting.iter().position(|(_, other)| *other == call) else {
            return;
        };
        if at > 0 {
            waiting.remove(at);
        } else if let Some((came, _)) = waiting.front().copied() {
            self.firsts.remove(&came);
            self.take_first(line);
        }
        self.stuck = false;
    }

    fn begin(&mut self) -> Option<usize> {
        if self.stuck {
            return None;
        }
        let mut closed = vec![false; self.room.len()];
        let fits = self.firsts.iter().find(|(_, line)| {
            let line = &self.lines[**line];
            let fits = line
                .needs
                .iter()
                .all(|need| !closed[need.of] && self.room[need.of] >= need.amount);
            if !fits && line.overtaken >= self.patience {
                line.needs.iter().for_each(|need| closed[need.of] = true);
            }
            fits
        });
        let Some((came, line)) = fits.map(|(came, line)| (*came, *line)) else {
            self.stuck = true;
            return None;
        };
        let needs = std::mem::take(&mut self.lines[line].needs);
        for (_, earlier) in self.firsts.range(..came) {
            let earlier = &mut self.lines[*earlier];
            let shares = |need: &Need| needs.iter().any(|taken| taken.of == need.of);
            earlier.overtaken += usize::from(earlier.needs.iter().any(shares));
        }
        for need in &needs {
            self.room[need.of] -= need.amount;
        }
        self.lines[line].needs = needs;
        self.firsts.remove(&came);
        let call = self.take_first(line)?;
        self.running[call] = true;
        Some(call)
    }

    /// Takes the first of a line, and lets the next one step forward.
    fn take_first(&mut self, line: usize) -> Option<usize> {
        let waiting = &mut self.lines[line];
        let (_, call) = waiting.waiting.pop_front()?;
        waiting.overtaken = 0;
        if let Some((came, _)) = waiting.waiting.front() {
            self.firsts.insert(*came, line);
        }
        Some(call)
    }
}
