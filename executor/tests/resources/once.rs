//! Opened when it is first needed, once, and not where nobody needs it.

use crate::support::{Act, Db, Journal, db, definitions, only, options, plain, run, scripted, seconds, takes};
use larder_executor::{Asset, Executor, Recompute};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test(start_paused = true)]
async fn once_however_many_ask_while_it_is_opened() {
    let journal = Journal::default();
    let keys: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
    let assets = keys.iter().map(|key| takes::<Db>(key, seconds(1)));
    let pipeline = definitions(assets)
        .run_resource(db(&journal, [Act::Take(seconds(5))]))
        .build()
        .expect("is valid");
    // Once for each run.
    for _ in 0..2 {
        let report = run(&pipeline, options(&journal)).await;
        assert!(report.succeeded(), "{report:?}");
        let lines = journal.take();
        assert_eq!(
            only(&lines, &["open", "close"]),
            ["open db", "opened db 1", "close db", "closed db"]
        );
        assert_eq!(only(&lines, &["made"]).len(), 20);
        // Before anything is made, and after all.
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("open db", "opened db 1"));
        assert_eq!(lines[22..], ["close db", "closed db"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_for_steps_on_threads_and_all_have_the_same() {
    struct Pool(usize);
    let (journal, opened) = (Journal::default(), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::new(AtomicUsize::new(0));
    let assets = (0..20).map(|number| {
        let seen = Arc::clone(&seen);
        Asset::builder(format!("n{number}"))
            .resource::<Pool>()
            .function(move |args| {
                let seen = Arc::clone(&seen);
                async move {
                    seen.fetch_add(args.resource::<Pool>()?.0, Ordering::Relaxed);
                    Ok(1_u64)
                }
            })
    });
    let pool = scripted(
        "pool",
        &journal,
        move || Pool(opened.fetch_add(1, Ordering::Relaxed) + 1),
        [],
        [],
    );
    let pipeline = definitions(assets).run_resource(pool).build().expect("is valid");
    let mut options = options(&journal);
    options.executor = Executor::Threads;
    assert!(run(&pipeline, options).await.succeeded());
    assert_eq!(only(&journal.take(), &["open ", "close "]), ["open pool", "close pool"]);
    assert_eq!(seen.load(Ordering::Relaxed), 20);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_opened_that_no_step_needs() {
    let journal = Journal::default();
    let pipeline = definitions([takes::<Db>("a", seconds(0)), plain("b")])
        .run_resource(db(&journal, []))
        .build()
        .expect("is valid");
    let key = "a".parse().expect("is a key");
    assert_eq!(
        pipeline.explain(&key).expect("is known").resources,
        [format!("db (`{}`)", std::any::type_name::<Db>())]
    );
    assert_eq!(pipeline.assets().len(), 2);
    pipeline.plan("*", &options(&journal)).await.expect("is planned");
    pipeline.run_with("b", options(&journal)).await.expect("runs");
    assert_eq!(journal.take(), ["made b"]);
    assert!(run(&pipeline, options(&journal)).await.succeeded());
    assert_eq!(only(&journal.take(), &["open", "close"]).len(), 4);
    // What is there already needs nothing.
    let mut missing = options(&journal);
    missing.recompute = Recompute::Missing;
    let report = run(&pipeline, missing).await;
    assert_eq!((report.fresh(), journal.take()), (2, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn at_the_first_need_and_not_before() {
    let journal = Journal::default();
    let late = Asset::builder("late")
        .input::<u64>("a")
        .resource::<Db>()
        .function(|mut args| async move { args.input::<u64>().await });
    let pipeline = definitions([plain("a"), late])
        .run_resource(db(&journal, []))
        .build()
        .expect("is valid");
    run(&pipeline, options(&journal)).await;
    assert_eq!(
        journal.take(),
        ["made a", "open db", "opened db 1", "made late", "close db", "closed db"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_ready_stays_beside_it_and_one_may_stand_in_for_it() {
    let journal = Journal::default();
    let both = Asset::builder("a")
        .resource::<Db>()
        .resource::<u32>()
        .function(|args| async move {
            args.resource::<Db>()?;
            Ok(u64::from(*args.resource::<u32>()?))
        });
    let definitions = definitions([both]).run_resource(db(&journal, [])).resource(7_u32);
    let pipeline = definitions.clone().build().expect("is valid");
    assert!(run(&pipeline, options(&journal)).await.succeeded());
    assert_eq!(pipeline.load::<u64>("a").await.expect("loads"), 7);
    assert_eq!(only(&journal.take(), &["open "]), ["open db"]);
    let pipeline = definitions.replace_resource(Db).build().expect("is valid");
    assert!(run(&pipeline, options(&journal)).await.succeeded());
    assert_eq!(journal.take(), ["made a"]);
}
