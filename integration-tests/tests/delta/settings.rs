//! Settings of single assets: in code, and in `larder.toml`.

use super::{numbers, rows};
use larder::prelude::*;
use larder::{Asset, AssetKey, ErrorKind, assets};
use std::sync::atomic::{AtomicI64, Ordering};

static RUN: AtomicI64 = AtomicI64::new(0);

/// Two rows, of which the first comes again in every run.
fn made() -> Table {
    rows([0, RUN.load(Ordering::Relaxed)])
}

#[asset(settings(mode = "append"))]
async fn events() -> Table {
    made()
}

#[asset(outputs(customers(settings(mode = "merge", merge_on = "n")), latest))]
async fn both() -> (Table, Table) {
    (made(), made())
}

#[asset(group = "audit")]
async fn trail() -> Table {
    made()
}

#[asset(group = "audit", settings(mode = "append", "parquet.level" = "1"))]
async fn strict() -> Table {
    made()
}

fn pipeline(bind: &str) -> larder::Result<larder::Pipeline> {
    let home = tempfile::tempdir().expect("a temporary directory can be made").keep();
    let text = format!(
        "io_manager = \"lake\"\n[io_managers.lake]\nurl = \"delta+file://{}\"\nevolution = \"widen\"\n[io_managers.files]\nurl = \"file://{}/files\"\n[bind]\n{bind}",
        home.display(),
        home.display()
    );
    let definitions = larder::definitions().variables([]).config_text(text);
    definitions.assets(assets![events, both, trail, strict]).build()
}

fn refused(bind: &str) -> String {
    let error = pipeline(bind).expect_err("does not fit");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    error.message().to_owned()
}

#[tokio::test]
async fn each_asset_has_its_own_mode() {
    let line = r#""audit/*" = { manager = "lake", mode = "merge", merge_on = ["n", "t"], file_bytes = 1048576, gather_bytes = 1048576 }"#;
    let pipeline = pipeline(line).expect("fits");
    for run in 1..=3 {
        RUN.store(run, Ordering::Relaxed);
        let report = pipeline.run("*").await.expect("runs");
        assert!(report.succeeded(), "{:?}", report.steps);
    }
    for (key, expected) in [
        ("events", vec![0, 0, 0, 1, 2, 3]),
        ("customers", vec![0, 1, 2, 3]),
        ("latest", vec![0, 3]),
        ("audit/trail", vec![0, 1, 2, 3]),
        // What the line says goes before what the asset says, with what the asset alone says.
        ("audit/strict", vec![0, 1, 2, 3]),
    ] {
        let table: Table = pipeline.load(key).await.expect("loads");
        let mut numbers = numbers(&table);
        numbers.sort_unstable();
        assert_eq!(numbers, expected, "{key}");
    }
    let told = |key: &str| {
        let key: AssetKey = key.parse().expect("is a key");
        pipeline.explain(&key).expect("is known").own_settings
    };
    assert_eq!(told("latest"), [""; 0]);
    assert_eq!(told("customers"), ["merge_on (the asset)", "mode (the asset)"]);
    let at = "(larder.toml:8:1)";
    assert_eq!(
        told("audit/strict"),
        [
            format!("file_bytes {at}"),
            format!("gather_bytes {at}"),
            format!("merge_on {at}"),
            format!("mode {at}"),
            "parquet (the asset)".to_owned()
        ]
    );
    // One storage, whatever the settings: it is looked after once.
    assert_eq!(pipeline.managers().len(), 1);
}

#[test]
fn what_does_not_fit_is_told_at_its_place() {
    for (line, told) in [
        (
            r#"events = { manager = "lake", mod = "append" }"#,
            "larder.toml:8:30: there is no setting `mod`; did you mean `mode`?",
        ),
        (
            r#"events = { manager = "lake", mode = "apend" }"#,
            "larder.toml:8:30: the setting `mode`",
        ),
        (
            r#"events = { manager = "lake", mode = "merge" }"#,
            "`merge_on` go together; one of them is missing",
        ),
        (
            r#"events = { manager = "lake", file_bytes = 1048575 }"#,
            "`file_bytes` must be 1 MiB (1048576) or more",
        ),
        (
            r#"events = { manager = "lake", gather_bytes = 1048575 }"#,
            "`gather_bytes` must be 1 MiB (1048576) or more",
        ),
        (
            r#"events = { manager = "lake", region = "eu" }"#,
            "larder.toml:8:30: there is no setting `region`",
        ),
        (
            r#"events = { manager = "lake", max_concurrent = 1 }"#,
            "larder.toml:8:30: `max_concurrent` is of the I/O manager itself: write it into `[io_managers.KEY]`",
        ),
        (
            r#"events = { mode = "append" }"#,
            "larder.toml:8:1: `events` is bound to nothing; write `manager = \"..\"`",
        ),
        (
            r#"events = { manager = "lak", mode = "append" }"#,
            "larder.toml:8:22: there is no I/O manager `lak`; did you mean `lake`?",
        ),
        (
            r#"latest = { manager = "files", mode = "append" }"#,
            "larder.toml:8:1: a manager of `file:` has no settings for single assets, so that `mode` cannot be set",
        ),
        (
            r#"events = "files""#,
            "`events`: its own settings do not fit the I/O manager `files`: a manager of `file:` has no settings for single assets",
        ),
    ] {
        let message = refused(line);
        assert!(message.contains(told), "{line}\n{message}\nlacks\n{told}");
    }
}

/// A line goes before what the asset says, also where the asset merges and the line does not.
#[tokio::test]
async fn a_line_of_bind_sets_another_mode() {
    for (own, line, expected) in [
        (
            &[("mode", "merge"), ("merge_on", "n")][..],
            "mode = \"append\"",
            vec![0, 0],
        ),
        // What the one says makes sense only with what the other one does.
        (&[("merge_on", "n")][..], "mode = \"merge\"", vec![0]),
        (&[("mode", "merge")][..], "merge_on = [\"n\"]", vec![0]),
    ] {
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        let text = format!(
            "io_manager = \"lake\"\n[io_managers.lake]\nurl = \"delta+file://{}\"\n[bind]\na = {{ manager = \"lake\", {line} }}",
            home.path().display()
        );
        let set = own
            .iter()
            .fold(Asset::builder("a"), |asset, (name, value)| asset.setting(*name, *value));
        let asset = set.function(|_| async { Ok(rows([0])) });
        let definitions = larder::definitions().variables([]).config_text(text);
        let pipeline = definitions.asset(asset).build().expect("fits");
        for _ in 0..2 {
            assert!(pipeline.run("*").await.expect("runs").succeeded());
        }
        let table: Table = pipeline.load("a").await.expect("loads");
        assert_eq!(numbers(&table), expected, "{own:?} {line}");
    }
}

/// Deleting by a column is taken away by an empty name, and the feed is of single assets too.
#[tokio::test]
async fn a_single_asset_takes_back_and_switches_on() {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let text = format!(
        "io_manager = \"lake\"\n[io_managers.lake]\nurl = \"delta+file://{}\"\nmode = \"merge\"\nmerge_on = [\"n\"]\ndelete_when = \"gone\"",
        home.path().display()
    );
    let own = Asset::builder("own")
        .setting("delete_when", "")
        .setting("change_data_feed", "true")
        .function(|_| async { Ok(rows([0])) });
    let definitions = larder::definitions().variables([]).config_text(text);
    let pipeline = definitions.asset(own).build().expect("fits");
    for _ in 0..2 {
        let report = pipeline.run("*").await.expect("runs");
        assert!(report.succeeded(), "{:?}", report.steps);
    }
    let table: Table = pipeline.load("own").await.expect("loads");
    assert_eq!(numbers(&table), [0]);
    assert!(
        home.path().join("own.delta/_change_data").is_dir(),
        "nothing was recorded"
    );
}

/// What an environment variable holds is shown by no error.
#[test]
fn a_value_from_elsewhere_is_not_shown() {
    let text =
        "[io_managers.lake]\nurl = \"delta+file:/nowhere\"\n[bind]\na = { manager = \"lake\", mode = \"${MODE}\" }";
    let asset = Asset::builder("a").function(|_| async { Ok(rows([1])) });
    let definitions = larder::definitions()
        .variables([("MODE".to_owned(), "hunter2".to_owned())])
        .config_text(text);
    let error = definitions.asset(asset).build().expect_err("is no mode");
    assert!(error.message().contains("larder.toml:4:"), "{error}");
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
}
