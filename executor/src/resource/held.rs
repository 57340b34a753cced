//! What a run holds: each resource once, closed in the reverse order of opening.

use super::declared::Value;
use super::start::{Start, Starts};
use crate::args::{Resources, panicked};
use crate::asset::ResourceSpec;
use crate::event::{Emitter, Event};
use futures_util::FutureExt;
use larder_io_core::{Error, ErrorKind, Result, duration};
use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// What those have that are being opened when the run ends, before nobody waits for them.
pub(crate) const GRACE: Duration = Duration::from_millis(400);

/// The resources of a run, of a look at what is published, or of the process of a step.
///
/// Whoever drops the last of it without [`Held::close`] has it closed in the background, where a runtime is left.
pub(crate) struct Held {
    /// Those that were there before.
    ready: Arc<Resources>,
    starts: Arc<Starts>,
    emitter: Emitter,
    state: Mutex<State>,
}

/// What became of opening one, once that is known.
type Told = Option<Result<Value, Arc<Error>>>;

#[derive(Default)]
struct State {
    asked: HashMap<TypeId, watch::Receiver<Told>>,
    /// Tasks of their own: a step that is given up takes nothing away from the others.
    opening: JoinSet<()>,
    /// In the order in which they were.
    opened: Vec<Opened>,
    over: bool,
}

impl Held {
    pub(crate) fn new(ready: &Arc<Resources>, starts: &Arc<Starts>, emitter: Emitter) -> Arc<Self> {
        Arc::new(Self {
            ready: Arc::clone(ready),
            starts: Arc::clone(starts),
            emitter,
            state: Mutex::default(),
        })
    }

    /// Whether any of these is opened by the run.
    pub(crate) fn opens(&self, wanted: &[ResourceSpec]) -> bool {
        wanted.iter().any(|spec| self.starts.contains_key(&spec.id))
    }

    /// What a function may ask for: all that is ready, and of what is opened that which it takes.
    ///
    /// # Errors
    /// Of the resource that cannot be opened, the same for whoever asks for it in this run; `Cancelled` once that is over.
    ///
    /// # Cancel safety
    /// Opening goes on.
    pub(crate) async fn of(self: &Arc<Self>, wanted: &[ResourceSpec]) -> Result<Arc<Resources>> {
        if !self.opens(wanted) {
            return Ok(Arc::clone(&self.ready));
        }
        let mut all = Resources::clone(&self.ready);
        for spec in wanted {
            if let Some(start) = self.starts.get(&spec.id) {
                all.insert(spec.id, self.one(start).await?);
            }
        }
        Ok(Arc::new(all))
    }

    async fn one(self: &Arc<Self>, start: &Arc<Start>) -> Result<Value> {
        let mut told = self.ask(start)?;
        let told = told.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        match told {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(error.copied()),
            None => Err(over()),
        }
    }

    /// Has it opened, unless somebody asked before.
    fn ask(self: &Arc<Self>, start: &Arc<Start>) -> Result<watch::Receiver<Told>> {
        let mut state = self.state();
        if state.over {
            return Err(over());
        }
        if let Some(told) = state.asked.get(&start.declared.spec.id) {
            return Ok(told.clone());
        }
        let (tell, told) = watch::channel(None);
        state.asked.insert(start.declared.spec.id, told.clone());
        let (held, start, emitter) = (Arc::downgrade(self), Arc::clone(start), self.emitter.clone());
        state.opening.spawn(async move {
            let opened = start.open(&emitter).await;
            let opened = match opened {
                Ok(value) => keep(&held, Opened { start, value }),
                Err(error) => Err(Arc::new(error)),
            };
            let _ = tell.send(Some(opened));
        });
        Ok(told)
    }

    /// Closes what is open, the last one first, each within its time, and opens nothing any more. Answers what went wrong.
    ///
    /// # Cancel safety
    /// What is not closed yet is closed in the background.
    pub(crate) async fn close(&self) -> Vec<Arc<Error>> {
        let mut opening = {
            let mut state = self.state();
            state.over = true;
            state.asked.clear();
            std::mem::take(&mut state.opening)
        };
        // Dropped at their next await; whoever has none is told when it is there that it is too late.
        let _ = timeout(GRACE, opening.shutdown()).await;
        let mut troubles = Vec::new();
        while let Some(last) = self.last() {
            troubles.extend(last.close(&self.emitter).await);
        }
        troubles
    }

    fn last(&self) -> Option<Opened> {
        self.state().opened.pop()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what was opened for the end of the run; where that is past, it is closed in the background.
fn keep(held: &Weak<Held>, opened: Opened) -> Result<Value, Arc<Error>> {
    let value = Arc::clone(&opened.value);
    let late = match held.upgrade() {
        None => Some(opened),
        Some(held) => {
            let mut state = held.state();
            match state.over {
                true => Some(opened),
                false => {
                    state.opened.push(opened);
                    None
                }
            }
        }
    };
    match late {
        None => Ok(value),
        Some(late) => {
            // Not by the task that opened it, which is given up at its next await.
            tokio::spawn(async move { late.close(&Emitter::default()).await });
            Err(Arc::new(over()))
        }
    }
}

fn over() -> Error {
    Error::new(ErrorKind::Cancelled, "the run is over, and opens no resource any more")
}

impl Drop for Held {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let opened = std::mem::take(&mut state.opened);
        // Of a run that was dropped: nobody hears of it but the log.
        if let (false, Ok(runtime)) = (opened.is_empty(), Handle::try_current()) {
            runtime.spawn(async move {
                for last in opened.into_iter().rev() {
                    last.close(&Emitter::default()).await;
                }
            });
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} open)", self.state().opened.len())
    }
}

/// One that is open.
struct Opened {
    start: Arc<Start>,
    value: Value,
}

impl Opened {
    async fn close(self, emitter: &Emitter) -> Option<Arc<Error>> {
        let Self { start, value } = self;
        let (declared, most) = (&start.declared, start.care.close_timeout);
        if !declared.closes() {
            return None;
        }
        let began = Instant::now();
        let closing = AssertUnwindSafe(async { declared.close(value).await }).catch_unwind();
        let closed = match timeout(most, closing).await {
            Ok(Ok(closed)) => closed,
            Ok(Err(panic)) => Err(panicked(panic.as_ref(), "code that closes it")),
            Err(_) => {
                let message = format!(
                    "it took longer than {} and was dropped; give it more time with `close_timeout` in `[resources.{}]`",
                    duration::text(most),
                    declared.name
                );
                Err(Error::new(ErrorKind::Timeout, message))
            }
        };
        let error = closed.err().map(|error| {
            tracing::warn!(resource = declared.name, kind = ?error.kind(), "not closed");
            let what = format!("the resource {} could not be closed: ", start.named());
            Arc::new(start.explained(&error, what, "close"))
        });
        if error.is_none() {
            tracing::info!(resource = declared.name, "closed");
        }
        emitter.emit(|| Event::ResourceClosed {
            resource: declared.name.clone(),
            duration: began.elapsed(),
            error: error.clone(),
        });
        error
    }
}
