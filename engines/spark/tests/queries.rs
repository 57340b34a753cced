//! Queries, their values and errors, on a real cluster.

mod common;

mod on_spark {
    use crate::common::{all, jobs_of, page, session, sleepy};
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
    use arrow_array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
        RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
    };
    use arrow_schema::{DataType, Field, Schema, TimeUnit};
    use larder_engine_spark::{Files, Sql};
    use larder_io_core::{AssetValue, ErrorKind, IoManager, OutputContext, SqlValue, Table};
    use larder_io_fs::FsConfig;
    use parquet::basic::Encoding;
    use parquet::file::metadata::ColumnChunkMetaData;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use std::path::Path;
    use std::sync::Arc;
    use tokio::sync::Mutex;

    /// The cluster has two cores, and some tests keep both busy.
    static ALONE: Mutex<()> = Mutex::const_new(());

    fn write(path: &Path, batch: &RecordBatch) {
        let file = std::fs::File::create(path).expect("is made");
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("begins");
        writer.write(batch).expect("writes");
        writer.close().expect("ends");
    }

    fn everything() -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
            (
                "i",
                Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX)])),
            ),
            (
                "l",
                Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)])),
            ),
            (
                "f",
                Arc::new(Float64Array::from(vec![Some(f64::NAN), None, Some(-0.0)])),
            ),
            (
                "t",
                Arc::new(StringArray::from(vec![
                    Some("'; drop table x; --"),
                    None,
                    Some("ä\0\u{1F600}"),
                ])),
            ),
            (
                "y",
                Arc::new(BinaryArray::from(vec![Some(&b"\0\xff"[..]), None, Some(b"")])),
            ),
            (
                "d",
                Arc::new(Date32Array::from(vec![Some(-719_162), None, Some(20_000)])),
            ),
            (
                "n",
                Arc::new(
                    Decimal128Array::from(vec![Some(-12_345), None, Some(10_i128.pow(20))])
                        .with_precision_and_scale(38, 4)
                        .expect("fits"),
                ),
            ),
            (
                "z",
                Arc::new(
                    TimestampMicrosecondArray::from(vec![Some(-62_135_596_800_000_000), None, Some(1)])
                        .with_timezone("UTC"),
                ),
            ),
            (
                "w",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    Some(-1),
                    None,
                    Some(1_700_000_000_000_001),
                ])),
            ),
        ];
        RecordBatch::try_from_iter(columns).expect("fits")
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn rows_of_files_come_as_they_were_written() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let batch = everything();
        // What Spark would take for a pattern.
        let path = dir.path().join("a b*[c]{d}?=%20.parquet");
        write(&path, &batch);
        write(&dir.path().join("a bX[c]{d}?=%20.parquet"), &batch);
        let path = path.to_str().expect("is text").to_owned();
        let session = session().await;
        let files = Files::parquet([path.clone()]);
        for files in [files.clone(), files.with_schema(batch.schema())] {
            session.view("t", &files).await.expect("is a view");
            let sql = Sql::new("select * from t order by l");
            let rows = session.rows(&sql).await.expect("runs");
            assert_eq!(rows.schema(), session.schema(&sql).await.expect("is told"));
            let batches = all(Ok(rows)).await.expect("comes");
            let got = arrow_select(&batches);
            // Spark sorts nulls first.
            let wanted: Vec<ArrayRef> = batch
                .columns()
                .iter()
                .map(|column| arrow_array::make_array(reorder(column, [1, 0, 2])))
                .collect();
            for (at, wanted) in wanted.iter().enumerate() {
                assert_eq!(got.column(at), wanted, "{}", batch.schema().field(at).name());
            }
        }
    }

    /// Integers that a dictionary does not hold, rising and jumping, of the types that Spark has; as written and as Spark gives them.
    fn numbers(rows: i64) -> [RecordBatch; 2] {
        let mixed = |n: i64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
        let decimals = |precision: u8, of: &dyn Fn(i64) -> i128| -> ArrayRef {
            let numbers = Decimal128Array::from_iter_values((0..rows).map(of));
            Arc::new(numbers.with_precision_and_scale(precision, 2).expect("fits"))
        };
        let moments = TimestampMicrosecondArray::from_iter_values((0..rows).map(|n| n * 1_000_003));
        let narrow = move |n: i64| (mixed(n) >> 32) as i32;
        let columns: [(&str, ArrayRef); 8] = [
            ("rising", Arc::new(Int64Array::from_iter_values(0..rows))),
            (
                "jump",
                Arc::new(Int64Array::from_iter((0..rows).map(|n| (n % 7 > 0).then(|| mixed(n))))),
            ),
            ("narrow", Arc::new(Int32Array::from_iter_values((0..rows).map(narrow)))),
            ("day", Arc::new(Date32Array::from_iter_values(0..rows as i32))),
            ("moment", Arc::new(moments.with_timezone("UTC"))),
            ("small", decimals(9, &|n| i128::from(n) - 300_000)),
            ("large", decimals(18, &|n| i128::from(n) * 1_000_003 - 999_999_999_999)),
            (
                "unsigned",
                Arc::new(UInt32Array::from_iter_values((0..rows).map(|n| narrow(n) as u32))),
            ),
        ];
        let mut given = columns.clone();
        given[7].1 = Arc::new(Int64Array::from_iter_values(
            (0..rows).map(|n| i64::from(narrow(n) as u32)),
        ));
        [columns, given].map(|columns| RecordBatch::try_from_iter(columns).expect("fits"))
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn files_of_larder_with_integers_by_their_steps_are_read() {
        const ROWS: i64 = 900_000;
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let [stored, given] = numbers(ROWS);
        let mut config = FsConfig::new(dir.path());
        config.parquet.row_group_rows = ROWS as usize / 3;
        config.parquet.row_group_bytes = 1 << 30;
        let output = OutputContext::new(
            "numbers".parse().expect("is a key"),
            None,
            "numbers".parse().expect("is a location"),
        );
        let manager = config.open().expect("opens");
        let value = Table::from(stored.clone()).into_value();
        manager.handle_output(&output, &value).await.expect("is stored");
        let path = dir.path().join("numbers.parquet");
        let file = SerializedFileReader::new(std::fs::File::open(&path).expect("is there")).expect("opens");
        let steps = |column: &ColumnChunkMetaData| column.encodings().any(|e| e == Encoding::DELTA_BINARY_PACKED);
        let groups = file.metadata().row_groups();
        assert_eq!(groups.len(), 3);
        for group in &groups[1..] {
            assert!(group.columns().iter().all(steps), "{group:?}");
        }

        let session = session().await;
        let files = Files::parquet([path.to_str().expect("is text")]);
        session.view("t", &files).await.expect("is a view");
        let rows = session.rows(&Sql::new("select * from t order by rising")).await;
        let (mut at, mut read) = (0, all(rows).await.expect("comes"));
        read.retain(|batch| batch.num_rows() > 0);
        for batch in read {
            let wanted = given.slice(at, batch.num_rows());
            for (index, field) in given.schema().fields().iter().enumerate() {
                assert!(
                    batch.column(index) == wanted.column(index),
                    "{} from row {at}: {:?}",
                    field.name(),
                    batch.column(index)
                );
            }
            at += batch.num_rows();
        }
        assert_eq!(at, ROWS as usize);
    }

    /// The rows of an array in another order.
    fn reorder(column: &ArrayRef, order: [usize; 3]) -> arrow_data::ArrayData {
        let data = column.to_data();
        let mut out = arrow_data::transform::MutableArrayData::new(vec![&data], true, 3);
        for at in order {
            out.try_extend(0, at, at + 1).expect("fits");
        }
        out.freeze()
    }

    fn arrow_select(batches: &[RecordBatch]) -> RecordBatch {
        let filled: Vec<&RecordBatch> = batches.iter().filter(|batch| batch.num_rows() > 0).collect();
        assert_eq!(filled.len(), 1);
        filled[0].clone()
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn schemas_are_those_of_the_rows_and_nothing_is_run() {
        let _alone = ALONE.lock().await;
        let session = session().await;
        let text = "select 1Y as a, 2S as b, 3 as c, 4L as d, 5.5f as e, 6.5d as f, 7.25 as g, 'x' as h, x'00' as i, true as j, date'2024-01-01' as k, \
                timestamp'2024-01-01 00:00:00' as l, timestamp_ntz'2024-01-01 00:00:00' as m, array(1, null) as n, named_struct('p', 1, 'q', 'r') as o, \
                map('s', 1) as u, null as v, interval '1' year as w, interval '1' second as x, cast('c' as varchar(3)) as y";
        let sql = Sql::new(text);
        let rows = session.rows(&sql).await.expect("runs");
        assert_eq!(rows.schema(), session.schema(&sql).await.expect("is told"));
        // None of them, and still their columns.
        let none = session
            .rows(&Sql::new(format!("select * from ({text}) where c = 0")))
            .await
            .expect("runs");
        assert_eq!(none.schema(), rows.schema());
        assert!(all(Ok(none)).await.expect("ends").is_empty());

        let sleepy = Sql::new(sleepy(4, 600_000));
        let schema = session.schema(&sleepy).await.expect("is told at once");
        assert_eq!(schema.field(0).name(), "id");
        assert!(
            session
                .explain(&sleepy)
                .await
                .expect("is told at once")
                .contains("Physical Plan")
        );
        assert!(jobs_of(page(), &session).iter().all(|job| job["status"] != "RUNNING"));
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn values_of_parameters_are_data() {
        let _alone = ALONE.lock().await;
        let session = session().await;
        let evil = "'; drop table x; --\\' \" ` :a $b\0";
        let time: jiff::Timestamp = "1969-07-20T20:17:40.000001Z".parse().expect("is one");
        let sql = Sql::new("select :t as t, :i as i, :f as f, :b as b, :z as z, '$t' as u, typeof(:z) as k")
            .bind("t", evil)
            .bind("i", i64::MIN)
            .bind("f", f64::MIN_POSITIVE)
            .bind("b", false)
            .bind("z", time);
        let batches = all(session.rows(&sql).await).await.expect("runs");
        let row = &batches[0];
        assert_eq!(row.column(0).as_string::<i32>().value(0), evil);
        assert_eq!(row.column(1).as_primitive::<Int64Type>().value(0), i64::MIN);
        assert_eq!(row.column(2).as_primitive::<Float64Type>().value(0), f64::MIN_POSITIVE);
        assert!(!row.column(3).as_boolean().value(0));
        assert_eq!(
            row.column(4).as_primitive::<TimestampMicrosecondType>().value(0),
            time.as_microsecond()
        );
        assert_eq!(
            row.column(4).data_type(),
            &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        );
        assert_eq!(row.column(5).as_string::<i32>().value(0), "$t");
        assert_eq!(row.column(6).as_string::<i32>().value(0), "timestamp");
        for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
            let batches = all(session.rows(&Sql::new("select :f").bind("f", float)).await)
                .await
                .expect("runs");
            let got = batches[0].column(0).as_primitive::<Float64Type>().value(0);
            assert_eq!(got.to_bits(), float.to_bits());
        }
        let unbound = all(session.rows(&Sql::new("select :t")).await)
            .await
            .expect_err("has no value");
        assert_eq!(unbound.kind(), ErrorKind::InvalidDefinition);
        assert!(unbound.message().contains("UNBOUND_SQL_PARAMETER"), "{unbound}");
        let also = Sql::new("select :t").bind("t", SqlValue::Text(String::new()));
        assert_eq!(all(session.rows(&also).await).await.expect("runs")[0].num_rows(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn names_of_views_are_one_word() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.parquet");
        write(&path, &everything());
        let files = Files::parquet([path.to_str().expect("is text")]);
        let session = session().await;
        for name in [
            "clean/flights",
            "a.b",
            "a`b",
            "x; drop view y",
            "sélect",
            "select",
            "a b\"'--",
            "*",
        ] {
            session
                .view(name, &files)
                .await
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let sql = Sql::new(format!("select count(*) from `{}`", name.replace('`', "``")));
            let batches = all(session.rows(&sql).await)
                .await
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().value(0), 3, "{name}");
        }
        // Of this session only.
        let other = crate::common::session().await;
        let error = all(other.rows(&Sql::new("select * from `clean/flights`")).await)
            .await
            .expect_err("is not there");
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a Spark cluster: cargo xtask cluster up"]
    async fn folders_with_keys_are_columns() {
        let _alone = ALONE.lock().await;
        let dir = tempfile::tempdir().expect("a folder");
        let batch =
            RecordBatch::try_from_iter([("v", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]).expect("fits");
        for day in ["date=2024-01-01", "date=2024-01-02"] {
            std::fs::create_dir(dir.path().join(day)).expect("is made");
            write(&dir.path().join(day).join("data.parquet"), &batch);
        }
        let base = dir.path().to_str().expect("is text");
        let schema = Schema::new(vec![
            Field::new("v", DataType::Int64, true),
            Field::new("date", DataType::Utf8, true),
        ]);
        let files = Files::parquet([
            format!("{base}/date=2024-01-01/data.parquet"),
            format!("{base}/date=2024-01-02/data.parquet"),
        ])
        .with_base(base)
        .with_schema(Arc::new(schema));
        let session = session().await;
        session.view("t", &files).await.expect("is a view");
        let batches = all(session
            .rows(&Sql::new("select date, sum(v) from t group by 1 order by 1"))
            .await)
        .await
        .expect("runs");
        let days: Vec<_> = batches
            .iter()
            .flat_map(|batch| {
                batch
                    .column(0)
                    .as_string::<i32>()
                    .iter()
                    .map(|day| day.map(str::to_owned))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(days, [Some("2024-01-01".to_owned()), Some("2024-01-02".to_owned())]);
    }
}
