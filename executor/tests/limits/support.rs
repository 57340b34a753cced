//! Assets that tell how many of them run at once.

use larder_executor::{Asset, AssetBuilder, Definitions, Event, Observer, Pipeline, RunOptions, StepStatus};
use larder_io_memory::MemoryIo;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A connection, say.
pub(crate) struct Db;

/// Who runs, and how many of them there were at once at most; when each began.
#[derive(Default)]
pub(crate) struct Watch(Mutex<BTreeMap<&'static str, Counts>>);

#[derive(Default)]
struct Counts {
    now: u64,
    most: u64,
    began: Vec<Duration>,
}

impl Watch {
    pub(crate) fn enter(&self, kind: &'static str, weight: u64, at: Duration) {
        let mut all = self.0.lock().expect("no panic");
        let counts = all.entry(kind).or_default();
        counts.now += weight;
        counts.most = counts.most.max(counts.now);
        counts.began.push(at);
    }

    pub(crate) fn leave(&self, kind: &'static str, weight: u64) {
        self.0.lock().expect("no panic").entry(kind).or_default().now -= weight;
    }

    pub(crate) fn most(&self, kind: &str) -> u64 {
        self.0
            .lock()
            .expect("no panic")
            .get(kind)
            .map_or(0, |counts| counts.most)
    }

    /// Seconds after the beginning.
    pub(crate) fn began(&self, kind: &str) -> Vec<u64> {
        let all = self.0.lock().expect("no panic");
        let began = all.get(kind).map(|counts| counts.began.as_slice()).unwrap_or_default();
        began.iter().map(Duration::as_secs).collect()
    }
}

/// Has something take so long, with a weight.
pub(crate) fn taking(
    builder: AssetBuilder,
    kind: &'static str,
    seconds: u64,
    weight: u64,
    watch: &Arc<Watch>,
) -> Asset {
    let (watch, start) = (Arc::clone(watch), Instant::now());
    builder.function(move |_| {
        let watch = Arc::clone(&watch);
        async move {
            watch.enter(kind, weight, start.elapsed());
            sleep(Duration::from_secs(seconds)).await;
            watch.leave(kind, weight);
            Ok(seconds)
        }
    })
}

pub(crate) fn definitions(assets: impl IntoIterator<Item = Asset>) -> Definitions {
    Definitions::new()
        .assets(assets)
        .without_config()
        .resource(Db)
        .default_io_manager(Arc::new(MemoryIo::new()))
}

pub(crate) fn pipeline(assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    definitions(assets).build().expect("is valid")
}

pub(crate) fn options(max_concurrent: usize, limits: &[&str]) -> RunOptions {
    let mut options = RunOptions::default();
    options.max_concurrent = max_concurrent;
    options.limits = limits.iter().map(|limit| limit.parse().expect("is a limit")).collect();
    options
}

pub(crate) fn budget(max_concurrent: usize, bytes: u64) -> RunOptions {
    let mut options = options(max_concurrent, &[]);
    options.memory_budget = Some(bytes);
    options
}

/// Runs everything; all of it succeeds.
pub(crate) async fn run(pipeline: &Pipeline, options: RunOptions) {
    let report = pipeline.run_with("*", options).await.expect("runs");
    for step in &report.steps {
        assert!(matches!(step.status, StepStatus::Succeeded(_)), "{:?}", step);
    }
}

/// Hears what is logged.
#[derive(Default)]
pub(crate) struct Logs(pub(crate) Mutex<Vec<String>>);

impl Observer for Logs {
    fn on_event(&self, event: &Event) {
        if let Event::Log { asset, message, .. } = event {
            self.0.lock().expect("no panic").push(format!("{asset}: {message}"));
        }
    }
}
