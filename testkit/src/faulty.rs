//! Stores that fail on request, for tests of policies and pipelines.
//!
//! An operation may be done or not, and may report success or an error; those are the four cells of [`Outcome`].
//! [`Faulty`] fails the nth call of an operation; [`Scripted`] takes its outcomes from a queue.
//!
//! ```
//! # use larder_testkit::faulty::{Faulty, Op, Outcome};
//! # use larder_io_core::ErrorKind;
//! # fn doc(manager: impl larder_io_core::IoManager) {
//! // The second publish takes place, but its answer is lost.
//! let flaky = Faulty::new(manager).failing(Op::Publish, 2, Outcome::AnswerLost(ErrorKind::Timeout));
//! # }
//! ```

use futures_util::stream::BoxStream;
use larder_io_core::{
    Error, ErrorKind, InputContext, IoManager, Location, Maintenance, ManagerInfo, OutputContext, Receipt, Result,
    Staged, Value, Versions, async_trait,
};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Op {
    /// [`IoManager::stage`].
    Stage,
    /// [`Staged::publish`].
    Publish,
    /// [`Staged::discard`].
    Discard,
    /// [`IoManager::load_input`].
    Load,
    /// [`IoManager::head`].
    Head,
    /// [`IoManager::delete`].
    Delete,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and reported so.
    Done,
    /// Not done, and an error says so.
    Refused(ErrorKind),
    /// Done, but an error is reported: the answer was lost.
    AnswerLost(ErrorKind),
    /// Not done, but success is reported: a store that lies. Only for publish, discard and delete; other operations
    /// have nothing to show for it and are done.
    Lied,
}

type Choose = Box<dyn FnMut(Op, u64) -> Outcome + Send>;

/// Counts calls and chooses their outcomes.
#[derive(Clone)]
struct Plan(Arc<Mutex<State>>);

struct State {
    choose: Choose,
    calls: BTreeMap<Op, u64>,
}

impl Plan {
    fn new(choose: Choose) -> Self {
        Self(Arc::new(Mutex::new(State {
            choose,
            calls: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, op: Op) -> Outcome {
        let mut state = self.state();
        let calls = state.calls.entry(op).or_default();
        *calls += 1;
        let call = *calls;
        (state.choose)(op, call)
    }

    fn calls(&self, op: Op) -> u64 {
        self.state().calls.get(&op).copied().unwrap_or(0)
    }
}

fn failure(op: Op, kind: ErrorKind) -> Error {
    Error::new(kind, format!("{op:?} fails because the test wants it"))
}

/// Runs one operation that has something to show only when it is done.
async fn run<T>(plan: &Plan, op: Op, call: impl Future<Output = Result<T>>) -> Result<T> {
    match plan.next(op) {
        Outcome::Done | Outcome::Lied => call.await,
        Outcome::Refused(kind) => Err(failure(op, kind)),
        Outcome::AnswerLost(kind) => call.await.and(Err(failure(op, kind))),
    }
}

/// A manager whose nth call of an operation has an outcome of the test's choice.
pub struct Faulty {
    inner: Arc<dyn IoManager>,
    info: ManagerInfo,
    plan: Plan,
    rules: Arc<Mutex<Vec<(Op, u64, Outcome)>>>,
}

impl Faulty {
    /// Wraps a manager that works until it is told otherwise.
    pub fn new(inner: impl IoManager) -> Self {
        let rules: Arc<Mutex<Vec<(Op, u64, Outcome)>>> = Arc::default();
        let known = Arc::clone(&rules);
        let choose = move |op, call| {
            let rules = known.lock().unwrap_or_else(PoisonError::into_inner);
            let found = rules
                .iter()
                .find(|(known, nth, _)| *known == op && (*nth == call || *nth == 0));
            found.map_or(Outcome::Done, |(_, _, outcome)| *outcome)
        };
        Self {
            info: inner.info().clone(),
            inner: Arc::new(inner),
            plan: Plan::new(Box::new(choose)),
            rules,
        }
    }

    /// Has it say this of itself, whatever the manager inside is.
    #[must_use]
    pub fn claiming(mut self, info: ManagerInfo) -> Self {
        self.info = info;
        self
    }

    /// Gives the nth call of `op` an outcome, counted from 1; with 0 every call that has no rule before this one.
    #[must_use]
    pub fn failing(self, op: Op, nth: u64, outcome: Outcome) -> Self {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((op, nth, outcome));
        self
    }

    /// How often an operation was called.
    pub fn calls(&self, op: Op) -> u64 {
        self.plan.calls(op)
    }
}

/// A manager that takes the outcome of each call from a queue for its operation; when a queue is empty, calls work.
pub struct Scripted {
    inner: Arc<dyn IoManager>,
    info: ManagerInfo,
    plan: Plan,
}

impl Scripted {
    /// Wraps a manager with a script; outcomes of one operation are used in their order.
    pub fn new(inner: impl IoManager, script: impl IntoIterator<Item = (Op, Outcome)>) -> Self {
        let mut queues: BTreeMap<Op, VecDeque<Outcome>> = BTreeMap::new();
        for (op, outcome) in script {
            queues.entry(op).or_default().push_back(outcome);
        }
        let choose = move |op, _| {
            queues
                .get_mut(&op)
                .and_then(VecDeque::pop_front)
                .unwrap_or(Outcome::Done)
        };
        Self {
            info: inner.info().clone(),
            inner: Arc::new(inner),
            plan: Plan::new(Box::new(choose)),
        }
    }

    /// How often an operation was called.
    pub fn calls(&self, op: Op) -> u64 {
        self.plan.calls(op)
    }
}

struct Planned {
    inner: Box<dyn Staged>,
    plan: Plan,
}

#[async_trait]
impl Staged for Planned {
    fn receipt(&self) -> &Receipt {
        self.inner.receipt()
    }

    async fn load(&self) -> Result<Value> {
        self.inner.load().await
    }

    async fn publish(&mut self) -> Result<Receipt> {
        match self.plan.next(Op::Publish) {
            Outcome::Done => self.inner.publish().await,
            Outcome::Refused(kind) => Err(failure(Op::Publish, kind)),
            Outcome::AnswerLost(kind) => self.inner.publish().await.and(Err(failure(Op::Publish, kind))),
            Outcome::Lied => Ok(self.inner.receipt().clone()),
        }
    }

    async fn discard(&mut self) -> Result<()> {
        match self.plan.next(Op::Discard) {
            Outcome::Done => self.inner.discard().await,
            Outcome::Refused(kind) => Err(failure(Op::Discard, kind)),
            Outcome::AnswerLost(kind) => self.inner.discard().await.and(Err(failure(Op::Discard, kind))),
            Outcome::Lied => Ok(()),
        }
    }
}

macro_rules! planned {
    ($($manager:ident),*) => {$(
        impl fmt::Debug for $manager {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($manager), self.inner)
            }
        }

        #[async_trait]
        impl IoManager for $manager {
            fn info(&self) -> &ManagerInfo {
                &self.info
            }

            async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
                let inner = run(&self.plan, Op::Stage, self.inner.stage(ctx, value)).await?;
                Ok(Box::new(Planned { inner, plan: self.plan.clone() }))
            }

            async fn load_input(&self, ctx: &InputContext) -> Result<Value> {
                run(&self.plan, Op::Load, self.inner.load_input(ctx)).await
            }

            async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
                run(&self.plan, Op::Head, self.inner.head(ctx)).await
            }

            async fn delete(&self, ctx: &InputContext) -> Result<()> {
                match self.plan.next(Op::Delete) {
                    Outcome::Done => self.inner.delete(ctx).await,
                    Outcome::Refused(kind) => Err(failure(Op::Delete, kind)),
                    Outcome::AnswerLost(kind) => self.inner.delete(ctx).await.and(Err(failure(Op::Delete, kind))),
                    Outcome::Lied => Ok(()),
                }
            }

            fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
                self.inner.list(prefix)
            }

            fn versions(&self) -> Option<&dyn Versions> {
                self.inner.versions()
            }

            fn maintenance(&self) -> Option<&dyn Maintenance> {
                self.inner.maintenance()
            }
        }
    )*};
}
planned!(Faulty, Scripted);
