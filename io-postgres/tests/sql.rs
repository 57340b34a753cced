//! What people and tools that speak SQL see, and what a scan asks of the server.
#![allow(clippy::unwrap_used)]

mod common;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use common::{Ground, batch, input, output, partition, rows};
use larder_io_core::{
    AssetValue, ErrorKind, IoManager, LazyTable, OutputContext, Precondition, Predicate, Receipt, Result, Table,
    TableSource, Value, col,
};
use larder_io_postgres::PostgresIo;
use std::sync::Arc;
use std::time::Duration;

/// What no text may be taken for.
const INJECTION: &str = "'; drop table assets.larder_values; --";

fn store(ground: &Ground, manager: &PostgresIo, ctx: &OutputContext, value: &Value) -> Result<Receipt> {
    ground.run(manager.handle_output(ctx, value))
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn an_asset_is_a_view_that_follows_what_is_published() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    let number = |sql: &str| ground.server.number(sql);
    ground.store(&manager, "clean/flights", 1).unwrap();
    ground
        .server
        .sql("CREATE ROLE analyst; GRANT SELECT ON assets.clean__flights TO analyst");
    ground
        .server
        .sql("CREATE VIEW public.mine AS SELECT seed FROM assets.clean__flights");
    let first = ground.run(manager.head(&input("clean/flights"))).unwrap().unwrap();
    ground.store(&manager, "clean/flights", 2).unwrap();
    assert_eq!(number("SELECT DISTINCT seed FROM assets.clean__flights"), 2);
    assert_eq!(
        number("SELECT DISTINCT seed FROM public.mine"),
        2,
        "what is built on it follows"
    );
    assert_eq!(
        number("SELECT count(*) FROM assets.clean__flights WHERE text = 'it''s 2'"),
        100
    );
    let may = "SELECT has_table_privilege('analyst', 'assets.clean__flights', 'SELECT')::int::bigint";
    assert_eq!(number(may), 1, "rights stay");
    ground
        .run(
            manager
                .versions()
                .unwrap()
                .restore(&input("clean/flights"), &first.version),
        )
        .unwrap();
    assert_eq!(number("SELECT DISTINCT seed FROM assets.clean__flights"), 1);
    // Other columns: refused as long as somebody needs the old ones, and nothing changes.
    let one: ArrayRef = Arc::new(Int64Array::from(vec![3]));
    let narrow = Table::from(RecordBatch::try_from_iter([("lone", one)]).unwrap()).into_value();
    let error = store(&ground, &manager, &output("clean/flights"), &narrow).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{error:?}");
    assert_eq!(ground.load(&manager, "clean/flights").unwrap(), 1);
    ground.server.sql("DROP VIEW public.mine");
    store(&ground, &manager, &output("clean/flights"), &narrow).unwrap();
    assert_eq!(number("SELECT lone FROM assets.clean__flights"), 3);
    ground.run(manager.delete(&input("clean/flights"))).unwrap();
    assert_eq!(number("SELECT count(*) FROM pg_views WHERE schemaname = 'assets'"), 0);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn partitions_are_one_view_with_a_column_of_keys() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    let number = |sql: &str| ground.server.number(sql);
    for (seed, key) in [(1, "2024-01-01"), (2, "2024-01-02"), (3, INJECTION)] {
        store(&ground, &manager, &partition("sales", key), &rows(seed)).unwrap();
    }
    assert_eq!(number("SELECT count(*) FROM assets.sales"), 300);
    assert_eq!(
        number("SELECT DISTINCT seed FROM assets.sales WHERE day = '2024-01-02'"),
        2
    );
    let odd = format!(
        "SELECT DISTINCT seed FROM assets.sales WHERE day = '{}'",
        INJECTION.replace('\'', "''")
    );
    assert_eq!(number(&odd), 3);
    store(&ground, &manager, &partition("sales", "2024-01-02"), &rows(7)).unwrap();
    assert_eq!(number("SELECT sum(DISTINCT seed)::bigint FROM assets.sales"), 11);
    // Rather no view than one that lacks a partition.
    let one: ArrayRef = Arc::new(Int64Array::from(vec![3]));
    let narrow = Table::from(RecordBatch::try_from_iter([("lone", one)]).unwrap()).into_value();
    store(&ground, &manager, &partition("sales", "2024-01-03"), &narrow).unwrap();
    assert_eq!(number("SELECT count(*) FROM pg_views WHERE schemaname = 'assets'"), 0);
    let odd = partition("sales", "2024-01-03").to_input(larder_io_core::Form::Table);
    ground.run(manager.delete(&odd)).unwrap();
    assert_eq!(number("SELECT count(*) FROM assets.sales"), 300);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn who_holds_a_view_is_waited_for_and_no_longer_than_said() {
    let ground = Ground::start();
    let manager = ground.manager(|config| config.lock_timeout = Duration::from_millis(50));
    ground.store(&manager, "x", 1).unwrap();
    let mut reader = ground.server.client();
    reader.batch_execute("BEGIN; SELECT * FROM assets.x").unwrap();
    let mut staged = ground.run(manager.stage(&output("x"), &rows(2))).unwrap();
    let error = ground.run(staged.publish()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("lock_timeout"), "{error:?}");
    // Whoever loads by larder is not held up, and sees the old value.
    assert_eq!(ground.load(&manager, "x").unwrap(), 1);
    reader.batch_execute("COMMIT").unwrap();
    ground.run(staged.publish()).unwrap();
    assert_eq!(ground.load(&manager, "x").unwrap(), 2);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn who_waits_for_a_view_holds_up_no_other_reader() {
    let ground = Ground::start();
    let manager = ground.manager(|config| config.lock_timeout = Duration::from_secs(3600));
    ground.store(&manager, "x", 1).unwrap();
    let mut long = ground.server.client();
    long.batch_execute("BEGIN; SELECT FROM assets.x").unwrap();
    let mut staged = ground.run(manager.stage(&output("x"), &rows(2))).unwrap();
    let publishing = ground.runtime.spawn(async move { staged.publish().await });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder' AND wait_event_type = 'Lock'";
    let mut other = ground.server.client();
    // More than once: also those that come later get their turn.
    other.batch_execute("SET statement_timeout = '60s'").unwrap();
    for _ in 0..3 {
        ground.wait(waiting, 1);
        let seed: i64 = other
            .query_one("SELECT DISTINCT seed FROM assets.x", &[])
            .unwrap()
            .get(0);
        assert_eq!(seed, 1);
    }
    long.batch_execute("COMMIT").unwrap();
    ground.run(publishing).unwrap().unwrap();
    assert_eq!(ground.server.number("SELECT DISTINCT seed FROM assets.x"), 2);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn predicates_answer_as_in_memory() {
    let ground = Ground::start();
    // Without a view, which would not let go of a column's collation.
    let manager = ground.manager(|config| config.views = false);
    let texts = ["a", "B", "é", "", INJECTION, "\\", "Z", "z"];
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        (
            "n",
            Arc::new(Int64Array::from_iter((0..800).map(|n| (n % 9 > 0).then_some(n)))),
            true,
        ),
        (
            "t",
            Arc::new(StringArray::from_iter(
                (0..800).map(|n| (n % 11 > 0).then(|| texts[n % 8])),
            )),
            true,
        ),
        (
            "f",
            Arc::new(Float64Array::from_iter((0..800).map(|n| match n % 7 {
                0 => None,
                1 => Some(f64::NAN),
                2 => Some(-0.0),
                3 => Some(0.0),
                4 => Some(f64::NEG_INFINITY),
                _ => Some(f64::from(n) / 3.0),
            }))),
            true,
        ),
        (
            "b",
            Arc::new(BooleanArray::from_iter(
                (0..800).map(|n| (n % 5 > 0).then_some(n % 2 == 0)),
            )),
            true,
        ),
        (
            "y",
            Arc::new(BinaryArray::from_iter(
                (0..800_u32).map(|n| (n % 6 > 0).then(|| (n as u8).to_be_bytes())),
            )),
            true,
        ),
        (
            "d",
            Arc::new(arrow_array::Date32Array::from_iter(
                (0..800).map(|n| (n % 4 > 0).then_some(n)),
            )),
            true,
        ),
    ];
    let table = Table::from(RecordBatch::try_from_iter_with_nullable(columns).unwrap());
    ground
        .run(manager.handle_output(&output("x"), &table.clone().into_value()))
        .unwrap();
    // A collation in which `a` is before `B`, as many databases have it.
    let stored = "SELECT data_table FROM assets.larder_values";
    let alter = "ALTER TABLE assets.%I ALTER t TYPE text COLLATE \"en-x-icu\"";
    ground
        .server
        .sql(&format!("DO $$ BEGIN EXECUTE format('{alter}', ({stored})); END $$"));
    let Value::Table(source) = ground.run(manager.load_input(&input("x"))).unwrap() else {
        unreachable!()
    };
    let mut asked: Vec<Predicate> = vec![
        col("n").is_null(),
        col("n").gt(400).and(col("b").eq(true)),
        col("n").gt(400).or(col("b").eq(true)).negate(),
        col("d").lt_eq(400).and(col("n").not_eq(3)),
        col("b").not_eq(false),
        col("t").eq(INJECTION),
        col("t").eq("a\0"),
        col("t").not_eq("a\0").or(col("n").lt(3)),
        col("y").gt_eq(vec![100]),
    ];
    for text in texts {
        asked.extend([col("t").lt(text), col("t").gt_eq(text), col("t").eq(text)]);
    }
    for number in [
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        5.0 / 3.0,
        1e300,
        5e-324,
    ] {
        asked.extend([
            col("f").lt(number),
            col("f").eq(number),
            col("f").gt_eq(number),
            col("f").not_eq(number),
        ]);
    }
    for number in [i64::MIN, -1, 0, 500, i64::MAX] {
        asked.extend([col("n").lt(number), col("n").eq(number), col("n").gt_eq(number)]);
    }
    for predicate in asked {
        let answer = |source: Arc<dyn TableSource>| {
            let lazy = LazyTable::new(source)
                .filter(predicate.clone())
                .unwrap()
                .select(["n", "t"])
                .unwrap();
            let whole = ground.run(lazy.collect()).unwrap().to_batch().unwrap();
            let few = ground.run(lazy.clone().limit(5).collect()).unwrap().to_batch().unwrap();
            (whole, few, ground.run(lazy.count()).unwrap())
        };
        assert_eq!(
            answer(Arc::clone(&source)),
            answer(Arc::new(table.clone())),
            "{predicate:?}"
        );
    }
    assert_eq!(ground.load_count(&manager, "x"), 800);
}

impl Ground {
    fn load_count(&self, manager: &PostgresIo, at: &str) -> u64 {
        let value = self.run(manager.load_input(&input(at))).unwrap();
        let lazy = self.run(LazyTable::from_value(value)).unwrap();
        self.run(lazy.count()).unwrap()
    }
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn rows_keep_their_order_where_the_server_would_change_it() {
    let ground = Ground::start();
    // Whatever a scan may be made of: several processes, an index, the middle of the table.
    ground.server.sql(
        "ALTER ROLE postgres SET max_parallel_workers_per_gather = 4;
         ALTER ROLE postgres SET parallel_setup_cost = 0; ALTER ROLE postgres SET parallel_tuple_cost = 0;
         ALTER ROLE postgres SET min_parallel_table_scan_size = 0",
    );
    ground.server.sql("ALTER SYSTEM SET shared_buffers = '1MB'");
    let mut ground = ground;
    ground.server.stop("INT");
    ground.server.go();
    let manager = ground.manager(|_| {});
    // Rows of all sizes, which would fill up pages that are left half empty.
    let count = 60_000_i64;
    let texts = StringArray::from_iter_values((0..count).map(|n| "x".repeat((n * 7919 % 1500) as usize)));
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
    let table = Table::from(RecordBatch::try_from_iter([("id", ids), ("text", Arc::new(texts) as ArrayRef)]).unwrap());
    let receipt = ground
        .run(manager.handle_output(&output("x"), &table.into_value()))
        .unwrap();
    let data = receipt.uri.rsplit('=').next().unwrap().to_owned();
    ground.server.sql(&format!(
        "CREATE INDEX ON assets.{data} (id DESC) INCLUDE (text); ANALYZE assets.{data}"
    ));
    let ids = |lazy: LazyTable| async move {
        let whole = lazy.collect().await.unwrap().to_batch().unwrap();
        whole.column(0).as_primitive::<Int64Type>().values().to_vec()
    };
    let lazy = ground.run(async {
        LazyTable::from_value(manager.load_input(&input("x")).await.unwrap())
            .await
            .unwrap()
    });
    let wanted: Vec<i64> = (0..count).collect();
    // Scans at once, each of which begins while another is under way.
    let all = ground.run(async {
        let mut scans = Vec::new();
        for _ in 0..4 {
            scans.push(tokio::spawn(ids(lazy.clone())));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut all = Vec::new();
        for scan in scans {
            all.push(scan.await.unwrap());
        }
        all
    });
    assert!(all.iter().all(|found| *found == wanted), "rows changed their places");
    let some = lazy.filter(col("id").gt_eq(59_000)).unwrap().select(["id"]).unwrap();
    assert_eq!(ground.run(ids(some.clone())), wanted[59_000..]);
    assert_eq!(ground.run(ids(some.limit(3))), [59_000, 59_001, 59_002]);
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn many_who_begin_at_once_make_one_schema() {
    let ground = Ground::start();
    let managers: Vec<PostgresIo> = (0..8).map(|_| ground.manager(|_| {})).collect();
    let stored = ground.run(async {
        let tasks: Vec<_> = managers
            .into_iter()
            .enumerate()
            .map(|(index, manager)| {
                let mut ctx = output("x");
                ctx.precondition = Precondition::Absent;
                let value = Table::from(batch(index as i64, 10)).into_value();
                tokio::spawn(async move { manager.handle_output(&ctx, &value).await })
            })
            .collect();
        let mut stored = Vec::new();
        for task in tasks {
            stored.push(task.await.unwrap().map_err(|error| error.kind()));
        }
        stored
    });
    assert_eq!(stored.iter().filter(|result| result.is_ok()).count(), 1, "{stored:?}");
    assert!(
        stored
            .iter()
            .all(|result| !matches!(result, Err(kind) if *kind != ErrorKind::Conflict)),
        "{stored:?}"
    );
    assert_eq!(
        ground
            .server
            .number("SELECT count(*) FROM assets.larder_values WHERE state = 'published'"),
        1
    );
}
