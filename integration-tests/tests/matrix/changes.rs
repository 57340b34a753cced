//! Formats that change, other writers, other programs' files, going back.

use super::{Backend, backends, disk, forced};
use larder::{Asset, Blob, Definitions, ErrorKind, GcOptions, IoManager, StepStatus, Table};
use larder_executor::Pipeline;
use larder_integration_tests::{Kind, key, published, texts};
use larder_io_fs::FsConfig;
use larder_io_object::{ObjectFormat, TableFormat};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Makes the next number each time it runs.
fn counter() -> (Asset, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let asset = Asset::builder("value").function(move |_| {
        let next = counted.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok(next) }
    });
    (asset, count)
}

fn rows() -> Asset {
    Asset::builder("value").function(|_| async { Ok(texts(&[Some("a"), None])) })
}

fn reader<T: larder::Input>() -> Asset {
    Asset::builder("reader")
        .input::<T>("value")
        .function(|mut args| async move {
            args.input::<T>().await?;
            Ok(1_u64)
        })
}

/// Another setting for the same directory.
fn again(backend: &Backend, change: impl FnOnce(&mut FsConfig)) -> Arc<dyn IoManager> {
    let mut config = FsConfig::new(backend.root.path());
    change(&mut config);
    Arc::new(config.open().expect("opens"))
}

fn build(manager: &Arc<dyn IoManager>, assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    Definitions::new()
        .assets(assets)
        .with_every_asset_in(Arc::clone(manager))
        .build()
        .expect("fits")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_format_retires_the_old_value_after_the_new_one() {
    let backend = disk();
    assert!(
        build(&backend.manager, [counter().0])
            .run("*")
            .await
            .expect("runs")
            .succeeded()
    );
    assert_eq!(published(backend.root.path()), [PathBuf::from("value.json")]);
    let msgpack = again(&backend, |config| config.object = ObjectFormat::Msgpack);
    let pipeline = build(&msgpack, [counter().0]);
    let error = pipeline
        .load::<u64>("value")
        .await
        .expect_err("only the old format is there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    for word in [
        "value.msgpack",
        "`value.json` is there",
        "another format",
        "materialize",
    ] {
        assert!(error.message().contains(word), "`{word}` is missing in: {error}");
    }
    // The same when a run needs it, also where the value may be missing.
    for consumer in [reader::<u64>(), reader::<larder::Maybe<u64>>()] {
        let report = build(&msgpack, [counter().0, consumer])
            .run("reader")
            .await
            .expect("runs");
        let error = report
            .error("reader")
            .expect("a value in another format is not a missing value");
        assert!(error.message().contains("`value.json` is there"), "{error}");
        assert_eq!(
            (error.context("asset"), error.context("needed_by")),
            (Some("value"), Some("reader")),
            "{error:?}"
        );
    }
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    assert_eq!(
        published(backend.root.path()),
        [PathBuf::from("value.msgpack")],
        "the old one is retired"
    );
    // From object to table, and from one table format to the other.
    let arrow = again(&backend, |config| config.table = TableFormat::Arrow);
    assert!(
        build(&arrow, [rows()])
            .run_with("*", forced())
            .await
            .expect("runs")
            .succeeded()
    );
    assert_eq!(published(backend.root.path()), [PathBuf::from("value.arrow")]);
    let parquet = build(&again(&backend, |_| {}), [rows()]);
    let error = parquet
        .load::<Table>("value")
        .await
        .expect_err("only the old format is there");
    assert!(error.message().contains("`value.arrow` is there"), "{error}");
    assert!(parquet.run("*").await.expect("runs").succeeded());
    assert_eq!(published(backend.root.path()), [PathBuf::from("value.parquet")]);
    // The history goes across formats; a version is restored where the asset is read in its format, and then alone.
    let (history, _) = parquet.history(&key("value")).await.expect("is kept");
    let formats: Vec<&str> = history.iter().map(|receipt| receipt.format.as_str()).collect();
    assert_eq!(formats, ["parquet", "arrow", "msgpack", "json"]);
    let old = history[3].version.as_str();
    let error = parquet
        .restore(&key("value"), old)
        .await
        .expect_err("is read as parquet now");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(published(backend.root.path()), [PathBuf::from("value.parquet")]);
    let json = build(&backend.manager, [counter().0]);
    json.restore(&key("value"), old).await.expect("is restored");
    assert_eq!(published(backend.root.path()), [PathBuf::from("value.json")]);
    assert_eq!(json.load::<u64>("value").await.expect("loads"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_versions_can_be_listed_loaded_and_restored() {
    for backend in backends() {
        let (asset, _) = counter();
        let pipeline = backend.build(Definitions::new().asset(asset));
        for _ in 0..3 {
            assert!(pipeline.run("*").await.expect("runs").succeeded(), "{}", backend.name);
        }
        if !backend.manager.info().capabilities.versions {
            let error = pipeline.history(&key("value")).await.expect_err("it keeps none");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{}: {error}", backend.name);
            continue;
        }
        let (history, current) = pipeline.history(&key("value")).await.expect("is kept");
        assert_eq!(history.len(), 3, "{}", backend.name);
        assert_eq!(
            Some(&history[0].version),
            current.as_ref(),
            "{}: the published one is the newest",
            backend.name
        );
        for (receipt, number) in history.iter().zip([3_u64, 2, 1]) {
            let value = pipeline
                .load_value(&key("value"), Some(receipt.version.clone()))
                .await
                .expect("loads");
            assert_eq!(
                <u64 as larder::AssetValue>::from_value(value).await.expect("is whole"),
                number,
                "{}",
                backend.name
            );
        }
        pipeline
            .restore(&key("value"), history[2].version.as_str())
            .await
            .expect("is restored");
        assert_eq!(
            pipeline.load::<u64>("value").await.expect("loads"),
            1,
            "{}",
            backend.name
        );
        assert_eq!(
            pipeline.history(&key("value")).await.expect("is kept").0.len(),
            3,
            "{}: nothing is lost",
            backend.name
        );
        let error = pipeline
            .restore(&key("value"), "nonsense")
            .await
            .expect_err("is not kept");
        assert!(error.message().contains("`history value`"), "{}: {error}", backend.name);
        // And on from there.
        assert!(pipeline.run("*").await.expect("runs").succeeded(), "{}", backend.name);
        assert_eq!(
            pipeline.load::<u64>("value").await.expect("loads"),
            4,
            "{}",
            backend.name
        );
    }
}

/// An asset that computes while another process stores the same asset, to its end.
fn overtaken(root: &std::path::Path, kind: Kind) -> Asset {
    let root = root.to_owned();
    Asset::builder(kind.key()).function(move |_| {
        let root = root.clone();
        async move {
            let mut writer = Command::new(env!("CARGO_BIN_EXE_writer"));
            let ran = writer
                .arg(&root)
                .args(["1", "2", "blob"])
                .stdout(std::process::Stdio::null())
                .status();
            assert!(ran.is_ok_and(|status| status.success()), "the other process stores");
            Ok(Blob::from("mine"))
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_stores_meanwhile_wins_unless_forced() {
    let kind = Kind::new(larder::Form::Blob, 20_000_000);
    // Nothing there when the step begins, and an older value there.
    for before in [false, true] {
        let backend = disk();
        let pipeline = build(&backend.manager, [overtaken(backend.root.path(), kind)]);
        if before {
            pipeline.store(&kind.key(), Blob::from("old")).await.expect("is stored");
        }
        let report = pipeline.run("*").await.expect("runs");
        let error = report
            .error(&kind.key())
            .unwrap_or_else(|| panic!("it was overtaken: {:?}", report.steps));
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
        assert_eq!(error.context("asset"), Some(kind.key().as_str()));
        assert!(error.message().contains("--force"), "{error}");
        let value = pipeline.load_value(&key(&kind.key()), None).await.expect("loads");
        assert_eq!(kind.number(value).await, Ok(1), "the other one's value stays");
        let report = pipeline.run_with("*", forced()).await.expect("runs");
        assert!(
            matches!(report.steps[0].status, StepStatus::Succeeded(_)),
            "{:?}",
            report.steps
        );
        let mine: Blob = pipeline.load(&kind.key()).await.expect("loads");
        assert_eq!(mine.text().await.expect("is text"), "mine");
        let mut options = GcOptions::default();
        options.older_than = Duration::ZERO;
        assert_eq!(
            pipeline.gc(&options).await.expect("gc works").len(),
            0,
            "the loser left nothing behind"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_another_program_is_not_replaced_unforced() {
    let backend = disk();
    std::fs::write(backend.root.path().join("value.json"), "41").expect("is written");
    let (asset, count) = counter();
    let pipeline = build(&backend.manager, [asset]);
    let report = pipeline.run("*").await.expect("runs");
    let error = report.error("value").expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error:?}");
    for word in ["value.json", "larder did not write it", "--force"] {
        assert!(error.message().contains(word), "`{word}` is missing in: {error}");
    }
    assert_eq!(
        count.load(Ordering::SeqCst),
        0,
        "it is refused before anything is computed"
    );
    assert_eq!(pipeline.load::<u64>("value").await.expect("it can be loaded"), 41);
    assert!(pipeline.run_with("*", forced()).await.expect("runs").succeeded());
    assert_eq!(pipeline.load::<u64>("value").await.expect("loads"), 1);
    let (history, _) = pipeline.history(&key("value")).await.expect("is kept");
    assert_eq!(
        history.len(),
        2,
        "what was replaced by force can be brought back: {history:?}"
    );
    pipeline
        .restore(&key("value"), history[1].version.as_str())
        .await
        .expect("is restored");
    assert_eq!(pipeline.load::<u64>("value").await.expect("loads"), 41);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_file_of_another_program_is_an_input() {
    let (source, backend) = (disk(), disk());
    assert!(
        build(&source.manager, [rows()])
            .run("*")
            .await
            .expect("runs")
            .succeeded()
    );
    // A copy has no receipt of larder's.
    std::fs::create_dir_all(backend.root.path().join("lake")).expect("is made");
    let bytes = std::fs::read(source.root.path().join("value.parquet")).expect("is there");
    std::fs::write(backend.root.path().join("lake/rows.parquet"), bytes).expect("is written");
    let external: Asset = Asset::external::<Table>("outside/rows").location("lake/rows").into();
    let count = Asset::builder("count")
        .input_from::<Table>("rows", "outside/rows")
        .function(|mut args| async move { Ok(args.input::<Table>().await?.rows() as u64) });
    let pipeline = build(&backend.manager, [external.clone(), count]);
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    assert_eq!(pipeline.load::<u64>("count").await.expect("loads"), 2);
    std::fs::remove_file(backend.root.path().join("lake/rows.parquet")).expect("is removed");
    let report = pipeline.run("*").await.expect("runs");
    let error = report.error("count").expect("its input is gone");
    assert_eq!(
        (error.kind(), error.context("asset")),
        (ErrorKind::NotFound, Some("outside/rows")),
        "{error:?}"
    );
    assert!(error.message().contains("something else makes it"), "{error}");
}
