//! Files that a real cluster writes.

mod common;

mod on_spark {
    use crate::common::{all, jobs_of, page, session, sleepy, until};
    use arrow_schema::DataType;
    use larder_engine_spark::{Compression, Files, Sql, Target};
    use larder_io_core::ErrorKind;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use tokio::sync::Mutex;

    /// The cluster has two cores, and some tests keep both busy.
    static ALONE: Mutex<()> = Mutex::const_new(());

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn what_is_written_is_told_by_the_files() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        // A folder whose name Spark would take for a pattern.
        let directory = dir.path().join("o*[u]t %20");
        let session = session().await;
        // Longer than the server lets a stream last.
        let text = "select id, cast(id as string) as name, timestamp_micros(id) as z from range(0, 2000000, 1, 10) \
                where coalesce(case when id % 200000 = 0 then reflect('java.lang.Thread', 'sleep', 1500L) end, 'null') = 'null'";
        let target = Target::new(&directory);
        let written = session.write_parquet(&Sql::new(text), &target).await.expect("writes");
        assert_eq!((written.rows, written.files.len()), (2_000_000, 10));
        assert_eq!(written.files.iter().map(|file| file.rows).sum::<u64>(), 2_000_000);
        for file in &written.files {
            assert_eq!(std::fs::metadata(&file.path).expect("is there").len(), file.bytes);
        }
        let kinds: Vec<&DataType> = written.schema.fields().iter().map(|field| field.data_type()).collect();
        assert_eq!(kinds[..2], [&DataType::Int64, &DataType::Utf8]);
        assert!(
            matches!(
                kinds[2],
                DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, Some(_))
            ),
            "{:?}",
            kinds[2]
        );
        let first = SerializedFileReader::new(std::fs::File::open(&written.files[0].path).expect("is there"))
            .expect("is Parquet");
        let compression = first.metadata().row_group(0).column(0).compression();
        assert!(
            matches!(compression, parquet::basic::Compression::ZSTD(_)),
            "{compression}"
        );

        session
            .view("t", &Files::parquet([directory.to_str().expect("is text")]))
            .await
            .expect("is a view");
        let batches = all(session
            .rows(&Sql::new("select count(*), count(distinct name), sum(id) from t"))
            .await)
        .await
        .expect("runs");
        assert_eq!(
            crate::common::triples(&batches),
            [(2_000_000, 2_000_000, 1_999_999_000_000)]
        );

        // Nothing is written over, and what is there stays.
        let error = session
            .write_parquet(&Sql::new("select 1"), &target)
            .await
            .expect_err("is there");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.message().contains("take a new directory"), "{error}");
        assert_eq!(std::fs::read_dir(&directory).expect("is there").count(), 22);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn no_rows_are_a_file_with_columns_and_files_are_as_many_as_asked_for() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let session = session().await;
        let target = Target::new(dir.path().join("none"));
        let written = session
            .write_parquet(
                &Sql::new("select id as a, :b as b from range(10) where id < 0").bind("b", "x"),
                &target,
            )
            .await
            .expect("writes");
        assert_eq!(written.rows, 0);
        assert_eq!(written.schema.fields().len(), 2);
        let mut target = Target::new(dir.path().join(".larder-_one"));
        target.files = Some(1);
        target.compression = Compression::None;
        let written = session
            .write_parquet(&Sql::new("select * from range(0, 1000, 1, 8)"), &target)
            .await
            .expect("writes");
        assert_eq!((written.rows, written.files.len()), (1_000, 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn what_fails_in_the_middle_is_no_result() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let session = session().await;
        let directory = dir.path().join("out");
        let sql = Sql::new("select 1 / (id - 999999) as x from range(0, 1000000, 1, 4)");
        let error = session
            .write_parquet(&sql, &Target::new(&directory))
            .await
            .expect_err("divides by zero");
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error:?}");
        assert!(
            error.message().contains("Division by zero") && error.message().contains("DIVIDE_BY_ZERO"),
            "{error}"
        );
        assert!(!directory.join("_SUCCESS").exists());

        for (path, kind) in [
            ("relative/x", ErrorKind::InvalidDefinition),
            ("s3a://bucket/x", ErrorKind::InvalidDefinition),
            ("/a/../b", ErrorKind::InvalidDefinition),
        ] {
            let error = session
                .write_parquet(&Sql::new("select 1"), &Target::new(path))
                .await
                .expect_err(path);
            assert_eq!(error.kind(), kind, "{error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn where_the_cluster_may_not_write_it_is_told() {
        let _alone = ALONE.lock().await;
        let session = session().await;
        // Where nobody may make a folder, root neither.
        let error = session
            .write_parquet(&Sql::new("select 1 as x"), &Target::new("/sys/kernel/larder/out"))
            .await
            .expect_err("is not writable");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
        assert!(error.message().contains("the cluster's user may not write"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn a_write_that_nobody_waits_for_ends_without_a_result() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let directory = dir.path().join("out");
        let session = session().await;
        let of_session = |status: &str| {
            jobs_of(page(), &session)
                .iter()
                .filter(|job| job["status"] == status)
                .count()
        };
        {
            let sql = Sql::new(sleepy(6, 5_000));
            let target = Target::new(&directory);
            let waiting = session.write_parquet(&sql, &target);
            tokio::select! {
                done = waiting => panic!("ended: {done:?}"),
                () = until("the job runs", || of_session("RUNNING") == 1) => {}
            }
        }
        until("the job has failed", || {
            of_session("RUNNING") == 0 && of_session("FAILED") == 1
        })
        .await;
        assert!(!directory.join("_SUCCESS").exists());
    }
}
