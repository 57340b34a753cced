//! Bad input: a clear error that names the asset and what to do, and nothing is lost.

use larder::{Asset, Blob, Definitions, Error, ErrorKind, GcOptions, IoManager, Table, TableStream};
use larder_executor::Pipeline;
use larder_integration_tests::{Mounted, bytes_of, files, published, texts};
use larder_io_fs::FsConfig;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Nobody: no file is theirs.
const NOBODY: u32 = 65_534;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("root may change modes");
}

/// A root with the pipeline's values in it, and the program where everybody may run it.
struct Somewhere {
    home: tempfile::TempDir,
}

impl Somewhere {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        mode(home.path(), 0o755);
        // By a process of its own: a file that this one has open for writing could not be run by another thread's child.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_pipeline"))
            .arg(home.path().join("pipeline"))
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "the program is copied");
        let somewhere = Self { home };
        assert_eq!(somewhere.as_root("run"), (Some(0), "ok 10\n".to_owned()));
        somewhere
    }

    fn root(&self) -> PathBuf {
        self.home.path().join("root")
    }

    fn start(&self, command: &str, change: impl FnOnce(&mut Command)) -> (Option<i32>, String) {
        let mut program = Command::new(self.home.path().join("pipeline"));
        program.arg(self.root()).arg(command).env_clear();
        change(&mut program);
        let output = program.output().expect("the program starts");
        assert!(
            output.stderr.is_empty(),
            "it panicked: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("is Unicode"),
        )
    }

    fn as_root(&self, command: &str) -> (Option<i32>, String) {
        self.start(command, |_| {})
    }

    /// Runs as nobody; the words must be in what it says.
    fn as_nobody(&self, command: &str, code: i32, words: &[&str]) -> String {
        let (status, said) = self.start(command, |program| {
            program.uid(NOBODY).gid(NOBODY);
        });
        assert_eq!(status, Some(code), "{said}");
        words
            .iter()
            .for_each(|word| assert!(said.contains(word), "`{word}` is missing in: {said}"));
        said
    }

    fn nothing_is_lost(&self) {
        mode(&self.root(), 0o755);
        assert_eq!(self.as_root("load"), (Some(0), "ok 10\n".to_owned()));
        assert_eq!(
            files(&self.root().join(".larder/tmp")),
            Vec::<PathBuf>::new(),
            "nothing is left behind"
        );
    }
}

#[test]
fn an_unreadable_root() {
    let somewhere = Somewhere::new();
    mode(&somewhere.root(), 0o700);
    for command in ["run", "load"] {
        let root = somewhere.root().display().to_string();
        somewhere.as_nobody(
            command,
            2,
            &[
                "InvalidConfig",
                "`raw/numbers`",
                &root,
                "cannot be read",
                "give this user the right",
                "another root",
            ],
        );
    }
    somewhere.nothing_is_lost();
    // A root that cannot even be reached.
    mode(somewhere.home.path(), 0o711);
    let outer = somewhere.root().join("inner");
    fs::create_dir(&outer).expect("is made");
    mode(&somewhere.root(), 0o700);
    let unreachable = outer.display().to_string();
    let mut program = Command::new(somewhere.home.path().join("pipeline"));
    let output = program
        .args([&unreachable, "run"])
        .uid(NOBODY)
        .gid(NOBODY)
        .env_clear()
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains(&unreachable) && said.contains("give this user the right"),
        "{said}"
    );
}

#[test]
fn a_root_that_is_a_file() {
    let somewhere = Somewhere::new();
    fs::remove_dir_all(somewhere.root()).expect("is removed");
    fs::write(somewhere.root(), "a file").expect("is written");
    let (status, said) = somewhere.as_root("run");
    assert_eq!(status, Some(2), "{said}");
    for word in ["InvalidConfig", "`raw/numbers`", "another root"] {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

#[test]
fn a_directory_that_cannot_be_written() {
    let somewhere = Somewhere::new();
    let root = somewhere.root().display().to_string();
    let words = [
        "PermissionDenied",
        "asset=raw/numbers",
        "operation=",
        &root,
        "give this user the right",
        "io_manager",
    ];
    somewhere.as_nobody("run", 1, &words);
    assert_eq!(somewhere.as_nobody("load", 0, &[]), "ok 10\n", "whoever may read loads");
    somewhere.nothing_is_lost();
    // Staging is allowed, publishing is not.
    let state = Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(somewhere.root().join(".larder"))
        .status();
    assert!(state.is_ok_and(|status| status.success()));
    somewhere.as_nobody(
        "run",
        1,
        &[
            "PermissionDenied",
            "asset=raw/numbers",
            "operation=publish",
            "give this user the right",
        ],
    );
    somewhere.nothing_is_lost();
}

#[test]
fn a_value_that_may_not_be_read_is_not_missing() {
    let somewhere = Somewhere::new();
    for hidden in ["reports", "reports/total.json"] {
        mode(&somewhere.root().join(hidden), 0o000);
        let said = somewhere.as_nobody(
            "load",
            1,
            &["PermissionDenied", "asset=reports/total", "give this user the right"],
        );
        assert!(!said.contains("NotFound"), "{said}");
        mode(&somewhere.root().join(hidden), 0o755);
    }
    somewhere.nothing_is_lost();
}

fn build(root: &Path, assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    let manager: Arc<dyn IoManager> = Arc::new(FsConfig::new(root).open().expect("opens"));
    Definitions::new()
        .assets(assets)
        .default_io_manager(manager)
        .variables([])
        .build()
        .expect("fits")
}

fn blob(bytes: usize) -> Asset {
    Asset::builder("big/blob").function(move |_| async move { Ok(Blob::from(bytes_of(bytes as u64, bytes))) })
}

fn object(bytes: usize) -> Asset {
    Asset::builder("big/object").function(move |_| async move { Ok("x".repeat(bytes)) })
}

/// A table that is streamed: rows of random bytes, which do not compress.
fn stream(batches: u64) -> Asset {
    Asset::builder("big/stream").function(move |_| async move {
        let schema = texts(&[]).schema().clone();
        let batch = |index| {
            let bytes = bytes_of(index, 500_000);
            let text: String = bytes.iter().map(|byte| char::from(b' ' + byte % 90)).collect();
            texts(&[Some(&text)]).to_batch()
        };
        Ok(TableStream::from_iter(schema, (0..batches).map(batch)))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk() {
    let disk = Mounted::tmpfs("8m");
    let small = build(disk.path(), [blob(1_000_000), object(400_000), stream(1)]);
    assert!(small.run("*").await.expect("runs").succeeded());
    let before = published(disk.path());
    assert_eq!(before.len(), 3);
    // One put, an upload of several parts, a stream: each too large.
    let large = build(disk.path(), [blob(30_000_000), object(7_500_000), stream(40)]);
    let report = large.run_with("*", one_at_a_time()).await.expect("runs");
    for key in ["big/blob", "big/object", "big/stream"] {
        let error = report
            .error(key)
            .unwrap_or_else(|| panic!("{key} does not fit: {:?}", report.steps));
        assert_eq!(
            (error.kind(), error.context("asset")),
            (ErrorKind::Unavailable, Some(key)),
            "{error:?}"
        );
        for word in ["full", "free space and run again", &disk.path().display().to_string()] {
            assert!(error.message().contains(word), "{key}: `{word}` is missing in: {error}");
        }
        assert_eq!(
            error.effect(),
            larder::Effect::None,
            "{key}: a full disk refuses before anything is published"
        );
    }
    assert_eq!(published(disk.path()), before);
    assert_eq!(
        files(&disk.path().join(".larder/tmp")),
        Vec::<PathBuf>::new(),
        "what was staged is removed at once"
    );
    // Not one byte is left: even the smallest store fails, and every old value loads, verified.
    let ballast = disk.path().join("ballast");
    assert!(fs::write(&ballast, vec![1; 16 << 20]).is_err(), "the disk is full now");
    let report = build(disk.path(), [object(100_000)]).run("*").await.expect("runs");
    assert_eq!(
        report.error("big/object").map(|error| error.kind()),
        Some(ErrorKind::Unavailable),
        "{:?}",
        report.steps
    );
    verify_all(&small).await;
    assert_eq!(small.load::<String>("big/object").await.expect("loads").len(), 400_000);
    fs::remove_file(&ballast).expect("is removed");
    assert!(
        small.run("*").await.expect("runs").succeeded(),
        "with space again everything works again"
    );
    verify_all(&small).await;
}

fn one_at_a_time() -> larder::RunOptions {
    let mut options = larder::RunOptions::default();
    options.max_concurrent = 1;
    options
}

/// Loads every asset with its hash compared.
async fn verify_all(pipeline: &Pipeline) {
    for asset in pipeline.assets() {
        let (manager, input) = pipeline.input(&asset.key).expect("is known");
        let read = larder_integration_tests::read_everything(manager.as_ref(), &input.verified()).await;
        read.unwrap_or_else(|error| panic!("{}: {error:?}", asset.key));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_that_is_read_only() {
    let disk = Mounted::tmpfs("64m");
    let pipeline = build(disk.path(), [blob(1_000), object(1_000)]);
    assert!(pipeline.run("*").await.expect("runs").succeeded());
    disk.mount(&["-o", "remount,ro"]);
    let report = pipeline.run("*").await.expect("runs");
    for key in ["big/blob", "big/object"] {
        let error = report.error(key).expect("it cannot be stored");
        assert_eq!(
            (error.kind(), error.context("asset")),
            (ErrorKind::PermissionDenied, Some(key)),
            "{error:?}"
        );
        assert!(error.message().contains("read-only: choose another root"), "{error}");
    }
    verify_all(&pipeline).await;
    let mut everything = GcOptions::default();
    everything.older_than = Duration::ZERO;
    pipeline.gc(&everything).await.expect("there is nothing to collect");
}

fn number(key: &str) -> Asset {
    Asset::builder(key).function(|_| async { Ok(vec![1_u64, 2]) })
}

async fn failure<T: larder::AssetValue>(pipeline: &Pipeline, key: &str) -> Error {
    match pipeline.load::<T>(key).await {
        Err(error) => error,
        Ok(_) => panic!("{key} was loaded as another type"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_whose_type_changed() {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    assert!(
        build(root.path(), [number("value")])
            .run("*")
            .await
            .expect("runs")
            .succeeded()
    );
    // Another type of the same form.
    let error = failure::<String>(&build(root.path(), [number("value")]), "value").await;
    assert_eq!(
        (error.kind(), error.context("asset")),
        (ErrorKind::InvalidData, Some("value")),
        "{error:?}"
    );
    assert!(
        error.message().contains("String") || error.message().contains("string"),
        "it tells the types: {error}"
    );
    assert!(error.message().contains("materialize"), "it tells what to do: {error}");
    // An asset that is another form now: the consumer is told, the old value stays.
    let table = Asset::builder("value").function(|_| async { Ok(texts(&[Some("a")])) });
    let reader = Asset::builder("reader")
        .input::<Table>("value")
        .function(|mut args| async move { Ok(args.input::<Table>().await?.rows()) });
    let report = build(root.path(), [table.clone(), reader.clone()])
        .run("reader")
        .await
        .expect("runs");
    let error = report.error("reader").expect("the table is not there");
    assert_eq!(
        (error.kind(), error.context("asset")),
        (ErrorKind::NotFound, Some("value")),
        "{error:?}"
    );
    for word in ["`value.json` is there", "materialize the asset again"] {
        assert!(error.message().contains(word), "`{word}` is missing in: {error}");
    }
    assert_eq!(
        build(root.path(), [number("value")])
            .load::<Vec<u64>>("value")
            .await
            .expect("loads"),
        [1, 2]
    );
    assert!(
        build(root.path(), [table, reader])
            .run("*")
            .await
            .expect("runs")
            .succeeded()
    );
}
