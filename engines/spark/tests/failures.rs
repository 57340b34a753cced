//! Servers that are not there, and servers that are killed: each test has a cluster of its own.

mod common;

mod on_spark {
    use crate::common::{all, groups, impatient, jobs_of, open, own, slow_groups, triples, until};
    use larder_engine_spark::{Address, Files, Session, Settings, Spark, Sql, Target};
    use larder_io_core::{Effect, ErrorKind, Retry};
    use std::io::Read;
    use std::net::TcpListener;
    use std::time::Duration;
    use tokio::sync::Mutex;

    /// Memory for one cluster at a time.
    static ALONE: Mutex<()> = Mutex::const_new(());

    /// Waits until a job of the session has done some of its tasks, and not all.
    async fn in_the_middle(page: u16, session: &Session) {
        let middle = || {
            jobs_of(page, session).iter().any(|job| {
                let count = |name: &str| job[name].as_u64().unwrap_or(0);
                job["status"] == "RUNNING" && count("numCompletedTasks") >= 4
            })
        };
        until("some tasks are done", middle).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_is_not_there_is_told_with_what_to_do() {
        let free = TcpListener::bind("127.0.0.1:0")
            .expect("binds")
            .local_addr()
            .expect("has one")
            .port();
        let address = Address::parse(&format!("sc://127.0.0.1:{free}/;token=s3cret")).expect("is an address");
        let error = Spark::connect(&address, &impatient())
            .await
            .expect_err("nobody is there");
        assert_eq!(
            (error.kind(), error.retry()),
            (ErrorKind::Unavailable, Retry::After(None))
        );
        assert!(
            error.message().contains(&format!(
                "is the Spark Connect server running at sc://127.0.0.1:{free}/;token=[redacted]?"
            )),
            "{error}"
        );
        assert!(error.message().contains("start one with"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_no_spark_is_told() {
        // Something that takes a connection and says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = listener.local_addr().expect("has one").port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                std::thread::spawn(move || {
                    let mut all = Vec::new();
                    let _ = stream.expect("connects").read_to_end(&mut all);
                });
            }
        });
        let address = Address::parse(&format!("sc://127.0.0.1:{port}")).expect("is an address");
        let settings = Settings {
            connect_timeout: Duration::from_millis(300),
            tries: 2,
            ..Settings::default()
        };
        let error = Spark::connect(&address, &settings).await.expect_err("is no Spark");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains("no answer in 300ms"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn another_port_of_spark_is_no_spark_connect() {
        let address = Address::parse(&format!("sc://127.0.0.1:{}", crate::common::page())).expect("is an address");
        let error = Spark::connect(&address, &impatient())
            .await
            .expect_err("is a page of the web");
        println!("{error}");
        assert!(
            matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::InvalidConfig),
            "{error:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_worker_that_is_killed_changes_no_rows() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let mut cluster = own(
            dir.path(),
            &[("spark.connect.execute.reattachable.senderMaxStreamDuration", "4s")],
        );
        let session = open(&cluster, &impatient()).await;
        let rows = 4_000_000;
        let wanted = groups(rows);
        let text = slow_groups(rows, 20, 700);
        let page = cluster.page;

        let sql = Sql::new(&text);
        let (result, ()) = tokio::join!(async { all(session.rows(&sql).await).await }, async {
            in_the_middle(page, &session).await;
            tokio::task::block_in_place(|| {
                cluster.kill("worker-1");
                cluster.start_worker("worker-3").expect("starts");
            });
        });
        match result {
            Ok(batches) => {
                println!("the query went through");
                assert_eq!(triples(&batches), wanted);
            }
            // No rows at all are better than wrong ones, but it must be clear that the query failed.
            Err(error) => println!("the query failed: {error:?}"),
        }

        // Again while the cluster writes.
        let directory = dir.path().join("out");
        let target = Target::new(&directory);
        let slow = format!(
            "select /*+ repartition(20) */ k, n, s from ({text}) where reflect('java.lang.Thread', 'sleep', 100L) = 'null'"
        );
        let sql = Sql::new(slow);
        let (result, ()) = tokio::join!(session.write_parquet(&sql, &target), async {
            in_the_middle(page, &session).await;
            tokio::task::block_in_place(|| {
                cluster.kill("worker-2");
                cluster.start_worker("worker-4").expect("starts");
            });
        });
        match result {
            Ok(written) => {
                println!("the write went through");
                assert_eq!(written.rows, 97);
                session
                    .view("out", &Files::parquet([directory.to_str().expect("is text")]))
                    .await
                    .expect("is a view");
                let batches = all(session.rows(&Sql::new("select * from out order by k")).await)
                    .await
                    .expect("runs");
                assert_eq!(triples(&batches), wanted);
            }
            Err(error) => {
                println!("the write failed: {error:?}");
                assert!(!directory.join("_SUCCESS").exists());
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_server_that_is_killed_is_an_error_and_no_result() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let mut cluster = own(dir.path(), &[]);
        let session = open(&cluster, &impatient()).await;
        let page = cluster.page;
        let directory = dir.path().join("out");
        let target = Target::new(&directory);
        let sql =
            Sql::new("select id from range(0, 40, 1, 40) where reflect('java.lang.Thread', 'sleep', 500L) = 'null'");
        let (result, ()) = tokio::join!(session.write_parquet(&sql, &target), async {
            in_the_middle(page, &session).await;
            tokio::task::block_in_place(|| cluster.kill("connect"));
        });
        let error = result.expect_err("the server is gone");
        println!("{error:?}");
        assert_eq!(
            (error.kind(), error.effect(), error.retry()),
            (ErrorKind::Unavailable, Effect::Unknown, Retry::After(None))
        );
        assert!(
            error
                .message()
                .contains("is the Spark Connect server running at sc://127.0.0.1:"),
            "{error}"
        );
        assert!(!directory.join("_SUCCESS").exists());

        // Started anew, it knows nothing of the query before, and says so.
        cluster.start_connect().expect("starts");
        cluster.wait().expect("answers");
        let settings = Settings {
            tries: 60,
            ..Settings::default()
        };
        let patient = open(&cluster, &settings).await;
        let directory = dir.path().join("again");
        let target = Target::new(&directory);
        let (result, ()) = tokio::join!(patient.write_parquet(&sql, &target), async {
            in_the_middle(page, &patient).await;
            tokio::task::block_in_place(|| {
                cluster.kill("connect");
                cluster.start_connect().expect("starts");
            });
        });
        let error = result.expect_err("another server answers");
        println!("{error:?}");
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::Unavailable, Effect::Unknown)
        );
        assert!(error.message().contains("knows the query no more"), "{error}");
        assert!(!directory.join("_SUCCESS").exists());

        // A new session goes on.
        cluster.wait().expect("answers");
        let fresh = open(&cluster, &settings).await;
        let directory = dir.path().join("third");
        let written = fresh
            .write_parquet(&sql, &Target::new(&directory))
            .await
            .expect("writes");
        assert_eq!(written.rows, 40);
    }
}
