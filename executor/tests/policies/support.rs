//! A manager that does what a script says, in paused time, and notes when.

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use larder_executor::policy::{Policies, RetryPolicy, TimeoutPolicy, assemble};
use larder_io_core::{
    AssetKey, AssetValue, Blob, Capabilities, Error, ErrorKind, Form, Forms, Garbage, GcOptions, InputContext,
    IoManager, Location, Maintenance, ManagerInfo, OutputContext, Receipt, Result, Retry, RunId, Staged, Value,
    Version, Versions, async_trait,
};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What becomes of one call.
pub(crate) enum Act {
    /// Succeeds after this time.
    Done(Duration),
    /// Fails after this time.
    Fail(Duration, Error),
    /// Never ends.
    Hang,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<&'static str, VecDeque<Act>>,
    listings: VecDeque<Vec<Result<Location>>>,
    calls: Vec<(&'static str, Duration)>,
    running: usize,
    most: usize,
}

struct Shared {
    info: ManagerInfo,
    began: Instant,
    state: Mutex<State>,
    /// Bytes of the published value.
    size: u64,
    /// Time that each chunk of a blob takes on its way into the store.
    per_chunk: Duration,
}

/// The manager; clones share everything.
#[derive(Clone)]
pub(crate) struct Scripted(Arc<Shared>);

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    pub(crate) fn new() -> Self {
        Self::of(0, Duration::ZERO)
    }

    pub(crate) fn of(size: u64, per_chunk: Duration) -> Self {
        let mut capabilities = Capabilities::default();
        (capabilities.atomic_publish, capabilities.versions) = (true, true);
        Self(Arc::new(Shared {
            info: ManagerInfo::new("script", "/stage", capabilities, Forms::ALL),
            began: Instant::now(),
            state: Mutex::default(),
            size,
            per_chunk,
        }))
    }

    /// The same at another root.
    pub(crate) fn at(mut self, root: &str) -> Self {
        let shared = Arc::get_mut(&mut self.0).expect("nobody else has it yet");
        shared.info.root = root.to_owned();
        self
    }

    /// The same without atomic publishing.
    pub(crate) fn not_atomic(mut self) -> Self {
        let shared = Arc::get_mut(&mut self.0).expect("nobody else has it yet");
        shared.info.capabilities.atomic_publish = false;
        self
    }

    /// The same over a network.
    pub(crate) fn remote(mut self) -> Self {
        let shared = Arc::get_mut(&mut self.0).expect("nobody else has it yet");
        shared.info.remote = true;
        self
    }

    /// What the next calls of an operation do; when the script is at its end, calls succeed at once.
    pub(crate) fn script(self, operation: &'static str, acts: impl IntoIterator<Item = Act>) -> Self {
        self.state().scripts.entry(operation).or_default().extend(acts);
        self
    }

    /// What the next listing gives.
    pub(crate) fn listing(self, items: impl IntoIterator<Item = Result<Location>>) -> Self {
        self.state().listings.push_back(items.into_iter().collect());
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When an operation was called, in milliseconds since the beginning.
    pub(crate) fn times(&self, operation: &str) -> Vec<u128> {
        let state = self.state();
        let of_it = state.calls.iter().filter(|(called, _)| *called == operation);
        of_it.map(|(_, at)| at.as_millis()).collect()
    }

    /// Every call, in order.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.state().calls.iter().map(|(called, _)| *called).collect()
    }

    /// How many calls ran at once at most.
    pub(crate) fn most(&self) -> usize {
        self.state().most
    }

    async fn act(&self, operation: &'static str) -> Result<()> {
        let act = {
            let mut state = self.state();
            let at = self.0.began.elapsed();
            state.calls.push((operation, at));
            state.scripts.get_mut(operation).and_then(VecDeque::pop_front)
        };
        let _running = Running::new(self);
        match act {
            None => Ok(()),
            Some(Act::Done(after)) => {
                sleep(after).await;
                Ok(())
            }
            Some(Act::Fail(after, error)) => {
                sleep(after).await;
                Err(error)
            }
            Some(Act::Hang) => std::future::pending().await,
        }
    }

    fn receipt(&self, ctx: &InputContext) -> Receipt {
        let mut receipt = Receipt::foreign(ctx, ctx.location.clone(), Form::Blob, "bin");
        receipt.bytes = self.0.size;
        receipt.run = RunId::random();
        receipt
    }

    /// Behind policies, under the key `scripted`.
    pub(crate) fn behind(&self, policies: &Policies) -> Arc<dyn IoManager> {
        assemble(Arc::new(self.clone()), "scripted", policies)
    }
}

struct Running(Scripted);

impl Running {
    fn new(manager: &Scripted) -> Self {
        let mut state = manager.state();
        state.running += 1;
        state.most = state.most.max(state.running);
        drop(state);
        Self(manager.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state().running -= 1;
    }
}

struct ScriptedStaged {
    manager: Scripted,
    receipt: Receipt,
}

#[async_trait]
impl Staged for ScriptedStaged {
    fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    async fn load(&self) -> Result<Value> {
        self.manager.act("staged load").await?;
        Ok(Value::Nothing)
    }

    async fn publish(&mut self) -> Result<Receipt> {
        self.manager.act("publish").await?;
        Ok(self.receipt.clone())
    }

    async fn discard(&mut self) -> Result<()> {
        self.manager.act("discard").await
    }
}

#[async_trait]
impl IoManager for Scripted {
    fn info(&self) -> &ManagerInfo {
        &self.0.info
    }

    async fn stage(&self, ctx: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        // As managers do: what is in memory is not read as a stream.
        if let Value::Blob(source) = value
            && source.in_memory().is_none()
        {
            let mut chunks = source.open().await?;
            while let Some(chunk) = chunks.next().await {
                chunk?;
                sleep(self.0.per_chunk).await;
            }
        }
        self.act("stage").await?;
        let mut receipt = Receipt::begin(ctx, ctx.location.clone(), Form::Blob, "bin");
        receipt.bytes = self.0.size;
        Ok(Box::new(ScriptedStaged {
            manager: self.clone(),
            receipt,
        }))
    }

    async fn load_input(&self, _ctx: &InputContext) -> Result<Value> {
        self.act("load").await?;
        Ok(Value::Nothing)
    }

    async fn head(&self, ctx: &InputContext) -> Result<Option<Receipt>> {
        self.act("head").await?;
        Ok(Some(self.receipt(ctx)))
    }

    async fn delete(&self, _ctx: &InputContext) -> Result<()> {
        self.act("delete").await
    }

    fn list(&self, _prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        let mut state = self.state();
        let at = self.0.began.elapsed();
        state.calls.push(("list", at));
        let items = state.listings.pop_front().unwrap_or_default();
        let manager = self.clone();
        let slowly = stream::iter(items).then(move |item| {
            let manager = manager.clone();
            async move {
                manager.act("item").await?;
                item
            }
        });
        slowly.boxed()
    }

    fn versions(&self) -> Option<&dyn Versions> {
        Some(self)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }
}

#[async_trait]
impl Versions for Scripted {
    async fn history(&self, ctx: &InputContext) -> Result<Vec<Receipt>> {
        self.act("history").await?;
        Ok(vec![self.receipt(ctx)])
    }

    async fn restore(&self, ctx: &InputContext, _version: &Version) -> Result<Receipt> {
        self.act("restore").await?;
        Ok(self.receipt(ctx))
    }
}

#[async_trait]
impl Maintenance for Scripted {
    async fn gc(&self, _options: &GcOptions) -> Result<Vec<Garbage>> {
        self.act("gc").await?;
        Ok(Vec::new())
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Fails at once.
pub(crate) fn fail(kind: ErrorKind) -> Act {
    Act::Fail(Duration::ZERO, Error::new(kind, "as the script wants it"))
}

/// Fails at once, and the server names a delay.
pub(crate) fn busy(delay: Duration) -> Act {
    let error = Error::new(ErrorKind::RateLimited, "slow down").with_retry(Retry::After(Some(delay)));
    Act::Fail(Duration::ZERO, error)
}

pub(crate) fn fails(kind: ErrorKind, times: usize) -> Vec<Act> {
    (0..times).map(|_| fail(kind)).collect()
}

/// Delays of 100, 200, 400 .. 1000 ms without jitter, 5 attempts, no timeout.
pub(crate) fn plain() -> Policies {
    let retry = RetryPolicy::of_attempts(5)
        .with_delays(ms(100), ms(1000))
        .with_jitter(false);
    Policies::default().with_retry(retry).with_timeout(None)
}

/// One attempt that has 10 s and the time of its bytes at 1000 bytes per second.
pub(crate) fn once_timed() -> Policies {
    Policies::default()
        .with_retry(RetryPolicy::of_attempts(1))
        .with_timeout(TimeoutPolicy::new(ms(10_000), 1000))
}

pub(crate) fn location(text: &str) -> Location {
    text.parse().expect("is a location")
}

fn key() -> AssetKey {
    "reports/summary".parse().expect("is a key")
}

pub(crate) fn input() -> InputContext {
    InputContext::new(key(), None, location("reports/summary"))
}

pub(crate) fn output() -> OutputContext {
    OutputContext::new(key(), None, location("reports/summary"))
}

pub(crate) fn blob() -> Value {
    Blob::from("some bytes").into_value()
}

/// The time that passed on the paused clock, with what came of it.
pub(crate) async fn measured<T>(work: impl Future<Output = T>) -> (u128, T) {
    let began = Instant::now();
    let done = work.await;
    (began.elapsed().as_millis(), done)
}
