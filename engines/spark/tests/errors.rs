//! Errors of queries, streams that end, and queries that nobody waits for, on a real cluster.

mod common;

mod on_spark {
    use crate::common::{all, jobs_of, page, session, sleepy, until};
    use arrow_array::RecordBatch;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_schema::{DataType, Field, Schema};
    use futures_util::StreamExt;
    use larder_engine_spark::{Files, Sql};
    use larder_io_core::{Error, ErrorKind};
    use std::sync::Arc;
    use tokio::sync::Mutex;

    /// The cluster has two cores, and some tests keep both busy.
    static ALONE: Mutex<()> = Mutex::const_new(());

    async fn refused(text: &str) -> Error {
        let error = all(session().await.rows(&Sql::new(text)).await).await.expect_err(text);
        println!("{error}");
        error
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn errors_say_what_is_wrong_and_where() {
        let _alone = ALONE.lock().await;
        for (text, kind, told) in [
            (
                "select 1\nfro x where",
                ErrorKind::InvalidDefinition,
                "line 2, column 5: Syntax error at or near 'x'",
            ),
            (
                "select idd from range(3)",
                ErrorKind::InvalidDefinition,
                "line 1, column 8: there is no column `idd`; the nearest is `id` (Spark UNRESOLVED_COLUMN.WITH_SUGGESTION, SQL state 42703)",
            ),
            (
                "select *\nfrom nowhere",
                ErrorKind::InvalidDefinition,
                "line 2, column 6: The table or view `nowhere` cannot be found",
            ),
            (
                "select 1 / id from range(3)",
                ErrorKind::InvalidData,
                "Division by zero",
            ),
            (
                "select cast('x' as int)",
                ErrorKind::InvalidData,
                "CAST_INVALID_INPUT, SQL state 22018",
            ),
            (
                "select cast(id + 2147483647 as int) from range(3)",
                ErrorKind::InvalidData,
                "CAST_OVERFLOW",
            ),
            (
                "select raise_error('no')",
                ErrorKind::InvalidData,
                "USER_RAISED_EXCEPTION",
            ),
            ("select * from parquet.`/nowhere/x`", ErrorKind::NotFound, "/nowhere/x"),
        ] {
            let error = refused(text).await;
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(error.message().contains(told), "{error}");
            assert!(
                error.message().matches("SQL state").count() == 1 && !error.message().contains("SQLSTATE"),
                "{error}"
            );
            assert!(!error.message().contains("\tat "), "{error}");
        }
        let view = session()
            .await
            .view("x", &Files::parquet(["/nowhere/x.parquet"]))
            .await
            .expect_err("is not there");
        assert_eq!(view.kind(), ErrorKind::NotFound, "{view}");

        let dir = tempfile::tempdir().expect("a folder");
        let damaged = dir.path().join("x.parquet");
        std::fs::write(&damaged, b"PAR1 no PAR1").expect("is written");
        let session = session().await;
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let files = Files::parquet([damaged.to_str().expect("is text")]).with_schema(schema);
        session.view("x", &files).await.expect("is a view");
        let error = all(session.rows(&Sql::new("select * from x")).await)
            .await
            .expect_err("is damaged");
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error:?}");
        assert!(error.message().contains("x.parquet"), "{error}");
        // Still of use after errors.
        let batches = all(session.rows(&Sql::new("select 1")).await).await.expect("runs");
        assert_eq!(batches[0].num_rows(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn nothing_is_cut_when_streams_end() {
        let _alone = ALONE.lock().await;
        let session = session().await;
        // Each second row comes a moment later than it could, so that the stream lasts longer than the server lets one last, which is 4 s in `cargo xtask test`.
        let text = "select id, repeat('x', 20) as x from range(0, 2000000, 1, 20) \
                where coalesce(case when id % 100000 = 0 then reflect('java.lang.Thread', 'sleep', 1000L) end, 'null') = 'null'";
        let mut rows = session.rows(&Sql::new(text)).await.expect("runs");
        let (mut count, mut sum) = (0_u64, 0_i64);
        while let Some(batch) = rows.next().await {
            let batch = batch.expect("comes");
            count += batch.num_rows() as u64;
            sum += batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>();
        }
        assert_eq!((count, sum), (2_000_000, 1_999_999_000_000));
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_query_that_nobody_waits_for_ends_in_the_cluster() {
        let _alone = ALONE.lock().await;
        let session = session().await;
        let running = || {
            jobs_of(page(), &session)
                .iter()
                .filter(|job| job["status"] == "RUNNING")
                .count()
        };
        let sql = Sql::new(sleepy(4, 600_000));
        {
            let waiting = session.rows(&sql);
            tokio::select! {
                done = waiting => panic!("ended: {done:?}"),
                () = until("the job runs", || running() == 1) => {}
            }
        }
        until("the job has ended", || running() == 0).await;

        // A stream with rows in it is dropped just so.
        let text =
            "select id from range(0, 4, 1, 4) where id < 1 or reflect('java.lang.Thread', 'sleep', 600000L) = 'null'";
        let mut rows = session.rows(&Sql::new(text)).await.expect("begins");
        rows.next().await.expect("has a row").expect("comes");
        assert_eq!(running(), 1);
        drop(rows);
        until("the job has ended", || running() == 0).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn cancelling_reaches_the_cluster() {
        let _alone = ALONE.lock().await;
        let session = session().await;
        let running = || {
            jobs_of(page(), &session)
                .iter()
                .filter(|job| job["status"] == "RUNNING")
                .count()
        };
        let sql = Sql::new(sleepy(4, 600_000));
        let (done, ()) = tokio::join!(all_of(&session, &sql), async {
            until("the job runs", || running() == 1).await;
            session.cancel().await.expect("is cancelled");
        });
        let error = done.expect_err("was cancelled");
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
        until("the job has ended", || running() == 0).await;
    }

    async fn all_of(session: &larder_engine_spark::Session, sql: &Sql) -> larder_io_core::Result<Vec<RecordBatch>> {
        all(session.rows(sql).await).await
    }
}
