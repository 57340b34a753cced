//! Checks take resources as assets do, in a run and out of one.

use crate::support::{Act, Db, Journal, busy, db, definitions, only, options, plain, run, seconds};
use larder_executor::{Check, CheckOptions, Definitions, RetryPolicy, RunResource};
use std::sync::Arc;

fn check() -> Check {
    Check::builder("known")
        .asset("a")
        .resource::<Db>()
        .input::<u64>("a")
        .function(|args| async move {
            args.resource::<Db>()?;
            Ok(true)
        })
}

fn with(check: Check, resource: RunResource<Db>) -> Definitions {
    definitions([plain("a")]).checks([check]).run_resource(resource)
}

#[tokio::test(start_paused = true)]
async fn a_check_has_it_opened_when_it_is_made() {
    let journal = Journal::default();
    let pipeline = with(check().blocking(), db(&journal, [busy("down"), Act::Take(seconds(3))]));
    let pipeline = pipeline.build().expect("is valid");
    assert!(run(&pipeline, options(&journal)).await.succeeded());
    let lines = journal.take();
    assert_eq!(
        only(&lines, &["open", "made", "close"]),
        ["open db", "open db", "opened db 2", "made a", "close db", "closed db"]
    );
}

#[tokio::test(start_paused = true)]
async fn out_of_a_run_too() {
    let journal = Journal::default();
    let pipeline = with(check(), db(&journal, [])).build().expect("is valid");
    run(&pipeline, options(&journal)).await;
    journal.take();
    let mut options = CheckOptions::default();
    options.observers = vec![Arc::new(journal.clone())];
    let report = pipeline.check("*", options).await.expect("is checked");
    assert!(report.succeeded() && report.unclosed.is_empty() && report.checked.len() == 1);
    assert_eq!(journal.take(), ["open db", "opened db 1", "close db", "closed db"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_have_it_does_not_pass() {
    for (check, made) in [(check(), true), (check().blocking(), false)] {
        let journal = Journal::default();
        let resource = db(&journal, [busy("down")]).retry(RetryPolicy::of_attempts(1));
        let pipeline = with(check, resource).build().expect("is valid");
        let report = run(&pipeline, options(&journal)).await;
        assert_eq!(report.succeeded(), made);
        let checked: Vec<_> = report.checks().collect();
        let message = checked[0].message.clone().expect("says why");
        let named = std::any::type_name::<Db>();
        assert_eq!(
            (checked[0].passed, message),
            (
                false,
                format!(
                    "it could not be made: the resource `db` (`{named}`), taken by the check `known`, could not be opened: down"
                )
            )
        );
    }
}
