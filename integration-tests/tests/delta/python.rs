//! The Python package `deltalake` and Polars read what larder wrote, and larder reads what they write.

use super::{context, load, numbers, on_disk, rows};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray, types::Int32Type,
};
use larder::{AssetValue, ErrorKind, Form, IoManager, OutputContext, PartitionKey, Table};
use larder_io_delta::WriteMode;
use std::path::Path;
use std::sync::Arc;

/// Runs Python with the table's path; gives what it printed.
fn python(table: &Path, code: &str) -> String {
    let begin = "import sys, json, datetime as dt, decimal\n\
        import pyarrow as pa, polars as pl\n\
        from deltalake import DeltaTable, write_deltalake\n\
        path = sys.argv[1]\n";
    larder_integration_tests::python(&format!("{begin}{code}"), &[table], "")
}

pub(super) fn every_type() -> Table {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(7)]))),
        ("s", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ("f", Arc::new(Float64Array::from(vec![f64::NAN, -0.5, f64::INFINITY]))),
        ("t", Arc::new(StringArray::from(vec![Some("ü 日本"), None, Some("")]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("d", Arc::new(Date32Array::from(vec![Some(19723), None, Some(-1)]))),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(1_704_067_200_123_456), None, Some(-1)]).with_timezone("UTC"),
            ),
        ),
        (
            "dec",
            Arc::new(
                Decimal128Array::from(vec![Some(12345), None, Some(-1)])
                    .with_precision_and_scale(10, 2)
                    .expect("fits"),
            ),
        ),
        (
            "bin",
            Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None, Some(b"")])),
        ),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
                Some(vec![Some(1), None]),
                None,
                Some(vec![]),
            ])),
        ),
    ];
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    Table::from(RecordBatch::try_from_iter_with_nullable(columns).expect("is a table"))
}

pub(super) fn partition(asset: &str, value: &str) -> OutputContext {
    let key = PartitionKey::single("key", value).expect("is a key");
    let mut ctx = OutputContext::new(
        asset.parse().expect("is a key"),
        Some(key),
        format!("{asset}/key/data").parse().expect("is a location"),
    );
    ctx.asset_location = asset.parse().expect("is a location");
    ctx
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: cargo xtask test"]
async fn others_read_every_type_and_odd_partitions() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = on_disk(dir.path(), |_| {});
    let stored = manager.handle_output(&context("t"), &every_type().into_value()).await;
    stored.expect("stores");
    let expected = "[{'i': -9223372036854775808, 's': 1, 'f': nan, 't': 'ü 日本', 'b': True, 'd': datetime.date(2024, 1, 1), \
        'at': datetime.datetime(2024, 1, 1, 0, 0, 0, 123456, tzinfo=datetime.timezone.utc), 'dec': Decimal('123.45'), 'bin': b'\\x00\\xff', 'list': [1, None]}, \
        {'i': None, 's': 2, 'f': -0.5, 't': None, 'b': None, 'd': None, 'at': None, 'dec': None, 'bin': None, 'list': None}, \
        {'i': 7, 's': 3, 'f': inf, 't': '', 'b': False, 'd': datetime.date(1969, 12, 31), \
        'at': datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.timezone.utc), 'dec': Decimal('-0.01'), 'bin': b'', 'list': []}]";
    let show = "def show(rows):\n    for row in rows:\n        if row['at'] is not None: row['at'] = row['at'].astimezone(dt.timezone.utc)\n    return rows\n";
    let read = "print(show(pa.table(DeltaTable(path).to_pyarrow_dataset().to_table()).to_pylist()))";
    assert_eq!(python(&dir.path().join("t.delta"), &format!("{show}{read}")), expected);
    let read = "print(show(pl.read_delta(path).to_dicts()))";
    let polars = python(&dir.path().join("t.delta"), &format!("{show}{read}"));
    assert_eq!(polars, expected);

    let odd = ["a/b", "50%", "a=b", "ü 日本", "q?x=1&y", "#", "\"'", " "];
    for (number, value) in (0..).zip(odd) {
        let stored = manager
            .handle_output(&partition("p", value), &rows([number]).into_value())
            .await;
        stored.expect("stores");
    }
    let read = "print(json.dumps(sorted((row['n'], row['key']) for row in DeltaTable(path).to_pyarrow_dataset().to_table().to_pylist())))";
    let found: Vec<(i64, String)> = serde_json::from_str(&python(&dir.path().join("p.delta"), read)).expect("is JSON");
    let expected: Vec<(i64, String)> = (0..).zip(odd.map(str::to_owned)).collect();
    assert_eq!(found, expected);
    // What stands in a commit of ours.
    let history = python(
        &dir.path().join("t.delta"),
        "print(DeltaTable(path).history()[0]['larder']['asset'])",
    );
    assert_eq!(history, "t");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: cargo xtask test"]
async fn larder_reads_what_others_write() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = on_disk(dir.path(), |_| {});
    let table = dir.path().join("t.delta");
    python(
        &table,
        "write_deltalake(path, pa.table({'n': [1, 2, 3], 't': ['a', 'b', 'c']}))\n\
         write_deltalake(path, pa.table({'n': [4], 't': ['d']}), mode='append')\n\
         source = pa.table({'n': [2, 9], 't': ['B', 'new']})\n\
         merge = DeltaTable(path).merge(source, 's.n = t.n', source_alias='s', target_alias='t')\n\
         merge.when_matched_update_all().when_not_matched_insert_all().execute()\n\
         DeltaTable(path).delete('n = 3')\n\
         DeltaTable(path).create_checkpoint()\n\
         write_deltalake(path, pa.table({'n': [10], 't': ['j']}), mode='append')\n",
    );
    let mut found = numbers(&load(&manager, "t").await.expect("loads"));
    found.sort_unstable();
    assert_eq!(found, [1, 2, 4, 9, 10]);
    // A partitioned one with odd values and nulls, and larder's own commits on top.
    let table = dir.path().join("p.delta");
    python(
        &table,
        "values = ['a/b', '50%', 'ü 日本', None, 'x y', 'a=b', '#']\n\
         write_deltalake(path, pa.table({'n': list(range(7)), 'key': values}), partition_by=['key'])\n",
    );
    for (number, value) in [(0, "a/b"), (1, "50%"), (2, "ü 日本"), (4, "x y"), (5, "a=b"), (6, "#")] {
        let input = partition("p", value).to_input(Form::Table);
        let loaded = Table::from_value(manager.load_input(&input).await.expect(value))
            .await
            .expect(value);
        assert_eq!(numbers(&loaded), [number], "{value}");
    }
    assert_eq!(
        load(&manager, "p").await.expect("loads").rows(),
        7,
        "null partitions are there too"
    );
    let replaced = RecordBatch::try_from_iter_with_nullable([
        ("n", Arc::new(Int64Array::from(vec![100])) as ArrayRef, true),
        ("key", Arc::new(StringArray::from(vec!["a/b"])) as ArrayRef, true),
    ]);
    let replaced = Table::from(replaced.expect("is a table"));
    let stored = manager
        .handle_output(&partition("p", "a/b"), &replaced.into_value())
        .await;
    stored.expect("replaces one partition of somebody else's table");
    let read = "print(sorted(row['n'] for row in DeltaTable(path).to_pyarrow_dataset().to_table().to_pylist()))";
    assert_eq!(python(&table, read), "[1, 2, 3, 4, 5, 6, 100]");
}

/// A constraint that the package set is not broken, and a protocol from the future is left alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: cargo xtask test"]
async fn rules_of_a_table_are_not_broken() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = dir.path().join("t.delta");
    python(
        &table,
        "write_deltalake(path, pa.table({'n': [1], 't': ['a']}))\n\
         DeltaTable(path).alter.add_constraint({'positive': 'n > 0'})\n",
    );
    let manager = on_disk(dir.path(), |config| config.mode = WriteMode::Append);
    let nullable = |number: i64| {
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(Int64Array::from(vec![number])) as ArrayRef, true),
            ("t", Arc::new(StringArray::from(vec!["x"])) as ArrayRef, true),
        ]);
        Table::from(batch.expect("is a table"))
    };
    let refused = manager.handle_output(&context("t"), &nullable(-1).into_value()).await;
    let error = refused.map(drop).expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.message().contains("`positive`"), "{error}");
    // A newer protocol than anybody knows.
    let newer = dir.path().join("n.delta");
    python(
        &newer,
        "write_deltalake(path, pa.table({'n': [1], 't': ['a']}))\n\
         open(path + '/_delta_log/00000000000000000001.json', 'w').write(json.dumps({'protocol': {'minReaderVersion': 3, 'minWriterVersion': 7, 'readerFeatures': ['fromTheFuture'], 'writerFeatures': ['fromTheFuture']}}))\n",
    );
    let error = load(&manager, "n").await.map(drop).expect_err("is too new");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let appended = manager.handle_output(&context("n"), &nullable(1).into_value()).await;
    assert_eq!(
        appended.map(drop).expect_err("is too new").kind(),
        ErrorKind::Unsupported
    );
}

/// The package's own reader of the change data feed is the second witness of what larder recorded.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: cargo xtask test"]
async fn others_follow_the_changes_that_larder_recorded() {
    let dir = tempfile::tempdir().expect("a directory");
    let keyed = |rows: &[(i64, &str, Option<&str>)]| {
        let columns: [(&str, ArrayRef, bool); 3] = [
            (
                "n",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
                true,
            ),
            (
                "t",
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
                true,
            ),
            (
                "p",
                Arc::new(StringArray::from_iter(rows.iter().map(|row| row.2))),
                true,
            ),
        ];
        Table::from(RecordBatch::try_from_iter_with_nullable(columns).expect("is a table")).into_value()
    };
    let merging = on_disk(dir.path(), |config| {
        config.change_data_feed = true;
        config.mode = WriteMode::Merge;
        config.merge_on = vec!["n".to_owned()];
        config.partition_by = vec!["p".to_owned()];
    });
    for rows in [
        keyed(&[(1, "a", Some("x/y")), (2, "b", None), (3, "c", Some("z"))]),
        keyed(&[(1, "A", None), (2, "B", None), (4, "D", Some("x/y"))]),
    ] {
        merging.handle_output(&context("t"), &rows).await.expect("merges");
    }
    let read = "print(json.dumps(sorted([r['_commit_version'], r['_change_type'], r['n'], r['t'], r['p']] \
        for r in pa.table(DeltaTable(path).load_cdf(starting_version=0).read_all()).to_pylist())))";
    let path = dir.path().join("t.delta");
    let expected = r#"[[0, "insert", 1, "a", "x/y"], [0, "insert", 2, "b", null], [0, "insert", 3, "c", "z"], \
        [1, "insert", 4, "D", "x/y"], [1, "update_postimage", 1, "A", null], [1, "update_postimage", 2, "B", null], \
        [1, "update_preimage", 1, "a", "x/y"], [1, "update_preimage", 2, "b", null]"#;
    let expected = expected.replace("\\\n        ", "");
    assert_eq!(python(&path, read), format!("{expected}]"));
    // The package's own commits and ours, one after the other. (It cannot find its own change files in partitions with other
    // letters than those of ASCII.)
    python(
        &path,
        "DeltaTable(path).update(predicate='n = 3', updates={'t': \"'theirs'\"})",
    );
    merging
        .handle_output(&context("t"), &keyed(&[(3, "ours", None)]))
        .await
        .expect("merges");
    let theirs = r#"[2, "update_postimage", 3, "theirs", "z"], [2, "update_preimage", 3, "c", "z"]"#;
    let ours = r#"[3, "update_postimage", 3, "ours", null], [3, "update_preimage", 3, "theirs", "z"]"#;
    assert_eq!(python(&path, read), format!("{expected}, {theirs}, {ours}]"));
    // A partition of the asset that goes out of a file with others, and a table of the package's that larder goes on with.
    let overwriting = on_disk(dir.path(), |config| {
        config.columns = [("key".to_owned(), "n".to_owned())].into()
    });
    overwriting
        .delete(&partition("t", "4").to_input(Form::Table))
        .await
        .expect("deletes");
    let path = dir.path().join("theirs.delta");
    python(
        &path,
        "write_deltalake(path, pa.table({'n': [1, 2, 3], 't': ['a', 'b', 'c']}), configuration={'delta.enableChangeDataFeed': 'true'})",
    );
    let replaced = RecordBatch::try_from_iter_with_nullable([
        ("n", Arc::new(Int64Array::from(vec![2])) as ArrayRef, true),
        ("t", Arc::new(StringArray::from(vec!["B"])) as ArrayRef, true),
    ]);
    let replaced = Table::from(replaced.expect("is a table")).into_value();
    overwriting
        .handle_output(&partition("theirs", "2"), &replaced)
        .await
        .expect("replaces");
    let read = "print(json.dumps(sorted([r['_change_type'], r['n'], r['t']] \
        for r in pa.table(DeltaTable(path).load_cdf(starting_version=1).read_all()).to_pylist())))";
    assert_eq!(python(&path, read), r#"[["delete", 2, "b"], ["insert", 2, "B"]]"#);
}
