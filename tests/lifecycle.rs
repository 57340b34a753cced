//! Values on disk that are damaged, foreign, or in another format than expected.
#![cfg(feature = "fs")]

use larder::catalog::Catalog;
use larder::prelude::*;
use larder::{AssetPartition, FsckOptions, FsckProblem, Pipeline, RunOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[asset(partitions = Partitioning::daily("2024-01-01").end("2024-01-04"))]
async fn days(ctx: &AssetContext) -> Result<Table> {
    let text = ctx.partition().map(ToString::to_string).unwrap_or_default();
    let column: arrow_array::ArrayRef = std::sync::Arc::new(arrow_array::StringArray::from(vec![text]));
    Ok(arrow_array::RecordBatch::try_from_iter([("day", column)])?.into())
}

struct Home(tempfile::TempDir, Catalog);

impl Home {
    fn new() -> Self {
        Self(
            tempfile::tempdir().expect("a directory"),
            Catalog::in_memory().expect("opens"),
        )
    }

    fn pipeline(&self, table: &str) -> Pipeline {
        let url = format!("file://{}?table={table}", self.0.path().display());
        let definitions = larder::definitions()
            .without_config()
            .variables([("LARDER_DEFAULT_IO_MANAGER".to_owned(), url)])
            .assets(assets![days]);
        definitions.build().expect("is valid").with_catalog(self.1.clone())
    }

    fn file(&self, day: &str, suffix: &str) -> PathBuf {
        self.0.path().join(format!("days/date={day}/data.{suffix}"))
    }
}

async fn run(pipeline: &Pipeline, partitions: &str) {
    let mut options = RunOptions::default();
    options.partitions = Some(partitions.to_owned());
    let report = pipeline.run_with("*", options).await.expect("is planned");
    assert!(report.succeeded(), "{report:?}");
}

async fn problems(pipeline: &Pipeline) -> Vec<(String, FsckProblem)> {
    let mut options = FsckOptions::default();
    options.verify = true;
    let found = pipeline.fsck("*", options).await.expect("looks").findings;
    found
        .into_iter()
        .map(|finding| (finding.of.to_string(), finding.problem))
        .collect()
}

/// Turns over one bit in the middle of a file, as a bad disk does.
fn damage(file: &Path) {
    let mut bytes = std::fs::read(file).expect("is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).expect("may be written");
    std::fs::write(file, bytes).expect("writes");
}

#[tokio::test]
async fn damage_and_foreign_values_are_told() {
    let home = Home::new();
    let pipeline = home.pipeline("parquet");
    run(&pipeline, "2024-01-01..2024-01-02").await;
    assert_eq!(problems(&pipeline).await, []);
    damage(&home.file("2024-01-01", "parquet"));
    let foreign = home.file("2024-01-03", "parquet");
    std::fs::create_dir_all(foreign.parent().expect("has one")).expect("makes");
    // Other bytes than a copy, which would bring the receipt along where attributes are copied.
    let bytes = std::fs::read(home.file("2024-01-02", "parquet")).expect("is there");
    std::fs::write(&foreign, bytes).expect("writes");
    let found = problems(&pipeline).await;
    assert!(
        matches!(&found[0], (of, FsckProblem::Damaged { .. }) if of == "days date=2024-01-01"),
        "{found:?}"
    );
    assert_eq!(found[1], ("days date=2024-01-03".to_owned(), FsckProblem::Foreign));
    assert_eq!(found.len(), 2);
    let third = pipeline
        .asset_partition("days", Some("2024-01-03"))
        .await
        .expect("exists");
    let error = pipeline.delete(&third).await.expect_err("is foreign");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(foreign.is_file());
    let first: AssetPartition = pipeline
        .asset_partition("days", Some("2024-01-01"))
        .await
        .expect("exists");
    assert!(pipeline.delete(&first).await.expect("damage can be deleted"));
}

/// A whole asset of which some partitions are in another format is an error, not a part of it.
#[tokio::test]
async fn partitions_in_another_format_are_not_left_out() {
    let home = Home::new();
    run(&home.pipeline("csv"), "2024-01-01..2024-01-02").await;
    let parquet = home.pipeline("parquet");
    run(&parquet, "2024-01-02").await;
    let error = parquet.load::<Table>("days").await.expect_err("one is csv");
    assert_eq!(error.context("partition"), Some("date=2024-01-01"), "{error:?}");
    run(&parquet, "2024-01-01").await;
    assert_eq!(parquet.load::<Table>("days").await.expect("loads").rows(), 2);
}
