//! A lake that larder does not keep, and pipelines that point into it.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder_executor::{Asset, AssetBuilder, Definitions, Pipeline, RunReport, StepStatus};
use larder_io_core::{AssetValue, DataRef, Error, IoManager, OutputContext, Result, Table};
use larder_io_fs::FsConfig;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A directory with files of somebody else, and beside it a home of larder.
pub(crate) struct Lake(TempDir);

impl Lake {
    pub(crate) fn new() -> Self {
        let lake = Self(tempfile::tempdir().expect("a directory"));
        fs::create_dir(lake.path("outside")).expect("is made");
        lake
    }

    fn path(&self, below: &str) -> PathBuf {
        let root = self.0.path().canonicalize().expect("is there");
        root.join(below)
    }

    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.path("outside").join(name)
    }

    pub(crate) fn uri(&self, name: &str) -> String {
        format!("file://{}", self.outside(name).display())
    }

    /// Writes a table at `outside/<stem>.<format>`.
    pub(crate) async fn write(&self, stem: &str, format: &str, table: Table) {
        let url = format!("file://{}?table={format}", self.path("outside").display());
        let config = FsConfig::from_url(&url.parse().expect("is a URL")).expect("is valid");
        let manager = config.open().expect("opens");
        let key = stem.replace(['=', '-'], "_");
        let context = OutputContext::new(key.parse().expect("is a key"), None, stem.parse().expect("is a place"));
        manager
            .handle_output(&context, &table.into_value())
            .await
            .expect("is written");
    }

    /// What is stored of an asset, as text.
    pub(crate) fn stored(&self, asset: &str) -> Option<String> {
        fs::read_to_string(self.path("home").join(format!("{asset}.json"))).ok()
    }

    pub(crate) fn definitions(&self, assets: impl IntoIterator<Item = Asset>) -> Definitions {
        Definitions::new()
            .assets(assets)
            .without_config()
            .variables([])
            .backend(larder_io_fs::backend())
            .default_io_manager_url(format!("file://{}", self.path("home").display()))
    }

    pub(crate) fn pipeline(&self, assets: impl IntoIterator<Item = Asset>) -> Pipeline {
        self.definitions(assets).build().expect("is valid")
    }
}

/// Numbers from 0 on, and a word for each.
pub(crate) fn rows(count: i64) -> Table {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values((0..count).map(|n| format!("word {n}"))));
    RecordBatch::try_from_iter([("n", numbers), ("word", words)])
        .expect("fits")
        .into()
}

/// Text in place of the number.
pub(crate) fn other_columns() -> Table {
    let numbers: ArrayRef = Arc::new(StringArray::from_iter_values(["1", "2"]));
    RecordBatch::try_from_iter([("n", numbers)]).expect("fits").into()
}

/// An asset `raw` that is a reference.
pub(crate) fn raw(reference: DataRef) -> Asset {
    Asset::builder("raw").function(move |_| {
        let reference = reference.clone();
        async move { Ok(reference) }
    })
}

/// An asset `raw` that is whatever reference stands in the slot.
pub(crate) fn changing(slot: &Arc<Mutex<DataRef>>) -> Asset {
    let slot = Arc::clone(slot);
    Asset::builder("raw").function(move |_| {
        let reference = slot.lock().expect("no panic").clone();
        async move { Ok(reference) }
    })
}

/// An asset `out` that counts the rows of a table.
pub(crate) fn counting(builder: AssetBuilder) -> Asset {
    builder.input::<Table>("raw").function(|mut args| async move {
        let table: Table = args.input().await?;
        Ok(table.rows() as u64)
    })
}

pub(crate) fn out() -> AssetBuilder {
    Asset::builder("out")
}

pub(crate) async fn run(pipeline: &Pipeline, selection: &str) -> RunReport {
    let report = pipeline.run(selection).await.expect("is planned");
    for step in &report.steps {
        if let StepStatus::Failed(error) = &step.status {
            panic!("{:?}: {error:?}", step.assets);
        }
    }
    report
}

/// The error of a step that must fail.
pub(crate) async fn failed(pipeline: &Pipeline, asset: &str) -> Error {
    let report = pipeline.run(asset).await.expect("is planned");
    report
        .error(asset)
        .unwrap_or_else(|| panic!("{asset} was made"))
        .copied()
}

/// The count of `out`, made anew.
pub(crate) async fn counted(pipeline: &Pipeline) -> Result<u64> {
    let report = pipeline.run("out").await.expect("is planned");
    match report.error("out") {
        Some(error) => Err(error.copied()),
        None => pipeline.load("out").await,
    }
}

/// Writes over a file in place, whatever its mode, and sets its time so many seconds later than it was.
pub(crate) fn overwrite(path: &Path, bytes: &[u8], later: u64) {
    let before = fs::metadata(path).expect("is there").modified().expect("has a time");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("is ours");
    fs::write(path, bytes).expect("is written");
    touch(path, before + Duration::from_secs(later));
}

pub(crate) fn touch(path: &Path, time: SystemTime) {
    let file = fs::File::options().append(true).open(path).expect("opens");
    file.set_modified(time).expect("is set");
}

impl Lake {
    /// Writes over what is stored of an asset.
    pub(crate) fn damage(&self, asset: &str, text: &str) {
        let path = self.path("home").join(format!("{asset}.json"));
        fs::remove_file(&path).expect("is there");
        fs::write(path, text).expect("is written");
    }
}
