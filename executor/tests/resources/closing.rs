//! Closed however a run ends, the last one first, each within its time.

use crate::support::{Act, Db, Journal, db, definitions, only, options, plain, run, scripted, seconds, takes};
use larder_executor::{Asset, RunOptions, RunResource, Stop};
use larder_io_core::{Error, ErrorKind};
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, sleep};

struct Web;

fn failing(key: &str) -> Asset {
    Asset::builder(key)
        .resource::<Db>()
        .function(|_| async { Err::<u64, _>(Error::new(ErrorKind::InvalidData, "no")) })
}

fn panicking(key: &str) -> Asset {
    Asset::builder(key).resource::<Db>().function(|_| async {
        if true {
            panic!("oh");
        }
        Ok(1_u64)
    })
}

async fn closed_after(assets: impl IntoIterator<Item = Asset>, change: impl FnOnce(&mut RunOptions)) -> Vec<String> {
    let journal = Journal::default();
    let pipeline = definitions(assets)
        .run_resource(db(&journal, []))
        .build()
        .expect("is valid");
    let mut options = options(&journal);
    change(&mut options);
    run(&pipeline, options).await;
    journal.take()
}

const CLOSED: [&str; 2] = ["close db", "closed db"];

#[tokio::test(start_paused = true)]
async fn however_the_run_ends() {
    let hour = seconds(3600);
    let lines = closed_after([takes::<Db>("a", hour), failing("b")], |_| {}).await;
    assert_eq!(lines[2..], ["failed b InvalidData", "made a", "close db", "closed db"]);
    let lines = closed_after([panicking("a")], |_| {}).await;
    assert_eq!(lines[2..], ["failed a AssetFailed", "close db", "closed db"]);
    let lines = closed_after([takes::<Db>("a", hour)], |options| options.timeout = Some(seconds(9))).await;
    assert_eq!(lines[2..], ["failed a Timeout", "close db", "closed db"]);
    let lines = closed_after([takes::<Db>("a", hour)], |options| {
        options.step_timeout = Some(seconds(9));
    })
    .await;
    assert_eq!(lines[2..], ["failed a Timeout", "close db", "closed db"]);
    let stop = Stop::new();
    let stops = stop.clone();
    tokio::spawn(async move {
        sleep(seconds(9)).await;
        stops.stop();
    });
    let lines = closed_after([takes::<Db>("a", hour)], |options| options.stop = Some(stop)).await;
    assert_eq!(lines[2..], ["failed a Cancelled", "close db", "closed db"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_run_that_is_dropped_it_is_closed_in_the_background() {
    let journal = Journal::default();
    let pipeline = definitions([takes::<Db>("a", seconds(3600))])
        .run_resource(db(&journal, []))
        .build()
        .expect("is valid");
    let run = tokio::time::timeout(seconds(9), run(&pipeline, options(&journal)));
    run.await.expect_err("is dropped");
    sleep(seconds(1)).await;
    // Nobody is told any more.
    assert_eq!(journal.take(), ["open db", "opened db 1", "close db"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_one_first() {
    let journal = Journal::default();
    let web = |times: u64| scripted("web", &journal, || Web, [Act::Take(seconds(times))], []);
    let db = |times: u64| db(&journal, [Act::Take(seconds(times))]);
    let assets = || [takes::<Db>("a", seconds(9)), takes::<Web>("b", seconds(9))];
    for (of_db, of_web, order) in [(1, 2, ["close web", "close db"]), (2, 1, ["close db", "close web"])] {
        let definitions = definitions(assets()).run_resource(db(of_db)).run_resource(web(of_web));
        run(&definitions.build().expect("is valid"), options(&journal)).await;
        assert_eq!(only(&journal.take(), &["close "]), order);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_closed_is_told_and_fails_nothing() {
    let journal = Journal::default();
    let closing = |act: Act| scripted("db", &journal, || Db, [], [act]).close_timeout(seconds(3));
    let named = format!(
        "the resource `db` (`{}`) could not be closed: ",
        std::any::type_name::<Db>()
    );
    for (act, told) in [
        (Act::Foreign("it is stuck"), "it is stuck"),
        (Act::Panic("oh"), "the code that closes it panicked"),
        (
            Act::Take(seconds(3600)),
            "it took longer than 3s and was dropped; give it more time with `close_timeout` in `[resources.db]`",
        ),
    ] {
        let web = scripted("web", &journal, || Web, [], []);
        let both = Asset::builder("a")
            .resource::<Web>()
            .resource::<Db>()
            .function(|_| async { Ok(1_u64) });
        let definitions = definitions([both]).run_resource(web).run_resource(closing(act));
        let began = Instant::now();
        let report = run(&definitions.build().expect("is valid"), options(&journal)).await;
        assert!(began.elapsed() <= seconds(3), "{:?}", began.elapsed());
        assert!(report.succeeded());
        assert_eq!(report.unclosed.len(), 1);
        let message = report.unclosed[0].message().to_owned();
        assert!(message.starts_with(&named) && message.contains(told), "{message}");
        let lines = only(&journal.take(), &["closed", "made"]);
        assert_eq!(
            lines,
            [
                "made a".to_owned(),
                format!("closed db: {message}"),
                "closed web".to_owned()
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_being_opened_at_the_end_is_given_up() {
    let journal = Journal::default();
    let pipeline = definitions([takes::<Db>("a", seconds(0)), plain("b")])
        .run_resource(db(&journal, [Act::Take(seconds(30))]))
        .build()
        .expect("is valid");
    let mut options = options(&journal);
    options.timeout = Some(seconds(9));
    run(&pipeline, options.clone()).await;
    let lines = journal.take();
    assert!(lines.contains(&"open db".to_owned()), "{lines:?}");
    assert_eq!(lines[2..], ["failed a Timeout", "given up to open db"]);
    // The next run begins anew.
    assert!(run(&pipeline, options).await.succeeded());
    assert_eq!(only(&journal.take(), &CLOSED), CLOSED);
}

/// Its code has no await at which it could be given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_opened_when_the_run_is_over_is_closed_at_once() {
    let (journal, stop) = (Journal::default(), Stop::new());
    let (ended, wait) = std::sync::mpsc::channel::<()>();
    let (wait, opens, closes) = (Mutex::new(wait), journal.clone(), journal.clone());
    let blocking = RunResource::new("db", move |()| {
        opens.add("open db");
        let _ = wait.lock().expect("no panic").recv();
        async { Ok::<_, Error>(Db) }
    })
    .closed_by(move |_| {
        let journal = closes.clone();
        async move {
            tokio::task::yield_now().await;
            journal.add("close db");
            Ok::<_, Error>(())
        }
    });
    let pipeline = definitions([takes::<Db>("a", seconds(0))])
        .run_resource(blocking)
        .build()
        .expect("is valid");
    let mut options = options(&journal);
    options.stop = Some(stop.clone());
    let running = tokio::spawn(async move { run(&pipeline, options).await });
    written(&journal, "open db").await;
    stop.stop();
    running.await.expect("ends");
    assert_eq!(journal.take(), ["failed a Cancelled"]);
    ended.send(()).expect("is waited for");
    written(&journal, "close db").await;
}

/// Waits until this is written.
async fn written(journal: &Journal, line: &str) {
    let written = async {
        while !journal.take().iter().any(|written| written == line) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    // So long nobody waits: whoever does hangs.
    let written = tokio::time::timeout(seconds(30), written).await;
    written.unwrap_or_else(|_| panic!("nobody wrote `{line}`"));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_given_up_takes_nothing_from_the_others() {
    let journal = Journal::default();
    let impatient = takes::<Db>("a", seconds(3600));
    let patient = takes::<Db>("b", seconds(20));
    let pipeline = definitions([impatient, patient])
        .run_resource(db(&journal, []))
        .build()
        .expect("is valid");
    let mut options = options(&journal);
    options.step_timeout = Some(seconds(30));
    run(&pipeline, options).await;
    assert_eq!(
        journal.take()[2..],
        ["made b", "failed a Timeout", "close db", "closed db"]
    );
    assert_eq!(pipeline.closing_time(), Duration::from_secs(5));
}
