//! Who makes the steps of a run: tasks that settle the step they made and, where just one is ready then, make that one too, so that one step
//! after another is no switch between tasks. Where there is more to do they end, and the run's own task begins tasks for all of it: a task of the
//! runtime that is woken by another one waits until that lets its thread go, and steps that never wait would run one after another.

use super::ending::{cancelled, until};
use super::order::heard;
use super::report::RunReport;
use super::step::Step;
use super::stop;
use super::{Ended, Running, StepStatus, thread};
use larder_io_core::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

/// A call, and the step that makes it.
type Next = (usize, Box<Step>);

/// How long a task makes steps before it lets others of the runtime have their turn.
const TURN: Duration = Duration::from_millis(1);

/// What reaches a run beside the ends of its steps.
pub(super) struct Signals {
    /// Closed when the run is given up: threads and processes hear of it.
    pub(super) alive: watch::Sender<()>,
    /// Calls that handed over what they computed.
    pub(super) computed: Option<mpsc::UnboundedReceiver<usize>>,
}

/// Says that a run was given up, when it is dropped with the run's future.
pub(super) struct Abandoned(pub(super) Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A run as its tasks share it.
struct Shared {
    running: Mutex<Running>,
    threads: bool,
    alive: watch::Receiver<()>,
}

impl Shared {
    /// Never held while anything is waited for.
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a step, and those after it, for as long as each makes just one other ready.
    async fn work(self: Arc<Self>, mut next: Next) {
        let began = Instant::now();
        loop {
            let (unit, step) = next;
            let ended = match self.threads {
                false => step.run().await,
                true => thread::run(step, self.alive.clone()).await,
            };
            match self.ended(unit, ended, began.elapsed()) {
                Some(taken) => next = taken,
                None => return,
            }
        }
    }

    /// The step of this task has ended: what it makes next. With nothing the task ends, which wakes the run's own.
    fn ended(&self, unit: usize, (status, partitions): Ended, worked: Duration) -> Option<Next> {
        let task = tokio::task::id();
        let mut run = self.running();
        // A run that ended without this task has settled the step already.
        if run.tasks.remove(&task) != Some(unit) {
            return None;
        }
        let status = match run.over && self.threads && cancelled(&status) {
            // Such a thread let go without a word.
            true => run.cut(unit),
            false => {
                run.remember_checks(unit);
                if matches!(status, StepStatus::Failed(_)) {
                    // What was published before, or was fresh, is not to be tried again.
                    run.units[unit].partitions = partitions;
                }
                status
            }
        };
        run.settle(unit, status);
        // Others of the runtime have their turn, however many steps never wait.
        if worked > TURN || run.ready.has_several() {
            return None;
        }
        let next = run.begin()?;
        run.tasks.insert(task, next.0);
        Some(next)
    }

    /// Begins what there is room for.
    fn begin(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        let mut run = self.running();
        while let Some(next) = run.begin() {
            let unit = next.0;
            let task = tasks.spawn(Arc::clone(self).work(next));
            run.tasks.insert(task.id(), unit);
        }
    }

    /// A task was dropped, or ended by a panic.
    fn lost(&self, error: JoinError) {
        let mut run = self.running();
        let Some(unit) = run.tasks.remove(&error.id()) else {
            drop(run);
            match error.try_into_panic() {
                // Of what belongs to no step, such as an observer: what the run knows of its steps is not to be trusted any more.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            }
        };
        let status = match run.over && error.is_cancelled() {
            true => run.cut(unit),
            // The step's own panics are caught inside; this is a defect of ours, or the runtime going down.
            false => {
                let error = Error::new(ErrorKind::Unexpected, format!("the step stopped: {error}"));
                StepStatus::Failed(Arc::new(error))
            }
        };
        run.settle(unit, status);
    }

    /// Nothing runs: after the end of the run's time, what could have begun has failed.
    fn give_up(&self) {
        let mut run = self.running();
        while run.is_over()
            && let Some(unit) = run.ready.give_up()
        {
            let status = run.cut(unit);
            run.settle(unit, status);
        }
    }

    /// Tasks that do not let their threads go are not waited for.
    fn leave(&self) {
        let mut run = self.running();
        for unit in std::mem::take(&mut run.tasks).into_values() {
            let status = run.cut(unit);
            run.settle(unit, status);
        }
    }
}

impl Running {
    /// The call that begins now, if there is one and room for it.
    fn begin(&mut self) -> Option<Next> {
        if self.is_over() || self.tasks.len() >= self.max_concurrent {
            return None;
        }
        let unit = self.ready.next()?;
        Some((unit, self.step(unit)))
    }

    /// Whether nothing begins any more. Asked here too, because the run's own task hears of it only when it has its turn.
    fn is_over(&mut self) -> bool {
        if !self.over {
            self.stopped = self.stop.as_ref().is_some_and(stop::Stop::is_stopped);
            let late = || {
                self.deadline
                    .is_some_and(|(when, _)| tokio::time::Instant::now() >= when)
            };
            self.over = self.stopped || late() || self.abandoned.load(Ordering::Relaxed);
        }
        self.over
    }

    /// Makes everything.
    pub(super) async fn finish(self, signals: Signals, began: Instant) -> RunReport {
        let Signals { alive, mut computed } = signals;
        let stop = self.stop.clone();
        let (deadline, here) = (self.deadline.map(|(when, _)| when), self.is_here());
        let shared = Arc::new(Shared {
            threads: self.threads,
            running: Mutex::new(self),
            alive: alive.subscribe(),
        });
        let mut tasks = JoinSet::new();
        // When steps that were asked to end are not waited for any longer.
        let mut grace = None;
        let mut over = false;
        loop {
            shared.begin(&mut tasks);
            tokio::select! {
                biased;
                ended = tasks.join_next_with_id() => match ended {
                    None => break,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => shared.lost(error),
                },
                call = heard(&mut computed) => shared.running().release_early(call),
                () = until(deadline.filter(|_| !over)) => {
                    over = true;
                    shared.running().over = true;
                    tasks.abort_all();
                    // Threads are not aborted; they hear of it.
                    let _ = alive.send(());
                }
                () = stop::stopped(stop.as_ref().filter(|_| !over)) => {
                    over = true;
                    {
                        let mut run = shared.running();
                        (run.over, run.stopped) = (true, true);
                    }
                    let _ = alive.send(());
                    if here {
                        tasks.abort_all();
                    }
                    grace = Some(tokio::time::Instant::now() + stop::GRACE);
                }
                () = until(grace) => {
                    grace = None;
                    tasks.abort_all();
                    if here {
                        tasks.detach_all();
                        shared.leave();
                    }
                }
            }
        }
        shared.give_up();
        let closing = shared.running().report(began);
        closing.await
    }
}
