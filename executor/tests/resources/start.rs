//! Opening is tried again as its policy says, and is no attempt at a step.

use crate::support::{Act, Db, Journal, busy, db, definitions, only, options, plain, run, seconds, takes};
use larder_executor::{Asset, Definitions, RetryPolicy, RunResource};
use larder_io_core::{Effect, Error, ErrorKind, Retry};
use std::any::type_name;
use tokio::time::Instant;

fn patient(resource: RunResource<Db>, attempts: u32) -> RunResource<Db> {
    let retry = RetryPolicy::of_attempts(attempts).with_jitter(false);
    resource.retry(retry.with_delays(seconds(1), seconds(60)))
}

fn built(journal: &Journal, acts: impl IntoIterator<Item = Act>, attempts: u32) -> Definitions {
    definitions([takes::<Db>("a", seconds(0))]).run_resource(patient(db(journal, acts), attempts))
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_and_the_step_is_not() {
    let journal = Journal::default();
    let asked = Error::new(ErrorKind::RateLimited, "slowly").with_retry(Retry::After(Some(seconds(30))));
    let acts = [
        busy("starting"),
        Act::Foreign("refused"),
        Act::Fail(asked),
        Act::Panic("oh"),
    ];
    let pipeline = built(&journal, acts, 5).build().expect("is valid");
    let began = Instant::now();
    let report = run(&pipeline, options(&journal)).await;
    assert!(report.succeeded(), "{report:?}");
    // 1, 2, 30 as the server asks, 8.
    assert_eq!(began.elapsed(), seconds(41));
    let lines = journal.take();
    let again = only(&lines, &["again", "opened"]);
    assert_eq!(
        again[..3],
        [
            "again db 1 1s starting",
            "again db 2 2s refused",
            "again db 3 30s slowly"
        ]
    );
    assert!(
        again[3].starts_with("again db 4 8s the code that opens it panicked"),
        "{again:?}"
    );
    assert_eq!(again[4..], ["opened db 5"]);
    let made = report.materialization("a").expect("was made");
    assert_eq!((made.measures.attempts, made.measures.lost), (1, seconds(0)));
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_good_fails_who_needs_it_and_skips_nothing_else() {
    let journal = Journal::default();
    let after = Asset::builder("after")
        .input::<u64>("a")
        .function(|mut args| async move { args.input::<u64>().await });
    let assets = [
        takes::<Db>("a", seconds(0)),
        takes::<Db>("b", seconds(0)),
        plain("c"),
        after,
    ];
    let resource = patient(db(&journal, (0..9).map(|_| busy("down"))), 3);
    let pipeline = definitions(assets).run_resource(resource).build().expect("is valid");
    let mut options = options(&journal);
    // Of steps, which are not tried.
    options.retry = Some(RetryPolicy::of_attempts(7));
    let report = run(&pipeline, options).await;
    assert_eq!(report.counts(), [1, 2, 1]);
    let mut lines = journal.take();
    lines.retain(|line| line != "made c");
    lines[5..].sort();
    assert_eq!(
        lines[..5],
        [
            "open db",
            "again db 1 1s down",
            "open db",
            "again db 2 2s down",
            "open db"
        ]
    );
    assert_eq!(
        lines[5..],
        ["failed a Unavailable", "failed b Unavailable", "skipped after"]
    );
    for key in ["a", "b"] {
        let error = report.error(key).expect("has failed");
        let message = format!(
            "the resource `db` (`{}`), taken by `a`, `b`, could not be opened in 3 attempts: down",
            type_name::<Db>()
        );
        assert_eq!(error.message(), message);
        let context = ["operation", "resource", "asset"].map(|name| error.context(name).expect(name));
        assert_eq!(context, ["open", "db", key]);
        assert_eq!((error.attempts(), error.effect()), (3, Effect::None));
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_not_tried_again() {
    let journal = Journal::default();
    let refused = Error::new(ErrorKind::Unauthenticated, "wrong password");
    let pipeline = built(&journal, [Act::Fail(refused)], 5).build().expect("is valid");
    let mut options = options(&journal);
    options.retry = Some(RetryPolicy::of_attempts(7));
    let report = run(&pipeline, options).await;
    assert_eq!(journal.take(), ["open db", "failed a Unauthenticated"]);
    let message = report.error("a").expect("has failed").message().to_owned();
    assert!(message.ends_with("could not be opened: wrong password"), "{message}");
}

/// Were the step computed again, an error of its own kind would have it so.
#[tokio::test(start_paused = true)]
async fn an_error_of_another_library_is_no_reason_to_compute_again() {
    let journal = Journal::default();
    let pipeline = built(&journal, (0..9).map(|_| Act::Foreign("refused")), 2)
        .build()
        .expect("is valid");
    let mut options = options(&journal);
    options.retry = Some(RetryPolicy::of_attempts(7));
    run(&pipeline, options).await;
    assert_eq!(
        journal.take(),
        ["open db", "again db 1 1s refused", "open db", "failed a AssetFailed"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_time_and_all_of_them_a_deadline() {
    let journal = Journal::default();
    let slow = || (0..9).map(|_| Act::Take(seconds(100)));
    let resource = |attempts| patient(db(&journal, slow()), attempts);
    let asset = || [takes::<Db>("a", seconds(0))];
    let pipeline = definitions(asset())
        .run_resource(resource(2).timeout(seconds(7)))
        .build();
    let began = Instant::now();
    let report = run(&pipeline.expect("is valid"), options(&journal)).await;
    assert_eq!(began.elapsed(), seconds(7 + 1 + 7));
    let error = report.error("a").expect("has failed");
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 2));
    assert!(
        error.message().contains("more time with `timeout` in `[resources.db]`"),
        "{error}"
    );
    // The default is a minute.
    let pipeline = definitions(asset()).run_resource(resource(1)).build();
    let began = Instant::now();
    run(&pipeline.expect("is valid"), options(&journal)).await;
    assert_eq!(began.elapsed(), seconds(60));
    let pipeline = definitions(asset()).run_resource(resource(1).timeout(None)).build();
    assert!(run(&pipeline.expect("is valid"), options(&journal)).await.succeeded());
    // After 1 and 2 seconds, and not after 4 more.
    let retry = RetryPolicy::of_attempts(9)
        .with_jitter(false)
        .with_delays(seconds(1), seconds(60));
    let limited = db(&journal, (0..9).map(|_| busy("down"))).retry(retry.with_deadline(seconds(6)));
    let pipeline = definitions(asset()).run_resource(limited).build();
    let report = run(&pipeline.expect("is valid"), options(&journal)).await;
    assert_eq!(report.error("a").expect("has failed").attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn its_time_is_none_of_the_steps() {
    let journal = Journal::default();
    let slow = db(&journal, [Act::Take(seconds(50))]);
    let pipeline = definitions([takes::<Db>("a", seconds(4))]).run_resource(slow).build();
    let mut options = options(&journal);
    options.step_timeout = Some(seconds(5));
    let report = run(&pipeline.expect("is valid"), options).await;
    assert!(report.succeeded(), "{report:?}");
}
