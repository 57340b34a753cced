//! The steps of a run, put together from its events.
//!
//! Nobody says that a step succeeded: it did when everything it makes is materialized.

use larder_executor::{Event, Materialization};
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, RunId};
use larder_partitions::PartitionSet;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Something that took time and has just ended.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) ended: SystemTime,
    pub(crate) took: Duration,
}

impl Span {
    pub(crate) fn began(&self) -> SystemTime {
        self.ended.checked_sub(self.took).unwrap_or(self.ended)
    }
}

/// An input of a step.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) input: AssetKey,
    pub(crate) missing: bool,
    pub(crate) span: Span,
}

/// A step that began.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Tells steps of one observer apart.
    pub(crate) number: u64,
    pub(crate) assets: Vec<AssetKey>,
    pub(crate) partitions: Option<PartitionSet>,
    pub(crate) began: SystemTime,
    pub(crate) reads: Vec<Read>,
    pub(crate) computed: Option<Span>,
    /// What is published, and when it was.
    pub(crate) made: Vec<(SystemTime, Arc<Materialization>)>,
}

impl Step {
    /// How many values it makes.
    fn expected(&self) -> u64 {
        let partitions = self.partitions.as_ref().map_or(1, |set| set.len().max(1));
        partitions.saturating_mul(self.assets.len() as u64)
    }

    fn has(&self, partition: Option<&PartitionKey>) -> bool {
        match (&self.partitions, partition) {
            (Some(set), Some(partition)) => set.contains(partition),
            _ => true,
        }
    }

    /// Its name: the assets it makes.
    pub(crate) fn name(&self) -> String {
        let keys: Vec<String> = self.assets.iter().map(ToString::to_string).collect();
        keys.join("+")
    }
}

/// How a step ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Succeeded,
    Failed(Arc<Error>),
    /// The run ended without it, or what it took was not published: it was cancelled.
    Stopped,
}

/// What an observer of steps is told.
#[derive(Debug)]
pub(crate) enum Told {
    RunStarted {
        run: RunId,
    },
    StepStarted(Step),
    StepEnded(Step, End),
    StepFresh,
    StepSkipped,
    RunFinished {
        /// Steps that succeeded, failed, were skipped.
        counts: [usize; 3],
        duration: Duration,
    },
    /// It was stopped, or did not say that it ended before the next one began.
    RunStopped,
}

/// The steps on their way.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    next: u64,
    running: bool,
    /// Whether one of its steps was cancelled.
    cancelled: bool,
    open: BTreeMap<u64, Step>,
    of_asset: HashMap<AssetKey, Vec<u64>>,
}

impl Steps {
    /// What an event comes to.
    pub(crate) fn hear(&mut self, event: &Event) -> Vec<Told> {
        let now = SystemTime::now();
        match event {
            Event::RunStarted { run, .. } => {
                let mut told = self.stop();
                self.running = true;
                self.cancelled = false;
                told.push(Told::RunStarted { run: run.clone() });
                told
            }
            Event::StepStarted { assets, partitions } => {
                vec![Told::StepStarted(self.begin(assets, partitions.as_ref(), now))]
            }
            Event::InputLoaded {
                asset,
                partitions,
                input,
                missing,
                duration,
            } => {
                if let Some(step) = self.find(asset, first(partitions.as_ref()).as_ref()) {
                    step.reads.push(Read {
                        input: input.clone(),
                        missing: *missing,
                        span: Span {
                            ended: now,
                            took: *duration,
                        },
                    });
                }
                Vec::new()
            }
            Event::Computed {
                assets,
                partitions,
                duration,
            } => {
                let asset = assets.first();
                if let Some(step) = asset.and_then(|asset| self.find(asset, first(partitions.as_ref()).as_ref())) {
                    step.computed = Some(Span {
                        ended: now,
                        took: *duration,
                    });
                }
                Vec::new()
            }
            Event::Materialized(made) => {
                let Some(step) = self.find(&made.asset, made.partition.as_ref()) else {
                    return Vec::new();
                };
                step.made.push((now, Arc::clone(made)));
                let (number, whole) = (step.number, step.made.len() as u64 >= step.expected());
                match whole {
                    true => self.end(number, &End::Succeeded).into_iter().collect(),
                    false => Vec::new(),
                }
            }
            Event::StepFailed {
                assets,
                partitions,
                error,
            } => {
                let partition = first(partitions.as_ref());
                let found = assets.first().and_then(|asset| self.find(asset, partition.as_ref()));
                let mut told = Vec::new();
                let number = match found.map(|step| step.number) {
                    Some(number) => number,
                    // It failed while it was still looked at whether it is needed.
                    None => {
                        let step = self.begin(assets, partitions.as_ref(), now);
                        let number = step.number;
                        told.push(Told::StepStarted(step));
                        number
                    }
                };
                let cancelled = error.kind() == ErrorKind::Cancelled;
                self.cancelled |= cancelled;
                let end = match cancelled {
                    true => End::Stopped,
                    false => End::Failed(Arc::clone(error)),
                };
                told.extend(self.end(number, &end));
                told
            }
            Event::StepFresh { .. } => vec![Told::StepFresh],
            Event::StepSkipped { assets, partitions, .. } => {
                let partition = first(partitions.as_ref());
                let found = assets.first().and_then(|asset| self.find(asset, partition.as_ref()));
                // It had begun with a value that was not published in the end.
                let number = found.map(|step| step.number);
                let begun = number.and_then(|number| self.end(number, &End::Stopped));
                begun.into_iter().chain([Told::StepSkipped]).collect()
            }
            Event::RunFinished { counts, duration, .. } => {
                let mut told = self.stop_steps();
                self.running = false;
                told.push(match std::mem::take(&mut self.cancelled) {
                    true => Told::RunStopped,
                    false => Told::RunFinished {
                        counts: *counts,
                        duration: *duration,
                    },
                });
                told
            }
            _ => Vec::new(),
        }
    }

    /// Gives up what did not end.
    pub(crate) fn stop(&mut self) -> Vec<Told> {
        let mut told = self.stop_steps();
        if std::mem::take(&mut self.running) {
            told.push(Told::RunStopped);
        }
        told
    }

    fn stop_steps(&mut self) -> Vec<Told> {
        self.of_asset.clear();
        let open = std::mem::take(&mut self.open).into_values();
        open.map(|step| Told::StepEnded(step, End::Stopped)).collect()
    }

    fn begin(&mut self, assets: &[AssetKey], partitions: Option<&PartitionSet>, now: SystemTime) -> Step {
        let number = self.next;
        self.next += 1;
        let step = Step {
            number,
            assets: assets.to_vec(),
            partitions: partitions.cloned(),
            began: now,
            reads: Vec::new(),
            computed: None,
            made: Vec::new(),
        };
        for asset in assets {
            self.of_asset.entry(asset.clone()).or_default().push(number);
        }
        self.open.insert(number, step.clone());
        step
    }

    fn find(&mut self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Option<&mut Step> {
        let numbers = self.of_asset.get(asset)?;
        let number = numbers
            .iter()
            .find(|number| self.open.get(number).is_some_and(|step| step.has(partition)))?;
        self.open.get_mut(number)
    }

    fn end(&mut self, number: u64, end: &End) -> Option<Told> {
        let step = self.open.remove(&number)?;
        for asset in &step.assets {
            if let Some(numbers) = self.of_asset.get_mut(asset) {
                numbers.retain(|other| *other != number);
                if numbers.is_empty() {
                    self.of_asset.remove(asset);
                }
            }
        }
        Some(Told::StepEnded(step, end.clone()))
    }
}

fn first(partitions: Option<&PartitionSet>) -> Option<PartitionKey> {
    partitions.and_then(PartitionSet::first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> AssetKey {
        text.parse().expect("is a key")
    }

    fn failed(asset: &str) -> Event {
        Event::StepFailed {
            assets: vec![key(asset)],
            partitions: None,
            error: Arc::new(Error::new(ErrorKind::Unexpected, "defect")),
        }
    }

    fn begun(asset: &str) -> Event {
        Event::StepStarted {
            assets: vec![key(asset)],
            partitions: None,
        }
    }

    fn run() -> Event {
        Event::RunStarted {
            run: RunId::from_text("one"),
            assets: Vec::new(),
            calls: 1,
        }
    }

    #[test]
    fn a_step_that_fails_before_it_begins_begins_and_ends() {
        let told = Steps::default().hear(&failed("a"));
        assert!(
            matches!(&told[..], [Told::StepStarted(_), Told::StepEnded(step, End::Failed(_))] if step.name() == "a"),
            "{told:?}"
        );
    }

    #[test]
    fn each_step_ends_once() {
        let mut steps = Steps::default();
        steps.hear(&run());
        for asset in ["a", "b"] {
            assert!(matches!(&steps.hear(&begun(asset))[..], [Told::StepStarted(_)]));
        }
        let told = steps.hear(&failed("b"));
        assert!(matches!(&told[..], [Told::StepEnded(step, _)] if step.name() == "b"));
        let told = steps.hear(&run());
        assert!(
            matches!(&told[..], [Told::StepEnded(step, End::Stopped), Told::RunStopped, Told::RunStarted { .. }] if step.name() == "a"),
            "{told:?}"
        );
        assert!(matches!(&steps.stop()[..], [Told::RunStopped]));
        assert!(steps.stop().is_empty());
    }

    #[test]
    fn a_run_that_was_stopped_did_not_fail() {
        let mut steps = Steps::default();
        let finished = || Event::RunFinished {
            run: RunId::from_text("one"),
            counts: [0, 1, 0],
            duration: Duration::ZERO,
        };
        for (kind, stopped) in [(ErrorKind::Cancelled, true), (ErrorKind::Unexpected, false)] {
            steps.hear(&run());
            steps.hear(&begun("a"));
            let told = steps.hear(&Event::StepFailed {
                assets: vec![key("a")],
                partitions: None,
                error: Arc::new(Error::new(kind, "ended")),
            });
            assert_eq!(
                matches!(&told[..], [Told::StepEnded(_, End::Stopped)]),
                stopped,
                "{told:?}"
            );
            let told = steps.hear(&finished());
            assert_eq!(matches!(&told[..], [Told::RunStopped]), stopped, "{told:?}");
        }
    }

    #[test]
    fn a_step_that_is_skipped_may_have_begun() {
        let mut steps = Steps::default();
        let skipped = Event::StepSkipped {
            assets: vec![key("a")],
            partitions: None,
            because: key("up"),
        };
        assert!(matches!(&steps.hear(&skipped)[..], [Told::StepSkipped]));
        steps.hear(&begun("a"));
        let told = steps.hear(&skipped);
        assert!(
            matches!(&told[..], [Told::StepEnded(step, End::Stopped), Told::StepSkipped] if step.name() == "a"),
            "{told:?}"
        );
        assert!(steps.hear(&run()).len() == 1, "nothing is left of it");
    }
}
