//! Pipelines whose calls are counted.

use larder_catalog::Catalog;
use larder_executor::{Asset, CodeVersion, Definitions, Pipeline, Recompute, RunOptions, RunReport};
use larder_io_core::IoManager;
use larder_io_memory::MemoryIo;
use larder_partitions::{Partitioning, TimePartitions};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The storage and the catalogue that several versions of a pipeline share.
pub(crate) struct House {
    pub(crate) storage: Arc<dyn IoManager>,
    pub(crate) catalog: Catalog,
    pub(crate) calls: Calls,
}

/// How often each function was called.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<BTreeMap<String, usize>>>);

impl Calls {
    pub(crate) fn count(&self, name: &str) {
        *self.0.lock().expect("no panic").entry(name.to_owned()).or_default() += 1;
    }

    /// The calls since the last time.
    pub(crate) fn take(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
            .into_iter()
            .collect()
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self {
            storage: Arc::new(MemoryIo::new()),
            catalog: Catalog::in_memory().expect("opens"),
            calls: Calls::default(),
        }
    }

    pub(crate) fn pipeline(&self, assets: impl IntoIterator<Item = Asset>) -> Pipeline {
        let definitions = Definitions::new()
            .assets(assets)
            .default_io_manager(Arc::clone(&self.storage));
        definitions
            .build()
            .expect("is valid")
            .with_catalog(self.catalog.clone())
    }

    /// `a` gives `value`, `b` tells whether it is even, `c` doubles what `b` tells.
    pub(crate) fn chain(&self, value: u64, version: &str) -> [Asset; 3] {
        let (a, b, c) = (self.calls.clone(), self.calls.clone(), self.calls.clone());
        [
            Asset::builder("a")
                .code_version(CodeVersion::manual(version))
                .function(move |_| {
                    a.count("a");
                    async move { Ok(value) }
                }),
            Asset::builder("b")
                .code_version(CodeVersion::manual("1"))
                .input::<u64>("a")
                .function(move |mut args| {
                    b.count("b");
                    async move { Ok(args.input::<u64>().await?.is_multiple_of(2)) }
                }),
            Asset::builder("c")
                .code_version(CodeVersion::manual("1"))
                .input::<bool>("b")
                .function(move |mut args| {
                    c.count("c");
                    async move { Ok(u64::from(args.input::<bool>().await?) * 2) }
                }),
        ]
    }

    pub(crate) fn days(&self, version: &str) -> Asset {
        let calls = self.calls.clone();
        Asset::builder("days")
            .partitions(days())
            .code_version(CodeVersion::manual(version))
            .function(move |args| {
                calls.count("days");
                async move { Ok(args.context().partition().map(ToString::to_string)) }
            })
    }
}

/// Sixty days.
pub(crate) fn days() -> TimePartitions {
    Partitioning::daily("2024-01-01").end("2024-03-01")
}

pub(crate) fn options(recompute: Recompute) -> RunOptions {
    let mut options = RunOptions::default();
    options.recompute = recompute;
    options
}

pub(crate) async fn run(pipeline: &Pipeline, recompute: Recompute) -> RunReport {
    let report = pipeline.run_with("*", options(recompute)).await.expect("is planned");
    assert!(report.succeeded(), "{report:?}");
    assert!(report.unrecorded.is_none(), "{report:?}");
    report
}

pub(crate) fn called<const N: usize>(calls: [(&str, usize); N]) -> Vec<(String, usize)> {
    calls
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

pub(crate) fn key(text: &str) -> larder_io_core::AssetKey {
    text.parse().expect("is a key")
}
