//! Folders: all their files are one target.

use crate::support::{Lake, counted, counting, other_columns, out, overwrite, raw, rows, run};
use larder_executor::Pipeline;
use larder_io_core::{Blob, DataRef, ErrorKind, LazyTable, Table, col};
use std::fs;

async fn folder(lake: &Lake, format: &str) -> Pipeline {
    for (stem, count) in [("year/a", 1), ("year/b", 2), ("year/deep/c", 4)] {
        lake.write(stem, format, rows(count)).await;
    }
    lake.pipeline([raw(DataRef::new(lake.uri("year/"))), counting(out())])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_one_table() {
    for format in ["parquet", "arrow", "csv", "ndjson", "avro"] {
        let lake = Lake::new();
        let pipeline = folder(&lake, format).await;
        run(&pipeline, "*").await;
        let stored: DataRef = pipeline.load("raw").await.expect("loads");
        assert_eq!((stored.files, stored.format.as_deref()), (Some(3), Some(format)));
        assert_eq!(stored.rows, (format == "parquet").then_some(7), "{format}");
        assert_eq!(counted(&pipeline).await.expect("is as recorded"), 7, "{format}");
        let table: LazyTable = pipeline.load("raw").await.expect("follows");
        let few = table
            .clone()
            .filter(col("n").gt(0))
            .expect("fits")
            .select(["word"])
            .expect("fits");
        let few = few.limit(3).collect().await.expect("reads");
        assert_eq!((few.rows(), few.schema().fields().len()), (3, 1), "{format}");
        assert_eq!(table.head(2).await.expect("reads").rows(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_goes_or_changes_is_noticed() {
    let lake = Lake::new();
    let pipeline = folder(&lake, "parquet").await;
    run(&pipeline, "*").await;
    let refused = async |said: &str| {
        let error = counted(&pipeline).await.expect_err("changed");
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        assert!(error.message().contains(said), "{error}");
    };
    lake.write("year/d", "parquet", rows(1)).await;
    refused("it had 3 files and has 4").await;
    fs::remove_file(lake.outside("year/d.parquet")).expect("is removed");
    assert_eq!(counted(&pipeline).await.expect("is as recorded again"), 7);
    let path = lake.outside("year/b.parquet");
    let bytes = fs::read(&path).expect("reads");
    overwrite(&path, &bytes, 1);
    refused("was replaced").await;
    run(&pipeline, "raw").await;
    assert_eq!(counted(&pipeline).await.expect("was made again"), 7);
    fs::rename(&path, lake.outside("year/e.parquet")).expect("is moved");
    refused("was replaced").await;
    fs::remove_dir_all(lake.outside("year")).expect("is removed");
    refused("was deleted").await;
}

/// What marks, logs and larder itself leave in a folder is none of its files.
#[tokio::test(flavor = "multi_thread")]
async fn hidden_files_are_no_part_of_it() {
    let lake = Lake::new();
    let pipeline = folder(&lake, "parquet").await;
    // A name of a partition's column, not a hidden one.
    lake.write("year/_part=1/d", "parquet", rows(10)).await;
    run(&pipeline, "*").await;
    fs::write(lake.outside("year/_SUCCESS"), b"").expect("is written");
    fs::write(lake.outside("year/.part.crc"), b"x").expect("is written");
    fs::create_dir(lake.outside("year/.larder")).expect("is made");
    fs::write(lake.outside("year/.larder/old.parquet"), b"x").expect("is written");
    std::os::unix::fs::symlink("/", lake.outside("year/.link")).expect("is made");
    assert_eq!(counted(&pipeline).await.expect("is as recorded"), 17);
}

/// Of a table of Delta some files may be removed ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_delta_is_no_folder() {
    let lake = Lake::new();
    let pipeline = folder(&lake, "parquet").await;
    fs::create_dir_all(lake.outside("year/deep/_delta_log")).expect("is made");
    let error = crate::support::failed(&pipeline, "raw").await;
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert!(error.message().contains("`delta+`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_one_table_are_refused() {
    let lake = Lake::new();
    let pipeline = folder(&lake, "parquet").await;
    lake.write("year/b", "parquet", other_columns()).await;
    let error = crate::support::failed(&pipeline, "raw").await;
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert!(
        error.message().contains("different columns") && error.message().contains("b.parquet"),
        "{error}"
    );
    fs::write(lake.outside("year/b.parquet"), b"PAR1").expect("is written");
    let error = crate::support::failed(&pipeline, "raw").await;
    assert!(error.message().contains("b.parquet"), "{error}");

    let lake = Lake::new();
    let pipeline = folder(&lake, "parquet").await;
    fs::write(lake.outside("year/notes.txt"), b"x").expect("is written");
    run(&pipeline, "raw").await;
    let error = pipeline.load::<Table>("raw").await.expect_err("is none");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.message().contains("several formats") && error.message().contains("txt"),
        "{error}"
    );
    let error = pipeline.load::<Blob>("raw").await.expect_err("is none");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// A file that is replaced while the folder is read is told, and no row of the new one is given.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_changes_while_it_is_read_is_told() {
    let lake = Lake::new();
    let pipeline = folder(&lake, "parquet").await;
    run(&pipeline, "*").await;
    let table: LazyTable = pipeline.load("raw").await.expect("opens");
    lake.write("year/deep/c", "parquet", rows(9)).await;
    let error = table.collect().await.expect_err("changed");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    assert!(error.message().contains("c.parquet"), "{error}");
}
