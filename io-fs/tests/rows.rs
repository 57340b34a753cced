//! Sequences of structs that are tables when they are large: both formats of a value, and the way from one to the other.

use larder_io_core::{
    AssetKey, AssetValue, ErrorKind, Form, InputContext, IoManager, OutputContext, Precondition, Receipt, Table,
    Version,
};
use larder_io_fs::FsConfig;
use larder_io_object::ObjectIo;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    note: Option<String>,
}

fn orders(count: u64) -> Vec<Order> {
    let order = |id| Order {
        id,
        note: (id % 3 != 0).then(|| format!("note {id}")),
    };
    (0..count).map(order).collect()
}

/// Tables from ten rows on.
fn manager(root: &Path) -> ObjectIo {
    let mut config = FsConfig::new(root);
    config.rows_as_table = Some(10);
    config.open().expect("opens")
}

fn context() -> OutputContext {
    let key: AssetKey = "raw/orders".parse().expect("is a key");
    OutputContext::new(key, None, "raw/orders".parse().expect("is a location"))
}

fn input() -> InputContext {
    context().to_input(Form::Object)
}

async fn store(manager: &ObjectIo, count: u64) -> Receipt {
    let stored = manager.handle_output(&context(), &orders(count).into_value()).await;
    stored.expect("is stored")
}

async fn load(manager: &ObjectIo, input: &InputContext) -> u64 {
    let value = manager.load_input(input).await.expect("loads");
    let loaded = Vec::<Order>::from_value(value).await.expect("are orders");
    assert_eq!(loaded, orders(loaded.len() as u64));
    loaded.len() as u64
}

/// The published files.
fn files(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("raw")).expect("is a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("is there").file_name().into_string().expect("is text"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_value_moves_between_its_formats_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    let mut known = Vec::new();
    for (count, file) in [
        (3, "orders.json"),
        (100, "orders.parquet"),
        (200, "orders.parquet"),
        (9, "orders.json"),
    ] {
        let receipt = store(&manager, count).await;
        assert_eq!(files(dir.path()), [file], "after {count}");
        assert_eq!(receipt.form, Form::Object);
        assert_eq!(receipt.rows, file.ends_with("parquet").then_some(count));
        assert_eq!(load(&manager, &input()).await, count);
        let head = manager.head(&input()).await.expect("tells").expect("is there");
        assert_eq!(
            (head.version.clone(), head.content_hash),
            (receipt.version, receipt.content_hash)
        );
        known.push((head.version, count));
    }
    let versions = manager.versions().expect("keeps versions");
    assert_eq!(versions.history(&input()).await.expect("lists").len(), 4);
    for (version, count) in &known {
        assert_eq!(load(&manager, &input().with_version(version.clone())).await, *count);
    }
    // Back to a table, over a published json; and to a json, over a published table.
    for (version, count, file) in [(&known[1].0, 100, "orders.parquet"), (&known[0].0, 3, "orders.json")] {
        versions.restore(&input(), version).await.expect("restores");
        assert_eq!(files(dir.path()), [file]);
        assert_eq!(load(&manager, &input()).await, count);
    }
    manager.delete(&input()).await.expect("deletes");
    assert!(manager.head(&input()).await.expect("tells").is_none());
    store(&manager, 50).await;
    manager.delete(&input()).await.expect("deletes");
    assert!(files(dir.path()).is_empty());
}

#[tokio::test]
async fn a_precondition_holds_across_the_formats() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    let under = |precondition: Precondition, count: u64| {
        let mut ctx = context();
        ctx.precondition = precondition;
        let manager = manager.clone();
        async move { manager.handle_output(&ctx, &orders(count).into_value()).await }
    };
    let unchanged = |version: &Version| Precondition::Unchanged(version.clone());
    let small = under(Precondition::Absent, 3).await.expect("nothing is there");
    let taken = under(Precondition::Absent, 100).await.expect_err("something is there");
    assert_eq!(taken.kind(), ErrorKind::Conflict, "{taken}");
    let large = under(unchanged(&small.version), 100).await.expect("is unchanged");
    assert_eq!(files(dir.path()), ["orders.parquet"]);
    for count in [3, 100] {
        let late = under(unchanged(&small.version), count).await.expect_err("was changed");
        assert_eq!(late.kind(), ErrorKind::Conflict, "{late}");
    }
    let taken = under(Precondition::Absent, 3).await.expect_err("something is there");
    assert_eq!(taken.kind(), ErrorKind::Conflict, "{taken}");
    assert_eq!(load(&manager, &input()).await, 100);
    let again = under(unchanged(&large.version), 200).await.expect("is unchanged");
    under(unchanged(&again.version), 4).await.expect("is unchanged");
    assert_eq!(files(dir.path()), ["orders.json"]);
    assert_eq!(load(&manager, &input()).await, 4);
}

#[tokio::test]
async fn of_two_writers_of_different_formats_one_value_stays_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = Arc::new(manager(dir.path()));
    for round in 0..40_u64 {
        let (small, large) = (1 + round % 9, 10 + round);
        let first = store(&manager, if round % 2 == 0 { 5 } else { 50 }).await;
        // Both under the same condition in every other round, so that one of them must lose.
        let precondition = match round % 4 < 2 {
            true => Precondition::Unchanged(first.version),
            false => Precondition::None,
        };
        let writers = [small, large].map(|count| {
            let (manager, mut ctx) = (Arc::clone(&manager), context());
            ctx.precondition = precondition.clone();
            tokio::spawn(async move { manager.handle_output(&ctx, &orders(count).into_value()).await })
        });
        let mut won = Vec::new();
        for (writer, count) in writers.into_iter().zip([small, large]) {
            match writer.await.expect("ends") {
                Ok(_) => won.push(count),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
            }
        }
        assert!(
            precondition == Precondition::None || won.len() <= 1,
            "round {round}: both won"
        );
        let left = load(&manager, &input()).await;
        assert!(
            won.contains(&left) || won.is_empty(),
            "round {round}: {left} of {won:?}"
        );
    }
}

#[tokio::test]
async fn a_reader_never_misses_a_value_that_changes_its_format() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = Arc::new(manager(dir.path()));
    store(&manager, 3).await;
    let writing = {
        let manager = Arc::clone(&manager);
        tokio::spawn(async move {
            for round in 0..60 {
                store(&manager, if round % 2 == 0 { 30 } else { 3 }).await;
            }
        })
    };
    while !writing.is_finished() {
        let count = load(&manager, &input()).await;
        assert!([3, 30].contains(&count));
    }
    writing.await.expect("writes");
}

#[tokio::test]
async fn what_a_killed_writer_left_does_not_count_and_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let (table, aside) = (dir.path().join("raw/orders.parquet"), dir.path().join("aside"));
    let first = manager(dir.path());
    store(&first, 100).await;
    std::fs::hard_link(&table, &aside).expect("links");
    let small = store(&first, 3).await;
    // As if its writer had been killed before it removed the json: the value is there with its receipt.
    std::fs::hard_link(&aside, &table).expect("links");
    let again = manager(dir.path());
    assert_eq!(load(&again, &input()).await, 3);
    let mut ctx = context();
    ctx.precondition = Precondition::Unchanged(small.version);
    again
        .handle_output(&ctx, &orders(40).into_value())
        .await
        .expect("is unchanged");
    assert_eq!(load(&again, &input()).await, 40);
    assert_eq!(files(dir.path()), ["orders.parquet"]);
}

#[tokio::test]
async fn a_table_of_somebody_else_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    let small = store(&manager, 3).await;
    std::fs::write(dir.path().join("raw/orders.parquet"), "theirs").expect("writes");
    let mut ctx = context();
    ctx.precondition = Precondition::Unchanged(small.version);
    let refused = manager
        .handle_output(&ctx, &orders(40).into_value())
        .await
        .expect_err("is theirs");
    assert!(
        matches!(refused.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists),
        "{refused}"
    );
    assert_eq!(load(&manager, &input()).await, 3);
    store(&manager, 4).await;
    manager.delete(&input()).await.expect("deletes");
    assert_eq!(files(dir.path()), ["orders.parquet"]);
}

#[tokio::test]
async fn rows_of_an_object_are_no_table_and_a_table_is_no_object() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    let table = context().to_input(Form::Table);
    store(&manager, 100).await;
    let error = manager.load_input(&table).await.expect_err("is an object");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("take it as a `Vec`"), "{error}");
    // The asset changes its type to a table, and back: each time under the precondition that a run sets.
    let mut ctx = context();
    ctx.precondition = Precondition::Absent;
    let numbers: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![1, 2]));
    let numbers = Table::from(arrow_array::RecordBatch::try_from_iter([("n", numbers)]).expect("fits"));
    manager
        .handle_output(&ctx, &numbers.into_value())
        .await
        .expect("replaces the rows");
    assert_eq!(
        Table::from_value(manager.load_input(&table).await.expect("loads"))
            .await
            .expect("is one")
            .rows(),
        2
    );
    let error = manager.load_input(&input()).await.expect_err("is a table");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(manager.head(&input()).await.expect("tells").is_none());
    let mut ctx = context();
    ctx.precondition = Precondition::Absent;
    manager
        .handle_output(&ctx, &orders(100).into_value())
        .await
        .expect("replaces the table");
    assert_eq!(load(&manager, &input()).await, 100);
    assert_eq!(files(dir.path()), ["orders.parquet"]);
}

#[tokio::test]
async fn rows_that_were_stored_as_a_table_load_after_the_setting_changed() {
    let dir = tempfile::tempdir().expect("a directory");
    let old = store(&manager(dir.path()), 100).await;
    let off = FsConfig::new(dir.path()).open().expect("opens");
    assert_eq!(load(&off, &input().with_version(old.version)).await, 100);
    let error = off.load_input(&input()).await.expect_err("is looked for as json only");
    assert!(error.message().contains("raw/orders.parquet"), "{error}");
    store(&off, 100).await;
    assert_eq!(files(dir.path()), ["orders.json"]);
}

#[tokio::test]
async fn a_damaged_table_of_rows_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let manager = manager(dir.path());
    store(&manager, 1000).await;
    let file = dir.path().join("raw/orders.parquet");
    let whole = std::fs::read(&file).expect("reads");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("may be changed");
    let (mut errors, mut cases) = (0, 0);
    for at in (0..whole.len()).step_by(whole.len() / 400 + 1) {
        for mask in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= mask;
            std::fs::write(&file, &damaged).expect("writes");
            cases += 1;
            let loaded = match manager.load_input(&input()).await {
                Ok(value) => Vec::<Order>::from_value(value).await.map(drop),
                Err(error) => Err(error),
            };
            if let Err(error) = loaded {
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{at}: {error}");
                errors += 1;
            }
            let verified = manager.load_input(&input().verified()).await.expect_err("is damaged");
            assert_eq!(verified.kind(), ErrorKind::InvalidData, "{at}: {verified}");
        }
    }
    assert!(
        errors > cases / 10,
        "damage is noticed without a hash too: {errors} of {cases}"
    );
}
