//! Which policies a manager of a pipeline gets.

use crate::support::*;
use larder_executor::policy::Policies;
use larder_executor::{Asset, Definitions, Pipeline, RetryPolicy};
use larder_io_core::{ErrorKind, IoManager};
use std::sync::Arc;

fn number() -> Asset {
    Asset::builder("reports/summary").function(|_| async { Ok(7_u64) })
}

fn definitions(manager: &Scripted) -> Definitions {
    let manager: Arc<dyn IoManager> = Arc::new(manager.clone());
    Definitions::new()
        .asset(number())
        .default_io_manager(manager)
        .variables([])
}

async fn attempts(pipeline: Pipeline, manager: &Scripted) -> usize {
    let key = pipeline.key("reports/summary").expect("is there");
    pipeline.head(&key).await.expect_err("fails");
    manager.times("head").len()
}

fn failing() -> Scripted {
    Scripted::new().script("head", fails(ErrorKind::Unavailable, 99))
}

fn of(attempts: u32) -> Policies {
    Policies::default().with_retry(RetryPolicy::of_attempts(attempts))
}

#[tokio::test(start_paused = true)]
async fn a_local_manager_has_none_unless_told() {
    let manager = failing();
    let pipeline = definitions(&manager).build().expect("fits");
    assert_eq!(attempts(pipeline, &manager).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_remote_manager_has_the_defaults() {
    let manager = failing().remote();
    let pipeline = definitions(&manager).build().expect("fits");
    assert_eq!(attempts(pipeline, &manager).await, 5);
}

#[tokio::test(start_paused = true)]
async fn its_own_go_before_the_default_ones() {
    let manager = failing();
    let both = definitions(&manager)
        .default_policies(of(2))
        .policies("io_manager", of(3));
    assert_eq!(attempts(both.build().expect("fits"), &manager).await, 3);
    let manager = failing();
    let one = definitions(&manager).default_policies(of(2));
    assert_eq!(attempts(one.build().expect("fits"), &manager).await, 2);
    let manager = failing().remote();
    let off = definitions(&manager).policies("io_manager", of(1));
    assert_eq!(attempts(off.build().expect("fits"), &manager).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_named_manager_and_the_one_of_everything_too() {
    let (named, other) = (failing(), failing());
    let asset = Asset::builder("reports/summary")
        .io_manager("warehouse")
        .function(|_| async { Ok(7_u64) });
    let pipeline = Definitions::new()
        .asset(asset)
        .io_manager("warehouse", Arc::new(named.clone()))
        .policies("warehouse", of(4))
        .variables([]);
    assert_eq!(attempts(pipeline.clone().build().expect("fits"), &named).await, 4);
    let everything = pipeline
        .default_policies(of(2))
        .with_every_asset_in(Arc::new(other.clone()));
    assert_eq!(attempts(everything.build().expect("fits"), &other).await, 2);
}

#[tokio::test(start_paused = true)]
async fn one_limit_for_all_assets_of_a_manager() {
    let manager = Scripted::new().script("head", (0..8).map(|_| Act::Done(ms(100))));
    let assets = (0..8).map(|index| Asset::builder(format!("n{index}")).function(|_| async { Ok(7_u64) }));
    let pipeline = Definitions::new()
        .assets(assets)
        .default_io_manager(Arc::new(manager.clone()))
        .default_policies(plain().with_max_concurrent(2))
        .variables([]);
    let report = pipeline.run("*").await.expect("runs");
    assert!(report.succeeded());
    assert_eq!(manager.most(), 2);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_runs() {
    let manager = Scripted::new();
    let wrong = definitions(&manager).policies("io_manager", of(0)).build();
    let error = wrong.expect_err("is wrong");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error
            .message()
            .contains("the policies of the I/O manager `io_manager`: `retry.attempts` is 0"),
        "{error}"
    );
    let nobody = definitions(&manager).policies("io_manger", of(2)).build();
    let error = nobody.expect_err("is nobody's");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("did you mean `io_manager`?"), "{error}");
}

#[test]
fn a_root_that_is_a_url_is_shown_as_it_is() {
    let url = "s3://bucket/prefix";
    let manager = Scripted::new().at(url);
    let report = definitions(&manager).without_config().check_config().expect("fits");
    assert_eq!(report.io_managers[0].root, url);
    let pipeline = definitions(&manager).build().expect("fits");
    let key = pipeline.key("reports/summary").expect("is there");
    assert_eq!(pipeline.explain(&key).expect("is there").root.as_deref(), Some(url));
    let torn = Scripted::new().at(url).not_atomic();
    let error = definitions(&torn).build().expect_err("could lose a value");
    let named = "the I/O manager `io_manager` (s3://bucket/prefix) cannot publish atomically";
    assert!(error.message().starts_with(named), "{error}");
    let twice = Asset::builder("reports/Summary").function(|_| async { Ok(7_u64) });
    let error = definitions(&manager).asset(twice).build().expect_err("is one place");
    assert!(error.message().contains("in s3://bucket/prefix;"), "{error}");
    let local = definitions(&Scripted::new()).build().expect("fits");
    assert_eq!(
        local.explain(&key).expect("is there").root.as_deref(),
        Some("script:/stage")
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_run_has_its_context_once() {
    let manager = Scripted::new().script("publish", fails(ErrorKind::PermissionDenied, 1));
    let report = definitions(&manager).run("*").await.expect("runs");
    let error = report.error("reports/summary").expect("failed");
    let names: Vec<&str> = error.contexts().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["operation", "asset", "io_manager", "location", "run"],
        "{error}"
    );
    assert_eq!(error.context("operation"), Some("publish"));
}
