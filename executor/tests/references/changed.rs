//! Loading what a reference points to, after it changed.

use crate::support::{Lake, counted, counting, other_columns, out, overwrite, raw, rows, run};
use larder_executor::{Asset, Pipeline};
use larder_io_core::{DataRef, Error, ErrorKind, Latest, LazyTable, Pinned};
use std::fs;

/// A pipeline whose reference was stored with 100 rows there.
async fn recorded(lake: &Lake, format: &str, change: impl FnOnce(DataRef) -> DataRef) -> Pipeline {
    lake.write("raw", format, rows(100)).await;
    let reference = change(DataRef::new(lake.uri(&format!("raw.{format}"))));
    let pipeline = lake.pipeline([raw(reference), counting(out())]);
    run(&pipeline, "raw").await;
    assert_eq!(counted(&pipeline).await.expect("is as recorded"), 100);
    pipeline
}

async fn refused(pipeline: &Pipeline, said: &[&str]) -> Error {
    let error = counted(pipeline).await.expect_err("changed");
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error:?}");
    for said in said {
        assert!(error.message().contains(said), "{said}: {error}");
    }
    assert!(
        error
            .context("target")
            .is_some_and(|target| target.starts_with("file://")),
        "{error:?}"
    );
    assert_eq!(error.context("asset"), Some("raw"), "{error:?}");
    let old: u64 = pipeline.load("out").await.expect("the old value stays");
    assert_eq!(old, 100);
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted() {
    for latest in [false, true] {
        let lake = Lake::new();
        let change = |reference: DataRef| if latest { reference.latest() } else { reference };
        let pipeline = recorded(&lake, "parquet", change).await;
        fs::remove_file(lake.outside("raw.parquet")).expect("is removed");
        refused(&pipeline, &["was deleted", "raw.parquet"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_by_one_of_the_same_size() {
    for format in ["parquet", "csv"] {
        let lake = Lake::new();
        let pipeline = recorded(&lake, format, |reference| reference).await;
        let path = lake.outside(&format!("raw.{format}"));
        let bytes = fs::read(&path).expect("reads");
        overwrite(&path, &bytes, 1);
        let error = refused(&pipeline, &["was replaced: it had version"]).await;
        let size = format!("({} bytes", bytes.len());
        assert_eq!(error.message().matches(&size).count(), 2, "{error}");
    }
}

/// Another file in its place, of the same size and time: what `cp -p` and a rename leave.
#[tokio::test(flavor = "multi_thread")]
async fn replaced_by_one_of_the_same_size_and_time() {
    let lake = Lake::new();
    let pipeline = recorded(&lake, "parquet", |reference| reference).await;
    let (path, twin) = (lake.outside("raw.parquet"), lake.outside("twin"));
    let time = fs::metadata(&path).expect("is there").modified().expect("has a time");
    fs::write(&twin, fs::read(&path).expect("reads")).expect("is written");
    crate::support::touch(&twin, time);
    fs::rename(&twin, &path).expect("is moved");
    refused(&pipeline, &["was replaced"]).await;
}

/// Written in place, with the size and the time that it had: nobody can put back the time of the file itself.
#[tokio::test(flavor = "multi_thread")]
async fn written_in_place_with_its_time_put_back() {
    for stem in ["raw", "raw/a"] {
        let lake = Lake::new();
        lake.write(stem, "parquet", rows(100)).await;
        let name = if stem == "raw" { "raw.parquet" } else { "raw/" };
        let pipeline = lake.pipeline([raw(DataRef::new(lake.uri(name))), counting(out())]);
        run(&pipeline, "raw").await;
        assert_eq!(counted(&pipeline).await.expect("is as recorded"), 100);
        let path = lake.outside(&format!("{stem}.parquet"));
        let bytes = fs::read(&path).expect("reads");
        overwrite(&path, &bytes, 0);
        refused(
            &pipeline,
            &["was replaced", "its time was put back after it was written"],
        )
        .await;
    }
}

/// References that were stored before the time of the file itself was part of a version.
#[tokio::test(flavor = "multi_thread")]
async fn what_earlier_releases_recorded_of_a_file_is_still_found() {
    let lake = Lake::new();
    let pipeline = recorded(&lake, "parquet", |reference| reference).await;
    let stored: DataRef = pipeline.load("raw").await.expect("loads");
    let version = stored.version.expect("has one");
    let former = version.rsplit_once('-').expect("has parts").0;
    let text = lake.stored("raw").expect("is stored").replace(&version, former);
    lake.damage("raw", &text);
    assert_eq!(counted(&pipeline).await.expect("is as recorded"), 100);
    let path = lake.outside("raw.parquet");
    let bytes = fs::read(&path).expect("reads");
    // As far as what was recorded tells.
    overwrite(&path, &bytes, 0);
    assert_eq!(counted(&pipeline).await.expect("seems as recorded"), 100);
    overwrite(&path, &bytes, 1);
    refused(&pipeline, &["was replaced"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated() {
    for format in ["parquet", "arrow"] {
        let lake = Lake::new();
        let pipeline = recorded(&lake, format, |reference| reference).await;
        let path = lake.outside(&format!("raw.{format}"));
        let bytes = fs::read(&path).expect("reads");
        overwrite(&path, &bytes[..bytes.len() / 2], 1);
        let had = format!("truncated: it had {} bytes and has {}", bytes.len(), bytes.len() / 2);
        refused(&pipeline, &[&had]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_schema() {
    let lake = Lake::new();
    let pipeline = recorded(&lake, "parquet", |reference| reference).await;
    lake.write("raw", "parquet", other_columns()).await;
    refused(
        &pipeline,
        &["another schema", "`n Int64`", "`word Utf8` is gone", "`n Utf8` came"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_is_what_is_there() {
    let lake = Lake::new();
    let pipeline = recorded(&lake, "parquet", DataRef::latest).await;
    lake.write("raw", "parquet", rows(7)).await;
    assert_eq!(counted(&pipeline).await.expect("is there"), 7);
    lake.write("raw", "parquet", other_columns()).await;
    assert_eq!(counted(&pipeline).await.expect("is there"), 2);
}

/// Making the reference again takes what is there now.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_is_made_again_is_good_again() {
    let lake = Lake::new();
    let pipeline = recorded(&lake, "parquet", |reference| reference).await;
    lake.write("raw", "parquet", rows(7)).await;
    refused(&pipeline, &["was replaced"]).await;
    run(&pipeline, "raw").await;
    assert_eq!(counted(&pipeline).await.expect("is as recorded"), 7);
}

/// A consumer says otherwise than the reference, both ways.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_may_say_otherwise() {
    for latest in [false, true] {
        let lake = Lake::new();
        lake.write("raw", "parquet", rows(3)).await;
        let reference = DataRef::new(lake.uri("raw.parquet"));
        let reference = if latest { reference.latest() } else { reference };
        let moving = Asset::builder("moving")
            .input::<Latest<LazyTable>>("raw")
            .function(|mut args| async move {
                let table: Latest<LazyTable> = args.input().await?;
                table.count().await
            });
        let fixed = Asset::builder("fixed")
            .input::<Pinned<LazyTable>>("raw")
            .function(|mut args| async move {
                let table: Pinned<LazyTable> = args.input().await?;
                table.0.count().await
            });
        let pipeline = lake.pipeline([raw(reference), moving, fixed]);
        run(&pipeline, "*").await;
        lake.write("raw", "parquet", rows(5)).await;
        run(&pipeline, "moving").await;
        assert_eq!(pipeline.load::<u64>("moving").await.expect("loads"), 5);
        let error = crate::support::failed(&pipeline, "fixed").await;
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        assert_eq!(pipeline.load::<u64>("fixed").await.expect("loads"), 3);
    }
}

/// A file that changes while it is read gives an error and never rows of both.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_never_mixes_two_versions() {
    for format in ["parquet", "arrow", "csv"] {
        for pinned in [true, false] {
            let lake = Lake::new();
            lake.write("raw", format, rows(50_000)).await;
            let uri = lake.uri(&format!("raw.{format}"));
            let reference = DataRef::new(uri);
            let pipeline = lake.pipeline([raw(if pinned { reference } else { reference.latest() })]);
            run(&pipeline, "raw").await;
            let table: LazyTable = pipeline.load("raw").await.expect("opens");
            let path = lake.outside(&format!("raw.{format}"));
            let bytes = fs::read(&path).expect("reads");
            overwrite(&path, &bytes, 1);
            let error = table.collect().await.expect_err("was changed since it was opened");
            let kind = if pinned {
                ErrorKind::InvalidData
            } else {
                ErrorKind::Conflict
            };
            assert_eq!(error.kind(), kind, "{format}: {error:?}");
            assert!(error.message().contains("changed while it was read"), "{error}");
        }
    }
}

/// A file that is replaced by another one disturbs nobody who reads the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_replaced_file_finishes() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(1000)).await;
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("raw.parquet")))]);
    run(&pipeline, "raw").await;
    let table: LazyTable = pipeline.load("raw").await.expect("opens");
    lake.write("raw", "parquet", rows(5)).await;
    assert_eq!(table.collect().await.expect("is still open").rows(), 1000);
}
