//! Hooks: when they are called, and that they harm nothing.

use larder_executor::hook::{HookContext, Moment};
use larder_executor::{Asset, Definitions, Event, Observer, Pipeline, RunOptions, Stop};
use larder_io_core::{Error, ErrorKind, Result};
use larder_io_memory::MemoryIo;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ALL: [Moment; 7] = [
    Moment::BeforeStep,
    Moment::BeforeLoad,
    Moment::AfterLoad,
    Moment::BeforeStore,
    Moment::AfterStore,
    Moment::AfterStep,
    Moment::OnFailure,
];

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn add(&self, text: String) {
        self.0.lock().expect("no panic").push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    /// What a hook is told, in one line.
    fn hear(&self, told: &HookContext) {
        let subject = told
            .subject
            .as_ref()
            .map(|key| format!(" of {key}"))
            .unwrap_or_default();
        let made = told.materialization.as_ref().and_then(|made| made.receipt.as_ref());
        let made = made.map(|receipt| format!(", {}", receipt.asset)).unwrap_or_default();
        let error = told
            .error
            .as_ref()
            .map(|error| format!(": {}", error.message()))
            .unwrap_or_default();
        self.add(format!("{} {}{subject}{made}{error}", told.assets[0], told.moment));
    }
}

impl Observer for Heard {
    fn on_event(&self, event: &Event) {
        if let Event::Log { asset, message, .. } = event {
            self.add(format!("{asset}: {message}"));
        }
    }
}

fn definitions() -> Definitions {
    let a = Asset::builder("a").function(|_| async { Ok(1_u64) });
    let b = Asset::builder("b")
        .input::<u64>("a")
        .function(|mut args| async move { args.input::<u64>().await });
    let broken = Asset::builder("broken")
        .input::<u64>("b")
        .function(|_| async { Err::<u64, _>(Error::new(ErrorKind::AssetFailed, "no data")) });
    Definitions::new()
        .without_config()
        .assets([a, b, broken])
        .default_io_manager(Arc::new(MemoryIo::new()))
}

/// Runs it all, one step after another.
async fn counts(pipeline: &Pipeline, observer: &Heard) -> [usize; 3] {
    let mut options = RunOptions::default();
    options.max_concurrent = 1;
    options.observers = vec![Arc::new(observer.clone())];
    pipeline.run_with("*", options).await.expect("runs").counts()
}

#[tokio::test]
async fn every_moment_is_told_in_its_turn() {
    let heard = Heard::default();
    let hooked = ALL.into_iter().fold(definitions(), |definitions, moment| {
        let heard = heard.clone();
        definitions.hook(moment, move |told| {
            heard.hear(&told);
            async { Ok(()) }
        })
    });
    let pipeline = hooked.build().expect("is valid");
    assert_eq!(counts(&pipeline, &Heard::default()).await, [2, 1, 0]);
    assert_eq!(
        heard.take(),
        [
            "a before the step",
            "a before a store of a",
            "a after a store of a, a",
            "a after the step",
            "b before the step",
            "b before a load of a",
            "b after a load of a",
            "b before a store of b",
            "b after a store of b, b",
            "b after the step",
            "broken before the step",
            "broken before a load of b",
            "broken after a load of b",
            "broken on failure: no data",
        ]
    );
}

#[tokio::test]
async fn a_hook_that_fails_or_panics_is_told_and_harms_nothing() {
    let failing = ALL.into_iter().fold(definitions(), |definitions, moment| {
        definitions
            .hook(moment, |_| async {
                Err(Error::new(ErrorKind::Unavailable, "nobody answers"))
            })
            .hook(moment, |told| async move { panic!("hook of {}", told.assets[0]) })
            .hook(moment, |told| -> std::future::Ready<Result<()>> {
                panic!("at once, {}", told.assets[0])
            })
    });
    let pipeline = failing.build().expect("is valid");
    let heard = Heard::default();
    assert_eq!(counts(&pipeline, &heard).await, [2, 1, 0]);
    assert_eq!(pipeline.load::<u64>("b").await.expect("is stored"), 1);
    let heard = heard.take();
    assert_eq!(heard.len(), 3 * 14);
    assert_eq!(heard[0], "a: a hook before the step failed: nobody answers");
    assert!(
        heard[1].starts_with("a: a hook before the step failed: it panicked"),
        "{}",
        heard[1]
    );
    assert!(heard[1].ends_with(": hook of a"), "{}", heard[1]);
    assert!(heard[2].ends_with(": at once, a"), "{}", heard[2]);
}

#[tokio::test]
async fn a_hook_that_waits_is_dropped_with_its_run_and_its_step() {
    let stop = Stop::new();
    let stops = stop.clone();
    let waiting = definitions().hook(Moment::BeforeStore, move |_| {
        let stops = stops.clone();
        async move {
            stops.stop();
            std::future::pending().await
        }
    });
    let pipeline = waiting.build().expect("is valid");
    let mut options = RunOptions::default();
    options.stop = Some(stop);
    let report = pipeline.run_with("a", options).await.expect("ends");
    assert_eq!(report.error("a").expect("failed").kind(), ErrorKind::Cancelled);
    let stored = pipeline.load::<u64>("a").await.expect_err("is not stored");
    assert_eq!(stored.kind(), ErrorKind::NotFound);

    let waiting = definitions().hook(Moment::BeforeLoad, |_| std::future::pending());
    let pipeline = waiting.build().expect("is valid");
    let mut options = RunOptions::default();
    options.step_timeout = Some(Duration::from_millis(50));
    let report = pipeline.run_with("a b", options).await.expect("ends");
    assert_eq!(report.error("b").expect("failed").kind(), ErrorKind::Timeout);
}
