//! Assets whose cluster is broken while it computes them: each test has a cluster of its own.

mod common;

mod on_spark {
    use crate::common::pipelines::{definitions, made, shown, stored, walk};
    use crate::common::start::Cluster;
    use crate::common::{groups, jobs, own, slow_groups, triples, until};
    use larder_executor::{Asset, Definitions, Pipeline, RetryPolicy};
    use larder_io_core::{Effect, ErrorKind};
    use std::path::Path;
    use std::time::Duration;
    use tokio::sync::Mutex;

    /// Memory for one cluster at a time.
    static ALONE: Mutex<()> = Mutex::const_new(());

    const ROWS: u64 = 4_000_000;

    /// Waits until a job is in its middle.
    async fn in_the_middle(page: u16) {
        let middle = || {
            jobs(page).iter().any(|job| {
                let count = |name: &str| job[name].as_u64().unwrap_or(0);
                job["status"] == "RUNNING" && count("numCompletedTasks") >= 4
            })
        };
        until("some tasks are done", middle).await;
    }

    fn pipeline(dir: &Path, cluster: &Cluster, asset: Asset) -> Pipeline {
        of(dir, cluster).assets([asset]).build().expect("is valid")
    }

    /// The engine gives a server up soon.
    fn of(dir: &Path, cluster: &Cluster) -> Definitions {
        definitions(dir, &format!("{}?tries=3&connect_timeout=5s", cluster.address()))
    }

    fn slow() -> String {
        slow_groups(ROWS, 20, 700)
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_worker_that_is_killed_changes_no_rows_of_an_asset() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let mut cluster = own(
            dir.path(),
            &[("spark.connect.execute.reattachable.senderMaxStreamDuration", "4s")],
        );
        let page = cluster.page;
        let pipeline = pipeline(dir.path(), &cluster, Asset::builder("groups").retries(2).sql(slow()));
        let (report, ()) = tokio::join!(pipeline.run("*"), async {
            in_the_middle(page).await;
            tokio::task::block_in_place(|| {
                cluster.kill("worker-1");
                cluster.start_worker("worker-3").expect("starts");
            });
        });
        let report = report.expect("runs");
        assert!(report.succeeded(), "{report:?}");
        let table = stored(&pipeline, "groups").await;
        assert_eq!(triples(table.batches()), groups(ROWS));
        let left = walk(&dir.path().join("lake"));
        assert!(!left.iter().any(|name| name.contains("_larder_fill_")), "{left:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_server_that_is_killed_leaves_the_old_value_and_is_tried_again() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let mut cluster = own(dir.path(), &[]);
        let page = cluster.page;
        let old = Asset::builder("groups").sql("select 1L as k, 2L as n, 3L as s");
        made(of(dir.path(), &cluster).assets([old])).await;

        let once = pipeline(dir.path(), &cluster, Asset::builder("groups").sql(slow()));
        let (report, ()) = tokio::join!(once.run("*"), async {
            in_the_middle(page).await;
            tokio::task::block_in_place(|| cluster.kill("connect"));
        });
        let report = report.expect("runs");
        let error = report.error("groups").expect("the server is gone");
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::Unavailable, Effect::None),
            "{error}"
        );
        assert!(
            error
                .message()
                .contains("is the Spark Connect server running at sc://127.0.0.1:"),
            "{error}"
        );
        assert_eq!(shown(&once, "groups").await, ["1|2|3"]);

        // With nobody there, it is said at once, with what to do.
        let report = once.run("*").await.expect("runs");
        let error = report.error("groups").expect("nobody is there");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.message().contains("start one with"), "{error}");

        // Started anew in the middle of a run whose steps may be tried again.
        cluster.start_connect().expect("starts");
        cluster.wait().expect("answers");
        let mut patient = RetryPolicy::default();
        (patient.attempts, patient.max_delay) = (60, Duration::from_secs(1));
        let again = pipeline(
            dir.path(),
            &cluster,
            Asset::builder("groups").retry(patient).sql(slow()),
        );
        let (report, ()) = tokio::join!(again.run("*"), async {
            in_the_middle(page).await;
            tokio::task::block_in_place(|| {
                cluster.kill("connect");
                cluster.start_connect().expect("starts");
            });
        });
        let report = report.expect("runs");
        assert!(report.succeeded(), "{report:?}");
        let table = stored(&again, "groups").await;
        assert_eq!(triples(table.batches()), groups(ROWS));
    }
}
