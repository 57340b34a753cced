//! A pipeline whose calls are counted, in several profiles.

use larder::partitions::Partitioning;
use larder::{
    Asset, AssetPartition, CodeVersion, Definitions, PartitionKey, Partitions, Pipeline, Recompute, RunOptions,
};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

type Calls = Arc<Mutex<Vec<String>>>;

pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) calls: Calls,
    pub(crate) config: String,
    /// The version of the code of `days`, and what it makes of each.
    pub(crate) days: u64,
}

const KINDS: [&str; 3] = ["x", "y", "z"];

impl House {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let at = dir.path().display();
        let config = format!(
            "io_manager = 'file:{at}/main'\n[profile.dev]\nparent = 'base'\nio_manager = 'file:{at}/dev'\n[profile.deeper]\nparent = 'dev'\nio_manager = 'file:{at}/deeper'\n"
        );
        Self {
            dir,
            calls: Calls::default(),
            config,
            days: 1,
        }
    }

    pub(crate) fn definitions(&self) -> Definitions {
        let (days, total) = (Arc::clone(&self.calls), Arc::clone(&self.calls));
        let factor = self.days;
        let days = Asset::builder("days")
            .partitions(Partitioning::fixed("kind", KINDS))
            .code_version(CodeVersion::manual(factor.to_string()))
            .function(move |args| {
                let partition = args.context().partition().map(ToString::to_string).unwrap_or_default();
                days.lock().expect("no panic").push(partition.clone());
                async move { Ok(format!("{partition} {factor}")) }
            });
        let total = Asset::builder("total")
            .code_version(CodeVersion::manual("1"))
            .input::<Partitions<String>>("days")
            .function(move |mut args| {
                total.lock().expect("no panic").push("total".to_owned());
                async move {
                    let days = args.input::<Partitions<String>>().await?;
                    Ok(days.values().cloned().collect::<Vec<_>>().join(", "))
                }
            });
        let home = ("LARDER_HOME".to_owned(), self.dir.path().display().to_string());
        larder::definitions()
            .assets([days, total])
            .config_text(&self.config)
            .variables([home])
    }

    pub(crate) fn open(&self, profile: Option<&str>) -> Pipeline {
        let definitions = match profile {
            Some(profile) => self.definitions().choose_profile(profile),
            None => self.definitions(),
        };
        let pipeline = definitions.build().unwrap_or_else(|error| panic!("{error}"));
        pipeline.open_catalog(true).expect("opens")
    }

    /// What was called since the last time.
    pub(crate) fn called(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut *self.calls.lock().expect("no panic"));
        calls.sort_unstable();
        calls
    }

    pub(crate) fn stored(&self, place: &str) -> Vec<String> {
        fn walk(dir: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() && entry.file_name() != ".larder" {
                    walk(&path, root, found);
                } else if path.is_file() {
                    found.push(path.strip_prefix(root).expect("is below").display().to_string());
                }
            }
        }
        let root = self.dir.path().join(place);
        let mut found = Vec::new();
        walk(&root, &root, &mut found);
        found.sort_unstable();
        found
    }
}

pub(crate) fn day(kind: &str) -> AssetPartition {
    let partition = PartitionKey::single("kind", kind).expect("is a key");
    (&"days".parse().expect("is a key"), &partition).into()
}

pub(crate) async fn run(pipeline: &Pipeline, selection: &str, partitions: Option<&str>, recompute: Recompute) {
    let mut options = RunOptions::default();
    options.recompute = recompute;
    options.partitions = partitions.map(str::to_owned);
    let report = pipeline.run_with(selection, options).await.expect("is planned");
    assert!(report.succeeded() && report.unrecorded.is_none(), "{report:?}");
}

pub(crate) async fn value(pipeline: &Pipeline, of: &AssetPartition) -> String {
    let value = pipeline
        .load_value(of, None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    larder::AssetValue::from_value(value).await.expect("is a text")
}
