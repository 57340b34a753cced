//! Rewriting files and removing them: the rows stay, and what they were.

mod common;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use common::{Lake, ints, partition, rows, strings, table, texts, whole};
use larder_io_core::{
    AssetValue, ErrorKind, Form, IoManager, LazyTable, Maintenance, OptimizeOptions, Optimized, OutputContext, Table,
    VacuumOptions, Version, Versions, col,
};
use larder_io_delta::{DeltaIo, WriteMode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Files of rows of a table.
fn data_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).expect("can be listed") {
            let path = entry.expect("is there").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match path.is_dir() {
                true if name == "_delta_log" || name == ".larder" => {}
                true => dirs.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

async fn optimized(manager: &DeltaIo, ctx: &OutputContext, z_order: &[&str]) -> Optimized {
    let mut options = OptimizeOptions::default();
    options.z_order = z_order.iter().map(|name| (*name).to_owned()).collect();
    let done = manager.optimize(&ctx.to_input(Form::Table), &options).await;
    done.expect("optimizes")
}

fn now(dry_run: bool) -> VacuumOptions {
    let mut options = VacuumOptions::default();
    options.retention = Some(Duration::ZERO);
    options.force = true;
    options.dry_run = dry_run;
    options
}

async fn vacuumed(manager: &DeltaIo, asset: &str, dry_run: bool) -> Vec<String> {
    let garbage = manager.vacuum(&whole(asset).to_input(Form::Table), &now(dry_run)).await;
    garbage
        .expect("vacuums")
        .into_iter()
        .map(|garbage| garbage.name)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_become_one_file_with_the_same_rows() {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    let mut last = None;
    for n in 0..12 {
        let receipt = lake.store(&whole("t"), table(vec![("n", ints([n, n + 100]))])).await;
        last = Some(receipt.expect("stores").version);
    }
    let (before, loading) = (
        lake.all("t").await,
        lake.manager.load_input(&whole("t").to_input(Form::Table)).await,
    );
    let loading = loading.expect("loads");
    let done = optimized(&lake.manager, &whole("t"), &[]).await;
    assert_eq!((done.files_before, done.files_after), (12, 1));
    assert!(done.bytes_after < done.bytes_before);
    assert_eq!(lake.all("t").await, before, "the rows are there, in their order");
    let receipt = lake
        .manager
        .head(&whole("t").to_input(Form::Table))
        .await
        .expect("tells")
        .expect("is there");
    assert_eq!(Some(&receipt.version), last.as_ref(), "the value's version is its own");
    assert_eq!((receipt.rows, receipt.bytes), (Some(24), done.bytes_after));
    assert_eq!(
        optimized(&lake.manager, &whole("t"), &[]).await.version,
        None,
        "there is nothing left to do"
    );
    let history = lake
        .manager
        .history(&whole("t").to_input(Form::Table))
        .await
        .expect("tells");
    assert_eq!(history.len(), 12, "rewriting is no version of the value");
    // Who loaded before reads on, until the files are vacuumed.
    assert_eq!(Table::from_value(loading).await.expect("reads").rows(), 24);
    assert!(vacuumed(&lake.manager, "t", false).await.len() == 12);
    assert_eq!(lake.all("t").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_stays_exact_where_a_write_is_whole() {
    let lake = Lake::new(|config| config.file_bytes = 1 << 20);
    let many = || {
        let numbers = (0..200_000).map(|n| n * 7919 % 200_000);
        let batch = table(vec![("n", ints(numbers))]).to_batch().expect("is one");
        let batches = (0..20).map(|at| batch.slice(at * 10_000, 10_000)).collect();
        Table::new(batch.schema(), batches).expect("one schema")
    };
    let stored = lake.store(&whole("t"), many()).await.expect("stores");
    assert!(data_files(lake.dir.path()).len() > 1, "several files");
    // The files that come are as large as one write's: what is asked for is one file.
    let larger = lake.with(|config| config.file_bytes = 1 << 30);
    let done = optimized(&larger, &whole("t"), &[]).await;
    assert_eq!(done.files_after, 1);
    let receipt = lake
        .manager
        .head(&whole("t").to_input(Form::Table))
        .await
        .expect("tells")
        .expect("is there");
    assert_eq!(receipt.content_hash, stored.content_hash);
    assert_eq!((receipt.rows, receipt.bytes), (Some(200_000), done.bytes_after));
    assert_eq!((&receipt.write, &receipt.version), (&stored.write, &stored.version));
    let mut wanted = whole("t").to_input(Form::Table);
    wanted.verify = true;
    let verified = larger.load_input(&wanted).await.expect("verifies");
    let verified = Table::from_value(verified).await.expect("reads");
    assert!(texts(&verified) == texts(&many()), "row for row");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_stay_apart() {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    for (day, n) in [("1", 1), ("2", 2), ("1", 3), ("2", 4), ("1", 5)] {
        let day_number = day.parse().expect("is a number");
        let stored = table(vec![("n", ints([n])), ("day", ints([day_number]))]);
        lake.store(&partition("t", &[("day", day)]), stored)
            .await
            .expect("stores");
    }
    // One partition alone first.
    let one = partition("t", &[("day", "1")]);
    let done = optimized(&lake.manager, &one, &[]).await;
    assert_eq!((done.files_before, done.files_after), (3, 1));
    let done = optimized(&lake.manager, &whole("t"), &[]).await;
    assert_eq!((done.files_before, done.files_after), (2, 1));
    assert_eq!(lake.rows(&one).await, ["1|1", "3|1", "5|1"]);
    assert_eq!(lake.rows(&partition("t", &[("day", "2")])).await, ["2|2", "4|2"]);
    // Each can still be replaced and deleted alone.
    lake.manager.delete(&one.to_input(Form::Table)).await.expect("deletes");
    assert_eq!(lake.all("t").await, ["2|2", "4|2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn z_order_makes_files_that_filters_leave_out() {
    let lake = Lake::new(|config| config.file_bytes = 1 << 20);
    let side = 400_i64;
    let x = (0..side * side).map(|n| n * 7919 % (side * side) % side);
    let y = (0..side * side).map(|n| n * 7919 % (side * side) / side);
    let text: StringArray = (0..side * side).map(|n| Some(format!("row {n}"))).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", Arc::new(Int64Array::from_iter_values(x))),
        ("y", Arc::new(Int64Array::from_iter_values(y))),
        ("t", Arc::new(text)),
    ];
    lake.store(&whole("t"), table(columns)).await.expect("stores");
    let mut before = lake.all("t").await;
    let done = optimized(&lake.manager, &whole("t"), &["x", "y"]).await;
    assert!(done.files_after > 2, "{done:?}");
    let mut after = lake.all("t").await;
    assert_ne!(before, after, "rows change places");
    before.sort();
    after.sort();
    assert_eq!(before, after, "no row is lost or new");
    let receipt = lake
        .manager
        .head(&whole("t").to_input(Form::Table))
        .await
        .expect("tells")
        .expect("is there");
    assert_eq!(
        (receipt.rows, receipt.content_hash),
        (Some(160_000), None),
        "the order is not the stored one"
    );
    // Every file but those of one corner can be broken without a filter on it noticing.
    let found = LazyTable::from_value(
        lake.manager
            .load_input(&whole("t").to_input(Form::Table))
            .await
            .expect("loads"),
    );
    let corner = found
        .await
        .expect("is a table")
        .filter(col("x").lt(20).and(col("y").lt(20)))
        .expect("fits");
    assert_eq!(corner.count().await.expect("counts"), 400);
    vacuumed(&lake.manager, "t", false).await;
    let files = data_files(&lake.dir.path().join("t.delta"));
    let mut needed = 0;
    for file in &files {
        let aside = file.with_extension("aside");
        std::fs::rename(file, &aside).expect("is moved");
        needed += usize::from(corner.count().await.is_err());
        std::fs::rename(&aside, file).expect("is moved back");
    }
    assert!(
        needed > 0 && needed * 2 < files.len(),
        "{needed} of {} files are read",
        files.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_columns_that_rows_cannot_be_ordered_by() {
    let lake = Lake::new(|config| config.partition_by = vec!["day".to_owned()]);
    let stored = table(vec![("number", ints([1])), ("day", ints([1]))]);
    lake.store(&whole("t"), stored).await.expect("stores");
    let refused = async |column: &str| {
        let mut options = OptimizeOptions::default();
        options.z_order = vec![column.to_owned()];
        let refused = lake.manager.optimize(&whole("t").to_input(Form::Table), &options).await;
        refused.expect_err("is refused")
    };
    let error = refused("numer").await;
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
    assert!(error.message().contains("did you mean `number`"), "{error}");
    assert!(refused("day").await.message().contains("partitioned by `day`"));
    let missing = lake
        .manager
        .optimize(&whole("none").to_input(Form::Table), &OptimizeOptions::default())
        .await;
    assert_eq!(missing.expect_err("is missing").kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_may_write_meanwhile() {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    for n in 0..4 {
        lake.store(&whole("t"), table(vec![("n", ints([n]))]))
            .await
            .expect("stores");
    }
    let appends = async {
        for n in 4..24 {
            lake.store(&whole("t"), table(vec![("n", ints([n]))]))
                .await
                .expect("stores");
        }
    };
    let rewrites = async {
        let mut rewritten = 0;
        for _ in 0..12 {
            rewritten += optimized(&lake.manager, &whole("t"), &[]).await.files_before;
        }
        rewritten
    };
    let (_, rewritten) = tokio::join!(appends, rewrites);
    assert!(rewritten > 4, "both were at work");
    let mut all = lake.all("t").await;
    all.sort_by_key(|n| n.parse::<i64>().expect("is a number"));
    assert_eq!(all, (0..24).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_takes_what_old_versions_need_and_what_none_does() {
    let lake = Lake::new(|config| config.checkpoint_interval = 3);
    for n in 0..7 {
        lake.store(&whole("t"), table(vec![("n", ints([n]))]))
            .await
            .expect("stores");
    }
    let root = lake.dir.path().join("t.delta");
    // What a crash of another engine leaves, and what is nobody's to remove.
    std::fs::create_dir_all(root.join("day=1")).expect("is made");
    std::fs::create_dir_all(root.join("_other")).expect("is made");
    for name in ["day=1/part-00000-x.snappy.parquet", "_other/kept.parquet", ".hidden"] {
        std::fs::write(root.join(name), "left behind").expect("is written");
    }
    let mut short = VacuumOptions::default();
    short.retention = Some(Duration::from_secs(60));
    let refused = lake.manager.vacuum(&whole("t").to_input(Form::Table), &short).await;
    let refused = refused.expect_err("is refused");
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
    assert!(refused.message().contains("168h"), "{refused}");
    let default = lake
        .manager
        .vacuum(&whole("t").to_input(Form::Table), &VacuumOptions::default())
        .await;
    assert_eq!(default.expect("vacuums"), [], "everything is young");
    let told = vacuumed(&lake.manager, "t", true).await;
    assert_eq!(told.len(), 7, "six old files and one of nobody: {told:?}");
    assert_eq!(data_files(&root).len(), 10, "nothing is removed yet");
    let removed = vacuumed(&lake.manager, "t", false).await;
    assert_eq!(told, removed);
    assert_eq!(lake.all("t").await, ["6"]);
    assert!(root.join("_other/kept.parquet").exists() && root.join(".hidden").exists());
    let mut old = whole("t").to_input(Form::Table);
    old.version = Some(Version::from_text("2"));
    let gone = lake.manager.load_input(&old).await.expect("its log is kept");
    let error = Table::from_value(gone).await.expect_err("its file is gone");
    assert!(error.message().contains("it is gone"), "{error}");
    lake.store(&whole("t"), table(vec![("n", ints([9]))]))
        .await
        .expect("stores");
    assert_eq!(lake.all("t").await, ["9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_keeps_what_was_taken_away_lately() {
    let lake = Lake::new(|config| {
        let property = "delta.deletedFileRetentionDuration".to_owned();
        config.properties.insert(property, "interval 1 hour".to_owned());
    });
    for n in 0..3 {
        lake.store(&whole("t"), table(vec![("n", ints([n]))]))
            .await
            .expect("stores");
    }
    // Files are old, and their removal is not.
    for file in data_files(lake.dir.path()) {
        let then = std::time::SystemTime::now() - Duration::from_secs(7200);
        let file = std::fs::File::options().read(true).open(file).expect("opens");
        file.set_modified(then).expect("is set");
    }
    let removed = lake
        .manager
        .vacuum(&whole("t").to_input(Form::Table), &VacuumOptions::default())
        .await;
    assert_eq!(removed.expect("vacuums"), []);
    let mut old = whole("t").to_input(Form::Table);
    old.version = Some(Version::from_text("0"));
    assert_eq!(rows(&lake.manager, &old).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_are_not_taken_for_others() {
    let lake = Lake::new(|config| config.partition_by = vec!["p".to_owned()]);
    let odd = ["a b", "100%", "x=y", "ü/日本", "a:b?c#d"];
    let stored = table(vec![("n", ints(0..5)), ("p", strings(odd))]);
    lake.store(&whole("t"), stored).await.expect("stores");
    assert_eq!(vacuumed(&lake.manager, "t", false).await, Vec::<String>::new());
    assert_eq!(lake.all("t").await.len(), 5);
}
