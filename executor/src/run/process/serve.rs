//! The side of the step: one step, made in this process, told to the run that started it.

use super::super::attempts::Patience;
use super::super::fresh::Sources;
use super::super::inputs::SharedInputs;
use super::super::measured::Tries;
use super::super::outcome::Outcome;
use super::super::step::{Place, Step};
use super::GRACE;
use super::wire::{self, Published, Request, Told};
use crate::args::remember_places;
use crate::check::Checked;
use crate::definitions::{Definitions, Pipeline};
use crate::event::{Emitter, Event, Level, Materialization, Observer, Progress};
use crate::freshness::{Known, Origin, Recompute, Recorder};
use crate::plan::{Follows, Spaces};
use crate::policy::RetryPolicy;
use crate::resource::Held;
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, Result, duration};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The environment variable by which a process knows that it is to make one step: the id of its run's process, a colon, a socket.
pub const STEP_VARIABLE: &str = "LARDER_STEP";

/// How often the run hears how much of a value was stored.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Ended because the run is gone: 128 and the number of SIGTERM.
const ABANDONED: i32 = 143;

/// The socket of the run that started this process for a step. What a step starts itself has another parent.
fn address() -> Option<PathBuf> {
    let text = std::env::var(STEP_VARIABLE).ok()?;
    let (parent, path) = text.split_once(':')?;
    (parent.parse() == Ok(std::os::unix::process::parent_id())).then(|| path.into())
}

/// Whether this process was started for a step by a run that is gone: nothing else makes it the first of its group.
fn orphaned() -> bool {
    std::env::var_os(STEP_VARIABLE).is_some() && rustix::process::getpgrp() == rustix::process::getpid()
}

/// Whether this process makes a step.
static SERVING: AtomicBool = AtomicBool::new(false);

/// Whether this process was started for a step, and does something else.
pub(super) fn astray() -> bool {
    !SERVING.load(Ordering::Relaxed) && address().is_some()
}

/// Makes one step and ends the process, where it was started for that by a run whose executor is
/// [`Executor::Processes`](crate::Executor::Processes); else does nothing. A program with such runs calls it first, with the definitions of its
/// pipeline; `larder::main` does.
///
/// # Panics
/// When called from within a tokio runtime: it makes its own.
pub fn serve_step(definitions: impl FnOnce() -> Definitions) {
    let Some(path) = address() else {
        if orphaned() {
            std::process::exit(ABANDONED);
        }
        return;
    };
    SERVING.store(true, Ordering::Relaxed);
    let code = match UnixStream::connect(&path) {
        Ok(stream) => serve(definitions(), stream),
        // The run is gone already.
        Err(_) => ABANDONED,
    };
    std::process::exit(code);
}

fn serve(definitions: Definitions, stream: UnixStream) -> i32 {
    remember_places();
    let teller = match stream.try_clone() {
        Ok(writer) => Arc::new(Teller::new(writer)),
        Err(_) => return ABANDONED,
    };
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    if !matches!(lines.read_line(&mut line), Ok(read) if read > 0) {
        return ABANDONED;
    }
    let (gone, mut abandoned) = oneshot::channel();
    std::thread::spawn(move || {
        // Nothing more comes: the end of it is the end of the run.
        let _ = lines.read(&mut [0]);
        let _ = gone.send(());
        std::thread::sleep(GRACE);
        // With whatever the step has started.
        let _ = rustix::process::kill_process_group(rustix::process::getpgrp(), rustix::process::Signal::KILL);
        std::process::exit(ABANDONED);
    });
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("cannot start the runtime: {error}");
            teller.tell(&Told::Ended(Some(
                (&Error::new(ErrorKind::Unavailable, message)).into(),
            )));
            return 0;
        }
    };
    let held = OnceLock::new();
    let made = runtime.block_on(async {
        let progress = tokio::spawn(Arc::clone(&teller).progress());
        let made = tokio::select! {
            biased;
            _ = &mut abandoned => None,
            made = make(definitions, &line, &teller, &held) => Some(made),
        };
        progress.abort();
        if let Some(held) = held.get() {
            teller.waits(true);
            held.close().await;
        }
        made
    });
    // What the step left running does not keep anybody waiting.
    runtime.shutdown_background();
    let Some(made) = made else { return ABANDONED };
    teller.tell(&Told::Ended(made.err().as_ref().map(Into::into)));
    0
}

/// Makes the step of a request.
async fn make(definitions: Definitions, line: &str, teller: &Arc<Teller>, held: &OnceLock<Arc<Held>>) -> Result<()> {
    let request: Request = wire::read(line)?;
    let pipeline = definitions.build()?.counting(&Arc::default());
    let index = pipeline.origin(&request.asset)?.step;
    let spaces = Spaces::resolve(&pipeline, &[index], request.as_of, &request.dynamic)?;
    let partitions = match (&request.partitions, spaces.of(index)) {
        (Some(keys), Some(space)) => Some(space.set(keys)?),
        _ => None,
    };
    let follows = HashMap::from([(index, Follows::of_inputs(&pipeline, &spaces, index)?)]);
    let sources: Sources = request
        .sources
        .into_iter()
        .map(|(key, of)| (key, Arc::new(of)))
        .collect();
    let emitter = Emitter(Arc::new([Arc::<Teller>::clone(teller) as Arc<dyn Observer>]));
    let mut step = Step {
        held: Arc::clone(held.get_or_init(|| pipeline.hold(&emitter))),
        resources: Arc::clone(&pipeline.0.resources),
        index,
        outcome: Arc::new(Outcome::new(partitions.clone())),
        asked: partitions.clone(),
        partitions,
        follows: Arc::new(follows),
        run: request.run,
        emitter,
        force: request.force,
        // The run has decided already.
        recompute: Recompute::All,
        build_id: request.build_id.map(Into::into),
        known: Arc::new(Known::new(&pipeline)),
        recorder: Recorder(None),
        traces: request.traces,
        inlines: request.inlines,
        inputs: inputs(&pipeline, index),
        offers: Vec::new(),
        computed: None,
        ahead: Vec::new(),
        lost: None,
        overlap: Arc::default(),
        place: Place::ProcessOf(Arc::clone(teller)),
        // The run has these.
        tries: Tries::default(),
        patience: Patience {
            retry: RetryPolicy::of_attempts(1),
            timeout: None,
        },
        earlier: Some(
            request
                .earlier
                .into_iter()
                .map(|(of, all)| (of.into(), all.into()))
                .collect(),
        ),
        pipeline,
    };
    step.serve(&sources).await
}

fn inputs(pipeline: &Pipeline, step: usize) -> Vec<Arc<super::super::inputs::SharedInput>> {
    SharedInputs::new(pipeline, &[step], &HashMap::from([(step, 1)]), false).take(step)
}

/// A value that is being stored: which, how much of it, how much the run knows.
type Storing = (AssetKey, Option<PartitionKey>, Arc<Progress>, u64);

/// Tells the run what happens.
#[derive(Debug)]
pub(in crate::run) struct Teller {
    stream: Mutex<UnixStream>,
    storing: Mutex<Vec<Storing>>,
}

impl Teller {
    fn new(stream: UnixStream) -> Self {
        Self {
            stream: Mutex::new(stream),
            storing: Mutex::default(),
        }
    }

    fn tell(&self, told: &Told) {
        let Ok(line) = wire::line(told) else { return };
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // A run that is gone hears nothing, and this process ends.
        let _ = stream.write_all(&line);
    }

    /// Publishing begins.
    pub(in crate::run) fn publishing(&self) {
        self.tell(&Told::Publishing);
    }

    /// The step waits for a resource, or no longer.
    pub(in crate::run) fn waits(&self, waits: bool) {
        self.tell(&Told::Waits(waits));
    }

    /// A check was made.
    pub(in crate::run) fn checked(&self, made: &Checked) {
        self.tell(&Told::Checked(Box::new(made.clone())));
    }

    /// A value was published.
    pub(in crate::run) fn published(&self, made: &Materialization, origin: &Origin<'_>) {
        self.tell(&Told::Materialized(Box::new(Published::new(made, origin))));
    }

    async fn progress(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(PROGRESS_EVERY);
        loop {
            ticks.tick().await;
            let mut news = Vec::new();
            {
                let mut storing = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
                for (asset, partition, progress, known) in &mut *storing {
                    let (rows, bytes) = (progress.rows(), progress.bytes());
                    if bytes != *known {
                        *known = bytes;
                        news.push(Told::Stored {
                            asset: asset.clone(),
                            partition: partition.clone(),
                            rows,
                            bytes,
                        });
                    }
                }
            }
            news.iter().for_each(|told| self.tell(told));
        }
    }
}

impl Observer for Teller {
    fn on_event(&self, event: &Event) {
        let told = match event {
            Event::InputLoaded {
                input,
                missing,
                duration,
                ..
            } => Told::InputLoaded {
                input: input.clone(),
                missing: *missing,
                duration: *duration,
            },
            Event::Computed { duration, .. } => Told::Computed { duration: *duration },
            Event::StoreStarted {
                asset,
                partition,
                progress,
            } => {
                let mut storing = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
                storing.push((asset.clone(), partition.clone(), Arc::clone(progress), 0));
                Told::StoreStarted {
                    asset: asset.clone(),
                    partition: partition.clone(),
                }
            }
            Event::Log { level, message, .. } => Told::Log {
                level: *level,
                message: message.clone(),
            },
            Event::ResourceRetried {
                resource, delay, error, ..
            } => Told::Log {
                level: Level::Warn,
                message: format!(
                    "the resource `{resource}` is tried again in {}, after: {}",
                    duration::text(*delay),
                    error.message()
                ),
            },
            Event::ResourceClosed { error: Some(error), .. } => Told::Log {
                level: Level::Warn,
                message: error.message().to_owned(),
            },
            // The run says the others itself.
            _ => return,
        };
        self.tell(&told);
    }
}
