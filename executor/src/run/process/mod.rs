//! Steps in processes of their own: the side of the run. `wire` is what both sides say, `serve` the side of the step.

mod serve;
mod sockets;
mod wire;

pub(super) use serve::Teller;
pub use serve::{STEP_VARIABLE, serve_step};

use super::attempts::took_too_long;
use super::ending::after;
use super::executor::{Executor, StepCommand};
use super::fresh::Sources;
use super::outcome::Outcome;
use super::step::Step;
use super::stop::cancelled;
use crate::definitions::Pipeline;
use crate::event::{Event, Progress};
use crate::freshness::Origin;
use crate::plan::Plan;
use larder_io_core::{AssetKey, Effect, Error, ErrorKind, Form, PartitionKey, Result, RunId};
use sockets::Sockets;
use std::collections::{BTreeMap, HashMap};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use wire::{Request, Told};

/// What a process has for removing what it staged, once its step is given up.
const GRACE: Duration = Duration::from_millis(500);

/// What the steps of a run that are processes have in common.
#[derive(Debug)]
pub(super) struct Processes {
    command: StepCommand,
    sockets: Sockets,
    next: AtomicUsize,
    /// Changes when the run is over before its end.
    over: watch::Receiver<()>,
    as_of: jiff::Timestamp,
    dynamic: BTreeMap<String, Vec<String>>,
}

impl Processes {
    /// # Errors
    /// `InvalidConfig` for a plan with values that do not outlive a process; `Unavailable` where no socket can be made.
    pub(super) fn new(
        pipeline: &Pipeline,
        plan: &Plan,
        run: &RunId,
        command: Option<&StepCommand>,
        over: watch::Receiver<()>,
    ) -> Result<Self> {
        persistent(pipeline, plan)?;
        if serve::astray() {
            let message = "this process was started for a step of a run and begins a run of its own: its program has to call `larder::main` or `larder::serve_step(definitions)` before it does anything else";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let command = match command {
            Some(command) => command.clone(),
            None => StepCommand {
                program: std::env::current_exe().map_err(|error| {
                    let message =
                        format!("this program cannot be found, so that no step can be a process of it: {error}");
                    Error::new(ErrorKind::Unavailable, message).with_source(error)
                })?,
                arguments: std::env::args_os().skip(1).collect(),
            },
        };
        Ok(Self {
            command,
            sockets: Sockets::new(run)?,
            next: AtomicUsize::new(0),
            over,
            as_of: plan.as_of(),
            dynamic: plan.dynamic.clone(),
        })
    }

    /// Hears when the run is over before its end.
    pub(super) fn over(&self) -> watch::Receiver<()> {
        self.over.clone()
    }

    /// Starts a process for a step, and waits until it calls.
    async fn start(&self) -> Result<Called> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.sockets.0.join(number.to_string());
        let listener = UnixListener::bind(&path).map_err(|error| unavailable("no socket can be made", error))?;
        let address = format!("{}:{}", std::process::id(), path.display());
        let child = Command::new(&self.command.program)
            .args(&self.command.arguments)
            .env(STEP_VARIABLE, address)
            .stdin(Stdio::null())
            // Ctrl-C is for the run, which tells its steps.
            .process_group(0)
            .spawn();
        let what = format!("`{}` cannot be started", self.command.program.display());
        let mut child = Ending(Some(child.map_err(|error| unavailable(&what, error))?));
        let called = tokio::select! {
            called = listener.accept() => called.map(|(stream, _)| stream),
            status = child.wait() => return Err(unheard(&self.command, status?)),
        };
        drop(std::fs::remove_file(&path));
        let stream = called.map_err(|error| unavailable("the process of the step cannot be heard", error))?;
        let over = self.over.clone();
        Ok(Called { child, stream, over })
    }
}

/// A process on the line.
struct Called {
    child: Ending,
    stream: UnixStream,
    over: watch::Receiver<()>,
}

impl Called {
    /// Hands the step over, and hears what becomes of it. After so long it is told to stop, unless it is past that.
    async fn hear(
        mut self,
        request: &Request,
        most: Option<Duration>,
        outcome: &Outcome,
        mut told: impl FnMut(Told),
    ) -> Result<()> {
        let lost = |error| unavailable("the process of the step cannot be heard", error);
        // Kept until the end: a process that hears nobody any more stops.
        let (read, mut write) = self.stream.split();
        write.write_all(&wire::line(request)?).await.map_err(lost)?;
        let mut lines = BufReader::new(read).lines();
        let (mut ended, mut garbled, mut stopped) = (None, None, None);
        let mut over = self.over.clone();
        let mut too_long = Box::pin(after(most));
        loop {
            let line = tokio::select! {
                biased;
                line = lines.next_line() => line,
                () = &mut too_long => {
                    match (&stopped, most) {
                        (None, Some(most)) if !outcome.publishing() => {
                            // It stops; what it says until then counts.
                            let _ = write.shutdown().await;
                            stopped = Some(took_too_long(most));
                            too_long = Box::pin(after(Some(2 * GRACE)));
                        }
                        (None, _) => too_long = Box::pin(after(None)),
                        (Some(_), _) => break,
                    }
                    continue;
                }
                _ = over.changed(), if stopped.is_none() => {
                    let _ = write.shutdown().await;
                    stopped = Some(cancelled());
                    too_long = Box::pin(after(Some(2 * GRACE)));
                    continue;
                }
            };
            // A process that was killed leaves no goodbye, or half a line.
            let Ok(Some(line)) = line else { break };
            match wire::read(&line) {
                Ok(Told::Ended(error)) => {
                    ended = Some(error);
                    break;
                }
                Ok(Told::Publishing) => outcome.begins_to_publish(),
                Ok(Told::Waits(waits)) if stopped.is_none() => too_long = Box::pin(after(most.filter(|_| !waits))),
                Ok(Told::Waits(_)) => {}
                Ok(other) => told(other),
                Err(error) => garbled = Some(error),
            }
        }
        if let Some(error) = ended {
            self.child.end().await;
            return error.map_or(Ok(()), |error| Err(error.into()));
        }
        if let Some(error) = stopped {
            self.child.end().await;
            return Err(error);
        }
        let status = self.child.wait().await?;
        match garbled {
            Some(garbled) if status.success() => Err(garbled),
            _ => Err(died(status)),
        }
    }
}

/// A process that is waited for, or ended when nobody does any more.
struct Ending(Option<Child>);

impl Ending {
    async fn wait(&mut self) -> Result<ExitStatus> {
        let Some(child) = &mut self.0 else {
            return Err(Error::new(ErrorKind::Unexpected, "the process of the step is gone"));
        };
        let status = child.wait().await;
        let status = status.map_err(|error| unavailable("the process of the step cannot be waited for", error))?;
        self.0 = None;
        Ok(status)
    }

    /// Waits for a process that ends by itself; one that does not is ended.
    async fn end(&mut self) {
        if let Some(child) = self.0.take() {
            end(child).await;
        }
    }
}

async fn end(mut child: Child) {
    if tokio::time::timeout(2 * GRACE, child.wait()).await.is_ok() {
        return;
    }
    // With whatever the step has started: it is the first of its group.
    if let Some(id) = child
        .id()
        .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
    {
        let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
    }
    // One that cannot be killed is the system's.
    let _ = child.kill().await;
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(child) = self.0.take() else { return };
        // It hears that the run is gone, and ends by itself also where there is no runtime left to watch it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(end(child));
        }
    }
}

fn unavailable(what: &str, error: std::io::Error) -> Error {
    let error = Error::new(ErrorKind::Unavailable, format!("{what}: {error}")).with_source(error);
    error.with_effect(Effect::None)
}

/// The process ended without a call.
fn unheard(command: &StepCommand, status: ExitStatus) -> Error {
    if status.signal().is_some() {
        return died(status);
    }
    let message = format!(
        "`{}` was started for a step and ended ({status}) without a call; the program has to call `larder::main` or `larder::serve_step(definitions)` before it does anything else",
        command.program.display()
    );
    Error::new(ErrorKind::InvalidConfig, message)
}

/// The process ended without its last word.
fn died(status: ExitStatus) -> Error {
    let how = match status.signal() {
        Some(9) => "was killed (signal 9); so does the system when memory runs out".to_owned(),
        Some(6) => "aborted (signal 6); what it wrote before is above".to_owned(),
        Some(signal) => format!("was ended by signal {signal}"),
        None => format!("ended by itself ({status})"),
    };
    let message = format!("the process of the step {how}");
    Error::new(ErrorKind::AssetFailed, message).with_effect(Effect::Unknown)
}

/// Values have to pass from one process to another.
fn persistent(pipeline: &Pipeline, plan: &Plan) -> Result<()> {
    for step in plan.steps() {
        let node = &pipeline.graph().nodes[*step];
        for key in node.keys.iter().chain(&node.inputs) {
            let stored = pipeline.stored(key)?;
            let Some(bound) = stored.bound.as_ref().filter(|_| stored.form != Form::Nothing) else {
                continue;
            };
            if !bound.manager.info().capabilities.persistent {
                let message = format!(
                    "`{key}` is kept by `{}` ({}), which does not outlive a process, so that steps cannot be processes: choose the executor `{}` or `{}`, or another I/O manager",
                    bound.key,
                    bound.manager.info().scheme,
                    Executor::InProcess,
                    Executor::Threads
                );
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
        }
    }
    Ok(())
}

impl Step {
    /// Has a process make what is asked for.
    pub(super) async fn elsewhere(&self, keys: &[AssetKey], sources: &Sources, processes: &Processes) -> Result<()> {
        let Some(first) = keys.first() else { return Ok(()) };
        let earlier = self
            .all_earlier(keys)
            .await
            .map_err(|error| self.explain(error, first, "check"))?;
        let request = Request {
            run: self.run.clone(),
            asset: first.clone(),
            partitions: self.partitions.as_ref().map(|set| set.iter().collect()),
            as_of: processes.as_of,
            dynamic: processes.dynamic.clone(),
            force: self.force,
            traces: self.traces,
            inlines: self.inlines,
            build_id: self.build_id.as_deref().map(str::to_owned),
            sources: sources.iter().map(|(key, of)| (key.clone(), of.to_vec())).collect(),
            earlier: earlier.into_iter().map(|(of, all)| (of.into(), all.to_vec())).collect(),
        };
        let mut progress = HashMap::new();
        let called = processes
            .start()
            .await
            .map_err(|error| self.explain(error, first, "start"))?;
        let relay = |told| self.relay(told, first, &mut progress);
        let heard = called.hear(&request, self.patience.timeout, &self.outcome, relay);
        // The process has said already what its own errors are about.
        heard.await.map_err(|error| self.explain(error, first, "compute"))
    }

    fn relay(
        &self,
        told: Told,
        first: &AssetKey,
        stores: &mut HashMap<(AssetKey, Option<PartitionKey>), Arc<Progress>>,
    ) {
        let partitions = || self.partitions.clone();
        match told {
            Told::InputLoaded {
                input,
                missing,
                duration,
            } => self.emitter.emit(|| Event::InputLoaded {
                asset: first.clone(),
                partitions: partitions(),
                input,
                missing,
                duration,
            }),
            Told::Computed { duration } => self.emitter.emit(|| Event::Computed {
                assets: self.pipeline.graph().nodes[self.index].keys.clone(),
                partitions: partitions(),
                duration,
            }),
            Told::StoreStarted { asset, partition } => {
                let progress = Arc::<Progress>::default();
                stores.insert((asset.clone(), partition.clone()), Arc::clone(&progress));
                self.emitter.emit(|| Event::StoreStarted {
                    asset,
                    partition,
                    progress,
                });
            }
            Told::Stored {
                asset,
                partition,
                rows,
                bytes,
            } => {
                if let Some(progress) = stores.get(&(asset, partition)) {
                    progress.set(rows, bytes);
                }
            }
            Told::Log { level, message } => self.emitter.emit(|| Event::Log {
                asset: first.clone(),
                partitions: partitions(),
                level,
                message,
            }),
            Told::Checked(made) => self.checked(&Arc::new(*made)),
            Told::Materialized(published) => {
                let (mut materialization, inputs, remaining) = published.parts();
                self.measured(&mut materialization, &inputs);
                let materialization = Arc::new(materialization);
                let origin = Origin {
                    fingerprint: remaining.fingerprint,
                    code_version: remaining.code_version,
                    inputs: &inputs,
                    inline: remaining.inline,
                };
                self.published(&materialization, origin);
            }
            // Heard by the caller.
            Told::Publishing | Told::Waits(_) | Told::Ended(_) => {}
        }
    }
}
