//! Values that are handed over while they are still being stored. Time is paused, nothing really waits.

use crate::support::budget;
use futures_util::stream::BoxStream;
use larder_catalog::{Catalog, Happening};
use larder_executor::{
    Asset, CodeVersion, Definitions, Event, Executor, Observer, Pipeline, Recompute, RetryPolicy, RunOptions,
    RunReport, StepStatus,
};
use larder_io_core::{
    Error, ErrorKind, InputContext, IoManager, Location, ManagerInfo, OutputContext, Receipt, Result, Staged, Value,
    async_trait,
};
use larder_io_memory::MemoryIo;
use larder_testkit::faulty::{Faulty, Op, Outcome};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MIB: u64 = 1 << 20;

/// A manager that takes its time to store some assets, and refuses others then.
#[derive(Debug)]
pub(crate) struct Slow(pub(crate) Faulty, pub(crate) BTreeMap<String, (u64, bool)>);

#[async_trait]
impl IoManager for Slow {
    fn info(&self) -> &ManagerInfo {
        self.0.info()
    }

    async fn stage(&self, context: &OutputContext, value: &Value) -> Result<Box<dyn Staged>> {
        if let Some((seconds, refused)) = self.1.get(context.asset.as_str()) {
            sleep(Duration::from_secs(*seconds)).await;
            if *refused {
                return Err(Error::new(ErrorKind::PermissionDenied, "no"));
            }
        }
        self.0.stage(context, value).await
    }

    async fn load_input(&self, context: &InputContext) -> Result<Value> {
        self.0.load_input(context).await
    }

    async fn head(&self, context: &InputContext) -> Result<Option<Receipt>> {
        self.0.head(context).await
    }

    async fn delete(&self, context: &InputContext) -> Result<()> {
        self.0.delete(context).await
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<Location>> {
        self.0.list(prefix)
    }
}

/// What happened, and in which second.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>, Mutex<Option<Instant>>);

impl Observer for Heard {
    fn on_event(&self, event: &Event) {
        let heard = match event {
            Event::Computed { assets, .. } => format!("computed {}", assets[0]),
            Event::Materialized(made) => format!("published {}", made.asset),
            Event::StepFailed { assets, .. } => format!("failed {}", assets[0]),
            Event::StepSkipped { assets, because, .. } => format!("skipped {} for {because}", assets[0]),
            _ => return,
        };
        let began = *self.1.lock().expect("no panic").get_or_insert_with(Instant::now);
        let second = began.elapsed().as_secs();
        self.0.lock().expect("no panic").push(format!("{second}: {heard}"));
    }
}

fn manager(faults: &[(Op, u64)]) -> Arc<Slow> {
    let refused = Outcome::Refused(ErrorKind::PermissionDenied);
    let faulty = Faulty::new(MemoryIo::new());
    let faults = faults.iter();
    let faulty = faults.fold(faulty, |faulty, (op, nth)| faulty.failing(*op, *nth, refused));
    Arc::new(Slow(faulty, BTreeMap::from([("up".to_owned(), (10, false))])))
}

fn up() -> Asset {
    let builder = Asset::builder("up").code_version(CodeVersion::manual("1"));
    builder.function(|_| async { Ok(7_u64) })
}

/// Takes another's number for two seconds.
fn after(key: &str, of: &str) -> Asset {
    let builder = Asset::builder(key).code_version(CodeVersion::manual("1"));
    builder.input_from::<u64>("of", of).function(|mut args| async move {
        let of: u64 = args.input().await?;
        sleep(Duration::from_secs(2)).await;
        Ok(of + 1)
    })
}

pub(crate) fn pipeline(manager: &Arc<Slow>, assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    let manager = Arc::<Slow>::clone(manager) as Arc<dyn IoManager>;
    let definitions = Definitions::new().assets(assets).without_config();
    definitions.default_io_manager(manager).build().expect("is valid")
}

async fn heard(pipeline: &Pipeline, mut options: RunOptions) -> (RunReport, Vec<String>) {
    let heard = Arc::new(Heard(Mutex::default(), Mutex::new(Some(Instant::now()))));
    options.observers = vec![Arc::<Heard>::clone(&heard)];
    let report = pipeline.run_with("*", options).await.expect("runs");
    let heard = std::mem::take(&mut *heard.0.lock().expect("no panic"));
    (report, heard)
}

#[tokio::test(start_paused = true)]
async fn consumers_begin_when_the_value_is_computed_and_publish_after_it() {
    let manager = manager(&[]);
    let pipeline = pipeline(&manager, [up(), after("a", "up"), after("b", "a"), after("c", "up")]);
    let (report, heard) = heard(&pipeline, budget(8, 64 * MIB)).await;
    assert!(report.succeeded());
    assert_eq!(
        heard[..4],
        ["0: computed up", "2: computed a", "2: computed c", "4: computed b"]
    );
    let mut published = heard[4..].to_vec();
    assert_eq!(published.first().map(String::as_str), Some("10: published up"));
    published.sort();
    let all = [
        "10: published a",
        "10: published b",
        "10: published c",
        "10: published up",
    ];
    assert_eq!(published, all);
    let at = |what: &str| heard.iter().position(|heard| heard.ends_with(what));
    assert!(at("published a") < at("published b"), "{heard:?}");
    assert_eq!(manager.0.calls(Op::Load), 0);
    assert_eq!(pipeline.load::<u64>("b").await.expect("loads"), 9);
}

#[tokio::test(start_paused = true)]
async fn what_was_computed_from_a_value_that_is_not_published_is_dropped() {
    for (op, nth) in [(Op::Stage, 1), (Op::Publish, 1)] {
        let manager = manager(&[(op, nth)]);
        let pipeline = pipeline(&manager, [up(), after("a", "up"), after("b", "a"), after("c", "b")]);
        let catalog = Catalog::in_memory().expect("opens");
        let pipeline = pipeline.with_catalog(catalog.clone());
        let (report, heard) = heard(&pipeline, budget(8, 64 * MIB)).await;
        assert_eq!(report.counts(), [0, 1, 3], "{heard:?}");
        let end = [
            "10: failed up",
            "10: skipped a for up",
            "10: skipped b for up",
            "10: skipped c for up",
        ];
        assert_eq!(heard[4..], end);
        for step in &report.steps[1..] {
            assert!(matches!(&step.status, StepStatus::Skipped { because } if because.as_str() == "up"));
        }
        for key in ["a", "b", "c"] {
            let missing = pipeline.load::<u64>(key).await.expect_err("is not there");
            assert_eq!(missing.kind(), ErrorKind::NotFound);
        }
        let failures = catalog
            .history(&pipeline.key("a").expect("is one"), None, 9)
            .await
            .expect("reads");
        assert!(failures.is_empty(), "{failures:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_could_begin_and_had_not_never_does() {
    let pipeline = pipeline(&manager(&[(Op::Publish, 1)]), [up(), after("a", "up"), after("b", "a")]);
    let (report, heard) = heard(&pipeline, budget(1, 64 * MIB)).await;
    assert_eq!(report.counts(), [0, 1, 2]);
    assert_eq!(
        heard,
        [
            "0: computed up",
            "10: failed up",
            "10: skipped a for up",
            "10: skipped b for up"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_meanwhile_has_failed_and_the_other_is_published() {
    let failing = Asset::builder("a")
        .input_from::<u64>("of", "up")
        .function(|mut args| async move {
            args.input::<u64>().await?;
            Err::<u64, _>(Error::new(ErrorKind::AssetFailed, "never"))
        });
    let pipeline = pipeline(&manager(&[]), [up(), failing, after("b", "a")]);
    let (report, heard) = heard(&pipeline, budget(8, 64 * MIB)).await;
    assert_eq!(report.counts(), [1, 1, 1]);
    assert_eq!(
        heard,
        [
            "0: computed up",
            "0: failed a",
            "0: skipped b for a",
            "10: published up"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn others_wait_until_it_is_published() {
    let none = |_: &mut RunOptions| {};
    let waits = Asset::builder("a")
        .input_from::<()>("of", "up")
        .function(|mut args| async move {
            args.input::<()>().await?;
            Ok(8_u64)
        });
    let other_type = Asset::builder("a")
        .input_from::<Option<u64>>("of", "up")
        .function(|mut args| async move { args.input::<Option<u64>>().await });
    type Change = fn(&mut RunOptions);
    let cases: [(&str, Asset, Change); 7] = [
        ("no budget", after("a", "up"), |options| options.memory_budget = None),
        ("a timeout would count the waiting", after("a", "up"), |options| {
            options.step_timeout = Some(Duration::from_secs(60))
        }),
        ("another attempt may give another value", after("a", "up"), |options| {
            options.retry = Some(RetryPolicy::of_attempts(2))
        }),
        ("whether it is stale is not known yet", after("a", "up"), |options| {
            options.recompute = Recompute::Stale
        }),
        ("it waits for what is done, not for a value", waits, none),
        ("it reads what is stored", other_type, none),
        ("nothing is in the way", after("a", "up"), none),
    ];
    for (why, asset, change) in cases {
        let pipeline = pipeline(&manager(&[]), [up(), asset]);
        let mut options = budget(8, 64 * MIB);
        change(&mut options);
        let (report, heard) = heard(&pipeline, options).await;
        assert!(report.succeeded(), "{why}: {heard:?}");
        let at = |what: &str| heard.iter().position(|heard| heard.ends_with(what));
        let early = at("computed a") < at("published up");
        assert_eq!(early, why == "nothing is in the way", "{why}: {heard:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_it_was_made_from_is_recorded_as_what_was_published() {
    let catalog = Catalog::in_memory().expect("opens");
    let manager = manager(&[]);
    let pipeline = pipeline(&manager, [up(), after("a", "up"), after("b", "a")]).with_catalog(catalog.clone());
    // An older value of `up` is there.
    pipeline.store("up", 1_u64).await.expect("stores");
    let mut options = budget(8, 64 * MIB);
    let (report, lines) = heard(&pipeline, options.clone()).await;
    assert!(report.succeeded());
    assert_eq!(lines[..3], ["0: computed up", "2: computed a", "4: computed b"]);
    for (key, of) in [("a", "up"), ("b", "a")] {
        let made = catalog
            .history(&pipeline.key(key).expect("is one"), None, 1)
            .await
            .expect("reads");
        let [Happening::Materialized(entry)] = made.as_slice() else {
            panic!("{made:?}")
        };
        let version = report
            .materialization(of)
            .and_then(|made| made.receipt.as_ref())
            .expect("is stored")
            .data_version();
        let from = format!("{:?}", entry.inputs);
        assert!(from.contains(&version) && from.contains(of), "{from} lacks {version}");
    }
    options.recompute = Recompute::Stale;
    let (report, _) = heard(&pipeline, options).await;
    assert_eq!(report.fresh(), 3, "it is as it would be made again");
}

#[tokio::test]
async fn it_is_the_same_on_threads() {
    let pipeline = pipeline(
        &manager(&[]),
        [Asset::builder("a").function(|_| async { Ok(1_u64) }), after("b", "a")],
    );
    let mut options = budget(4, 64 * MIB);
    options.executor = Executor::Threads;
    assert!(pipeline.run_with("*", options).await.expect("runs").succeeded());
    assert_eq!(pipeline.load::<u64>("b").await.expect("loads"), 2);
}
