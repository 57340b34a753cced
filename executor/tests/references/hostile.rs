//! Addresses and bytes that nobody should trust (law 16).

use crate::support::{Lake, changing, failed, raw, rows, run};
use larder_io_core::{DataRef, ErrorKind, LazyTable, Table};
use proptest::prelude::*;
use std::fs;
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_none_are_refused_without_a_panic() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    let slot = Arc::new(Mutex::new(DataRef::new("")));
    let pipeline = lake.pipeline([changing(&slot)]);
    let dir = lake.uri("");
    for uri in [
        String::new(),
        "raw.parquet".to_owned(),
        "file:raw.parquet".to_owned(),
        "file:../raw.parquet".to_owned(),
        "file://host/raw.parquet".to_owned(),
        "file:///".to_owned(),
        format!("{dir}../outside/raw.parquet"),
        format!("{dir}./raw.parquet"),
        format!("{dir}/raw.parquet"),
        format!("{dir}raw\0.parquet"),
        format!("{dir}raw.parquet?password=x"),
        format!("file://user:geheim@host{dir}"),
        format!("{dir}{}", "x/".repeat(5000)),
    ] {
        *slot.lock().expect("no panic") = DataRef::new(uri.clone());
        let error = failed(&pipeline, "raw").await;
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{uri}: {error}");
        assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        assert_eq!(lake.stored("raw"), None);
    }
    *slot.lock().expect("no panic") = DataRef::new(format!("{dir}raw.parquet?tabel=x"));
    assert_eq!(failed(&pipeline, "raw").await.kind(), ErrorKind::InvalidConfig);
    *slot.lock().expect("no panic") = DataRef::new(format!("{dir}{}", "x".repeat(300)));
    failed(&pipeline, "raw").await;
}

/// Links, pipes and devices: a pipe must not make anybody wait for a writer.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_ordinary_file_is_refused() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    lake.write("year/a", "parquet", rows(3)).await;
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, lake.outside(name)).expect("is made");
    link("raw.parquet", "link.parquet");
    link("/etc/passwd", "passwd.csv");
    link("link.csv", "link.csv");
    let pipe = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        lake.outside("pipe.csv"),
        rustix::fs::FileType::Fifo,
        pipe,
        0,
    )
    .expect("is made");
    let mut uris: Vec<String> = ["link.parquet", "passwd.csv", "link.csv", "pipe.csv"]
        .map(|name| lake.uri(name))
        .to_vec();
    uris.push("file:///dev/zero".to_owned());
    for uri in uris {
        let error = failed(&lake.pipeline([raw(DataRef::new(uri.clone()))]), "raw").await;
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{uri}: {error}");
        assert!(error.message().contains("link, a pipe or a device"), "{uri}: {error}");
    }
    // In a folder too, also one that leads back to it.
    for (to, name) in [("../raw.parquet", "year/b.parquet"), (".", "year/loop")] {
        link(to, name);
        let error = failed(&lake.pipeline([raw(DataRef::new(lake.uri("year/")))]), "raw").await;
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}: {error}");
        fs::remove_file(lake.outside(name)).expect("is removed");
    }
}

/// A reference that somebody damaged in storage is an error, or another reference; never a panic.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_reference_is_an_error() {
    let lake = Lake::new();
    lake.write("raw", "parquet", rows(3)).await;
    let pipeline = lake.pipeline([raw(DataRef::new(lake.uri("raw.parquet")))]);
    run(&pipeline, "raw").await;
    let good = lake.stored("raw").expect("is stored");
    for (from, to) in [
        ("file:///", "file:"),
        ("file:///", "file:///../"),
        ("raw.parquet", "raw.parquet\\u0000"),
        ("\"pinned\"", "\"thrown\""),
        ("data_ref", "data_rex"),
    ] {
        assert!(good.contains(from), "{from}: {good}");
        lake.damage("raw", &good.replacen(from, to, 1));
        let error = pipeline.load::<Table>("raw").await.expect_err(to);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{to}: {error}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runs")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the bytes behind a reference are: a table or an error.
    #[test]
    fn any_bytes(
        format in prop::sample::select(vec!["parquet", "arrow", "csv", "ndjson", "avro"]),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        runtime().block_on(async {
            let lake = Lake::new();
            lake.write("raw", format, rows(50)).await;
            let path = lake.outside(&format!("raw.{format}"));
            let mut bytes = fs::read(&path).expect("reads");
            let place = at.index(bytes.len());
            bytes[place] ^= flip;
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            fs::remove_file(&path).expect("is removed");
            fs::write(&path, bytes).expect("is written");
            let pipeline = lake.pipeline([raw(DataRef::new(lake.uri(&format!("raw.{format}"))))]);
            let report = pipeline.run("raw").await.expect("is planned");
            if let Some(error) = report.error("raw") {
                assert!(matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::Unsupported), "{error:?}");
                return;
            }
            if let Ok(table) = pipeline.load::<LazyTable>("raw").await {
                let _ = table.collect().await;
            }
        });
    }

    /// Whatever the address is: a reference or an error.
    #[test]
    fn any_address(uri in "(file|s3|x)?:?/{0,3}[a-z./%?=&@:\\PC]{0,40}") {
        runtime().block_on(async {
            let lake = Lake::new();
            let pipeline = lake.pipeline([raw(DataRef::new(uri))]);
            let report = pipeline.run("raw").await.expect("is planned");
            assert!(report.error("raw").is_some());
        });
    }
}
