//! A database that writes down what is done to it, and assets that take it.

use larder_executor::{Asset, Definitions, Event, Observer, Pipeline, RunOptions, RunReport, RunResource};
use larder_io_core::{Error, ErrorKind};
use larder_io_memory::MemoryIo;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("no panic").push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

impl Observer for Journal {
    fn on_event(&self, event: &Event) {
        match event {
            Event::ResourceOpened { resource, attempts, .. } => self.add(format!("opened {resource} {attempts}")),
            Event::ResourceRetried {
                resource,
                attempt,
                delay,
                error,
            } => self.add(format!("again {resource} {attempt} {delay:?} {}", error.message())),
            Event::ResourceClosed { resource, error, .. } => {
                let error = error.as_ref().map(|error| format!(": {}", error.message()));
                self.add(format!("closed {resource}{}", error.unwrap_or_default()));
            }
            Event::StepRetried { assets, .. } => self.add(format!("again {}", assets[0])),
            Event::StepFailed { assets, error, .. } => self.add(format!("failed {} {:?}", assets[0], error.kind())),
            Event::StepSkipped { assets, .. } => self.add(format!("skipped {}", assets[0])),
            Event::Materialized(made) => self.add(format!("made {}", made.asset)),
            _ => {}
        }
    }
}

pub(crate) struct Db;

/// What an attempt at opening or closing does; at the end of a script it succeeds.
pub(crate) enum Act {
    Fail(Error),
    Foreign(&'static str),
    Panic(&'static str),
    Take(Duration),
}

/// A resource that follows a script.
pub(crate) struct Script {
    acts: Mutex<VecDeque<Act>>,
    journal: Journal,
    name: &'static str,
}

impl Script {
    pub(crate) fn new(name: &'static str, journal: &Journal, acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self {
            acts: Mutex::new(acts.into_iter().collect()),
            journal: journal.clone(),
            name,
        })
    }

    pub(crate) async fn act(&self, what: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let act = self.acts.lock().expect("no panic").pop_front();
        self.journal.add(format!("{what} {}", self.name));
        match act {
            None => Ok(()),
            Some(Act::Fail(error)) => Err(error.into()),
            Some(Act::Foreign(message)) => Err(message.into()),
            Some(Act::Panic(message)) => panic!("{message}"),
            Some(Act::Take(time)) => {
                let given_up = GivenUp(Some((
                    self.journal.clone(),
                    format!("given up to {what} {}", self.name),
                )));
                sleep(time).await;
                given_up.not();
                Ok(())
            }
        }
    }
}

/// Writes down when it is dropped halfway.
struct GivenUp(Option<(Journal, String)>);

impl GivenUp {
    fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some((journal, line)) = self.0.take() {
            journal.add(line);
        }
    }
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn busy(message: &str) -> Act {
    Act::Fail(Error::new(ErrorKind::Unavailable, message))
}

/// A resource of type `T` by scripts of opening and closing.
pub(crate) fn scripted<T: Send + Sync + 'static>(
    name: &'static str,
    journal: &Journal,
    value: impl Fn() -> T + Clone + Send + Sync + 'static,
    open: impl IntoIterator<Item = Act>,
    close: impl IntoIterator<Item = Act>,
) -> RunResource<T> {
    let (open, close) = (Script::new(name, journal, open), Script::new(name, journal, close));
    RunResource::new(name, move |()| {
        let (open, value) = (Arc::clone(&open), value.clone());
        async move { open.act("open").await.map(|()| value()) }
    })
    .closed_by(move |_| {
        let close = Arc::clone(&close);
        async move { close.act("close").await }
    })
}

/// A database that opens by this script and closes.
pub(crate) fn db(journal: &Journal, open: impl IntoIterator<Item = Act>) -> RunResource<Db> {
    scripted("db", journal, || Db, open, [])
}

/// An asset that takes a resource for so long.
pub(crate) fn takes<T: Send + Sync + 'static>(key: &str, time: Duration) -> Asset {
    Asset::builder(key).resource::<T>().function(move |args| async move {
        let resource = args.resource::<T>()?;
        sleep(time).await;
        drop(resource);
        Ok(1_u64)
    })
}

/// An asset that takes none.
pub(crate) fn plain(key: &str) -> Asset {
    Asset::builder(key).function(|_| async { Ok(1_u64) })
}

pub(crate) fn definitions(assets: impl IntoIterator<Item = Asset>) -> Definitions {
    Definitions::new()
        .assets(assets)
        .without_config()
        .default_io_manager(Arc::new(MemoryIo::new()))
}

pub(crate) fn options(journal: &Journal) -> RunOptions {
    let mut options = RunOptions::default();
    options.max_concurrent = 100;
    options.observers = vec![Arc::new(journal.clone())];
    options
}

pub(crate) async fn run(pipeline: &Pipeline, options: RunOptions) -> RunReport {
    pipeline.run_with("*", options).await.expect("runs")
}

/// Lines that begin so.
pub(crate) fn only(lines: &[String], beginnings: &[&str]) -> Vec<String> {
    let wanted = |line: &&String| beginnings.iter().any(|beginning| line.starts_with(beginning));
    lines.iter().filter(wanted).cloned().collect()
}
