//! What the public methods of definitions and pipelines give and take has a name in the facade, and so has every
//! setting of a backend.
#![cfg(all(feature = "fs", feature = "memory"))]

use larder::{
    AssetKey, BindingReport, Checkup, ConfigReport, Definitions, Diagnosis, DoctorOptions, Error, Examination,
    Explanation, IoManager, ManagerReport, Pipeline, Result, Verdict, graph,
};
use std::sync::Arc;

fn checked(definitions: Definitions) -> Result<ConfigReport> {
    definitions.check_config()
}

fn told(report: &ConfigReport) -> (&[ManagerReport], &[BindingReport]) {
    (&report.io_managers, &report.bindings)
}

async fn examined(definitions: Definitions, options: &DoctorOptions) -> Result<Checkup> {
    definitions.doctor(&[], options, std::future::pending()).await
}

async fn alone(manager: Arc<dyn IoManager>) -> Diagnosis {
    larder::doctor::examine("mine", manager, &DoctorOptions::default(), std::future::pending()).await
}

fn wrong(diagnosis: &Diagnosis) -> Option<&Error> {
    let is_wrong = |examination: &&Examination| examination.verdict == Verdict::Wrong;
    diagnosis.examined.iter().find(is_wrong)?.error.as_ref()
}

fn upstream<'p>(pipeline: &'p Pipeline, key: &AssetKey) -> Option<&'p graph::Node> {
    let graph: &graph::Graph = pipeline.graph();
    graph.nodes.iter().find(|node| node.keys.contains(key))
}

fn why(pipeline: &Pipeline, key: &AssetKey) -> Result<Explanation> {
    pipeline.explain(key)
}

#[tokio::test]
async fn reports_and_examinations_have_names() {
    let asset = larder::Asset::builder("value").function(|_| async { Ok(1_u8) });
    let definitions = larder::definitions()
        .without_config()
        .variables([])
        .default_io_manager_url("memory:")
        .asset(asset);
    let report = checked(definitions.clone()).expect("is right");
    assert_eq!((told(&report).0.len(), told(&report).1.len()), (1, 0));
    let checkup = examined(definitions.clone(), &DoctorOptions::default())
        .await
        .expect("builds");
    assert!(wrong(&checkup.diagnoses[0]).is_none());
    let manager = Arc::new(larder::backends::memory::MemoryIo::new());
    assert_eq!(alone(manager).await.verdict(), Verdict::Fine);
    let pipeline = definitions.build().expect("is right");
    let key = "value".parse().expect("is a key");
    assert!(upstream(&pipeline, &key).is_some());
    assert_eq!(why(&pipeline, &key).expect("is there").root.as_deref(), Some("memory:"));
}

#[test]
fn settings_of_local_disk_have_names() {
    use larder::backends::fs::{Compression, Durability, FsConfig, ObjectFormat, RecordKeeping, TableFormat};
    let mut config = FsConfig::new("/data");
    config.object = ObjectFormat::Msgpack;
    config.table = TableFormat::Arrow;
    config.compression = Compression::Lz4;
    config.durability = Durability::Rename;
    config.records = RecordKeeping::Sidecar;
    assert_ne!(config, FsConfig::new("/data"));
}

/// Settings that clouds share.
macro_rules! cloud {
    ($name:ident, $backend:ident, $config:expr) => {
        #[test]
        fn $name() {
            use larder::backends::$backend::{Compression, ObjectFormat, TableFormat, Transfer, Transport};
            let mut config = $config;
            config.object = ObjectFormat::Msgpack;
            config.table = TableFormat::Arrow;
            config.compression = Compression::None;
            config.transfer = Transfer::default();
            config.http = Transport::default();
            assert_ne!(config, $config);
        }
    };
}

#[cfg(feature = "s3-lean")]
cloud!(
    settings_of_s3_have_names,
    s3,
    larder::backends::s3::S3Config::new("bucket", "")
);
#[cfg(feature = "gcs-lean")]
cloud!(
    settings_of_gcs_have_names,
    gcs,
    larder::backends::gcs::GcsConfig::new("bucket", "")
);
#[cfg(feature = "adls-lean")]
cloud!(
    settings_of_adls_have_names,
    adls,
    larder::backends::adls::AdlsConfig::new("account", "container", "")
);
