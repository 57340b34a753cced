//! Tables that others made, kept beside the tests: `integration-tests/python/delta_golden.py` writes them, and the Python
//! package `deltalake` read them as they are asserted here. `vectors` has deletion vectors, in the log and in a file of two;
//! the log of `second` begins at a checkpoint of version 2 in JSON, that of `cleaned` at a classic one.

mod common;
mod feed;

use common::{Lake, rows, whole};
use feed::merging;
use larder_io_core::{AssetValue, ErrorKind, Form, IoManager, OptimizeOptions, Version};
use larder_io_delta::WriteMode;
use std::path::Path;

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("is made");
    for entry in std::fs::read_dir(from).expect("is there") {
        let entry = entry.expect("is one");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("has one").is_dir() {
            true => copied(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("is copied")),
        }
    }
}

/// A lake with a copy of a golden table.
fn golden(name: &str) -> Lake {
    let lake = Lake::new(|config| config.mode = WriteMode::Append);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.delta"));
    copied(&from, &lake.dir.path().join(format!("{name}.delta")));
    lake
}

async fn at(lake: &Lake, name: &str, version: u64) -> Vec<String> {
    let mut input = whole(name).to_input(Form::Table);
    input.version = Some(Version::from_text(version.to_string()));
    let mut found = rows(&lake.manager, &input).await;
    found.sort();
    found
}

/// The rows 0 to 9 of two files, without those that are deleted in each.
fn but(first: &[i64], second: &[i64]) -> Vec<String> {
    let left = |deleted: &[i64]| {
        let deleted = deleted.to_vec();
        (0..10_i64).filter(move |n| !deleted.contains(n))
    };
    let mut rows: Vec<String> = left(first)
        .chain(left(second))
        .map(|n| format!("{n}|row {n}"))
        .collect();
    rows.sort();
    rows
}

const ALL: [i64; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// The deleted rows of `vectors`, in the versions with two files.
fn vectors() -> [(u64, Vec<String>); 6] {
    [
        (1, but(&[], &[])),
        (2, but(&[0, 3, 9], &[])),
        (3, but(&[0, 1, 3, 9], &[])),
        (4, but(&[0, 1, 3, 9], &[2, 4])),
        (5, but(&[0, 1, 3, 9], &[2, 4, 5])),
        (6, but(&ALL, &[2, 4, 5])),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_vectors_take_rows_away() {
    let lake = golden("vectors");
    assert_eq!(at(&lake, "vectors", 0).await.len(), 10);
    for (version, expected) in vectors() {
        assert_eq!(at(&lake, "vectors", version).await, expected, "version {version}");
    }
    let head = lake.manager.head(&whole("vectors").to_input(Form::Table)).await;
    let head = head.expect("can tell").expect("is there");
    assert_eq!(
        (head.rows, head.content_hash),
        (Some(7), None),
        "deleted rows do not count"
    );
}

/// What is stored on top of deleted rows does not bring them back; what is restored does, once.
#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_stay_deleted_until_they_are_restored() {
    let lake = golden("vectors");
    let versions = lake.manager.versions().expect("has some");
    let input = whole("vectors").to_input(Form::Table);
    for (version, expected) in vectors().into_iter().rev() {
        versions
            .restore(&input, &Version::from_text(version.to_string()))
            .await
            .expect("restores");
        let mut found = lake.all("vectors").await;
        found.sort();
        assert_eq!(found, expected, "version {version}");
    }
    versions
        .restore(&input, &Version::from_text("5"))
        .await
        .expect("restores");
    // The feed begins with a merge into files that have deleted rows.
    let changes = feed::nullable(&[(5, "changed"), (0, "again")]);
    let merged = lake
        .with(merging)
        .handle_output(&whole("vectors"), &changes.into_value())
        .await;
    merged.expect("merges");
    let mut expected = but(&[0, 1, 3, 5, 9], &[0, 2, 4, 5]);
    expected.extend(["0|again".to_owned(), "5|changed".to_owned()]);
    expected.sort();
    let mut found = lake.all("vectors").await;
    found.sort();
    assert_eq!(found, expected);
    let newest = feed::newest(&lake, "vectors");
    let told = [
        "update_postimage|0|again",
        "update_postimage|5|changed",
        "update_preimage|0|row 0",
        "update_preimage|5|row 5",
    ];
    assert_eq!(feed::changes(&lake, "vectors", newest), told);
    let maintenance = lake.manager.maintenance().expect("has it");
    maintenance
        .optimize(&input, &OptimizeOptions::default())
        .await
        .expect("optimizes");
    let mut found = lake.all("vectors").await;
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_vector_that_is_damaged_is_an_error() {
    let lake = golden("vectors");
    let root = lake.dir.path().join("vectors.delta");
    let file = std::fs::read_dir(root.join("x"))
        .expect("is there")
        .next()
        .expect("is one")
        .expect("is one")
        .path();
    let whole_file = std::fs::read(&file).expect("is read");
    let load = async || {
        let value = lake.manager.load_input(&whole("vectors").to_input(Form::Table)).await?;
        larder_io_core::Table::from_value(value).await
    };
    for (damage, expected) in [(0, "magic"), (1, "cut"), (2, "gone")] {
        let mut bytes = whole_file.clone();
        match damage {
            0 => bytes.iter_mut().for_each(|byte| *byte ^= 0x5A),
            1 => bytes.truncate(9),
            _ => {}
        }
        std::fs::write(&file, bytes).expect("is written");
        if damage == 2 {
            std::fs::remove_file(&file).expect("is removed");
        }
        let error = load().await.map(drop).expect_err(expected);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{expected}: {error}");
        assert!(
            error.message().contains("deletion vector") && error.message().contains("part-00000"),
            "{error}"
        );
        // A version before it does not need the file.
        assert_eq!(at(&lake, "vectors", 3).await, but(&[0, 1, 3, 9], &[]));
    }
    std::fs::write(&file, whole_file).expect("is written");
    assert_eq!(load().await.expect("loads").rows(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_may_begin_at_a_checkpoint() {
    let expected = |count: i64| (0..count).map(|n| format!("{n}|row {n}")).collect::<Vec<_>>();
    let lake = golden("second");
    assert_eq!(at(&lake, "second", 2).await, expected(3));
    let lake_of_classic = golden("cleaned");
    assert_eq!(at(&lake_of_classic, "cleaned", 3).await, expected(4));
    let mut after = expected(4);
    after.push("9|after".to_owned());
    assert_eq!(at(&lake_of_classic, "cleaned", 4).await, after);
    for (lake, name, oldest, mut rows) in [(lake, "second", 2, expected(3)), (lake_of_classic, "cleaned", 3, after)] {
        // Versions before the log's beginning are gone, and stores go on.
        let mut input = whole(name).to_input(Form::Table);
        input.version = Some(Version::from_text((oldest - 1).to_string()));
        let gone = lake.manager.load_input(&input).await.map(drop).expect_err("is gone");
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
        lake.store(&whole(name), feed::nullable(&[(7, "ours")]))
            .await
            .expect("appends");
        rows.push("7|ours".to_owned());
        rows.sort();
        let mut found = lake.all(name).await;
        found.sort();
        assert_eq!(found, rows);
    }
}

/// Version 5 of `vectors` has its deleted rows in a file of their own; a vacuum takes it and leaves the rows' file.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_deleted_rows_were_vacuumed_is_not_kept() {
    let lake = golden("vectors");
    let vectors = lake.dir.path().join("vectors.delta/x");
    std::fs::remove_dir_all(vectors).expect("is removed");
    let versions = lake.manager.versions().expect("has some");
    let input = whole("vectors").to_input(Form::Table);
    let refused = versions.restore(&input, &Version::from_text("5")).await;
    let refused = refused.expect_err("is not kept");
    assert_eq!(refused.kind(), ErrorKind::NotFound, "{refused}");
    assert!(
        refused.message().contains("deletion_vector_") && refused.message().contains("was vacuumed"),
        "{refused}"
    );
    assert_eq!(feed::newest(&lake, "vectors"), 6, "nothing was committed");
    // One whose deleted rows stand in the log itself needs no file.
    let restored = versions.restore(&input, &Version::from_text("2")).await;
    restored.expect("restores");
}
