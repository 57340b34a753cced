//! Targets of other backends: which settings they get, and what a target without a version is.

use crate::support::{raw, run};
use larder_executor::{Asset, Definitions, Pipeline};
use larder_io_core::{
    Backend, DataRef, Error, ErrorKind, Form, IoManager, ManagerUrl, Pin, Result, Table, Target, TargetFacts, Value,
    Version, async_trait,
};
use larder_io_memory::MemoryIo;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A backend whose targets have no version, and that remembers what it was asked for.
#[derive(Debug, Default)]
struct Warehouse(Mutex<Vec<(String, BTreeMap<String, String>)>>);

impl Backend for Warehouse {
    fn scheme(&self) -> &str {
        "wh"
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["wh", "warehouse"]
    }

    fn open(&self, _: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        Ok(Arc::new(MemoryIo::new()))
    }

    fn target(&self, url: &ManagerUrl, _: Option<&str>) -> Result<Arc<dyn Target>> {
        let settings: BTreeMap<String, String> = url.settings([("user", &["WAREHOUSE_USER"][..])])?;
        self.0.lock().expect("no panic").push((url.to_string(), settings));
        Ok(Arc::new(Rows))
    }
}

/// Three rows that nobody can tell from three others.
#[derive(Debug)]
struct Rows;

#[async_trait]
impl Target for Rows {
    async fn head(&self) -> Result<TargetFacts> {
        let mut facts = TargetFacts::default();
        facts.rows = Some(3);
        Ok(facts)
    }

    async fn describe(&self, version: Option<&Version>) -> Result<TargetFacts> {
        assert_eq!(version, None, "it has none");
        self.head().await
    }

    async fn open(&self, form: Form, version: Option<&Version>) -> Result<Value> {
        assert_eq!((form, version), (Form::Table, None));
        Ok(Value::Table(Arc::new(crate::support::rows(3))))
    }
}

fn definitions(uri: &str, warehouse: &Arc<Warehouse>) -> Definitions {
    let backend: Arc<dyn Backend> = Arc::<Warehouse>::clone(warehouse);
    Definitions::new()
        .asset(raw(DataRef::new(uri)))
        .variables([("WAREHOUSE_USER".to_owned(), "somebody".to_owned())])
        .backend(backend)
        .default_io_manager(Arc::new(MemoryIo::new()))
}

async fn asked(pipeline: &Pipeline, warehouse: &Warehouse) -> BTreeMap<String, String> {
    run(pipeline, "raw").await;
    let (_, settings) = warehouse.0.lock().expect("no panic").pop().expect("was asked");
    settings
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn the_innermost_manager_gives_its_settings() {
    let config = r#"
        [io_managers.all]
        url = "wh://host"
        password = "all"
        [io_managers.inner]
        url = "wh://host/db/a"
        password = "inner"
        user = "reader"
        [io_managers.other]
        url = "wh://other/db/a"
        password = "other"
        "#;
    for (uri, wanted) in [
        ("wh://host/db/a/t", map(&[("password", "inner"), ("user", "reader")])),
        ("wh://host/db/a", map(&[("password", "inner"), ("user", "reader")])),
        (
            "warehouse://host/db/a/t?user=me",
            map(&[("password", "inner"), ("user", "me")]),
        ),
        ("wh://host/db/ab/t", map(&[("password", "all"), ("user", "somebody")])),
        ("wh://other/db/t", map(&[("user", "somebody")])),
        ("wh://nobody/db/a/t", map(&[("user", "somebody")])),
    ] {
        let warehouse = Arc::new(Warehouse::default());
        let pipeline = definitions(uri, &warehouse)
            .config_text(config)
            .build()
            .expect("is valid");
        assert_eq!(asked(&pipeline, &warehouse).await, wanted, "{uri}");
        let stored = pipeline.load::<DataRef>("raw").await.expect("loads");
        assert_eq!(stored.uri, uri, "nothing of the settings is stored");
    }
}

#[tokio::test]
async fn managers_of_code_give_theirs_too() {
    let warehouse = Arc::new(Warehouse::default());
    let definitions = definitions("wh://host/db/t", &warehouse).without_config();
    let definitions = definitions.io_manager_url("lake", "wh://host/db?password=code");
    let pipeline = definitions.build().expect("is valid");
    let wanted = map(&[("password", "code"), ("user", "somebody")]);
    assert_eq!(asked(&pipeline, &warehouse).await, wanted);
}

#[tokio::test]
async fn a_target_without_a_version_says_so_and_takes_only_latest() {
    let warehouse = Arc::new(Warehouse::default());
    let open = definitions("wh://host/t", &warehouse)
        .without_config()
        .build()
        .expect("is valid");
    run(&open, "raw").await;
    let stored = open.load::<DataRef>("raw").await.expect("loads");
    assert_eq!(
        (stored.pin, stored.version, stored.rows),
        (Some(Pin::Latest), None, Some(3))
    );
    assert_eq!(open.load::<Table>("raw").await.expect("follows").rows(), 3);

    let pinned = Asset::builder("pinned").function(|_| async { Ok(DataRef::new("wh://host/t").pinned()) });
    let definitions = definitions("wh://host/t", &warehouse).without_config().asset(pinned);
    let pipeline = definitions.build().expect("is valid");
    let error: Error = crate::support::failed(&pipeline, "pinned").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.message().contains("no version") && error.message().contains(".latest()"),
        "{error}"
    );
}

#[tokio::test]
async fn a_backend_without_targets_says_so() {
    let definitions = Definitions::new()
        .asset(raw(DataRef::new("memory:///x")))
        .without_config()
        .backend(larder_io_memory::backend())
        .default_io_manager(Arc::new(MemoryIo::new()));
    let pipeline = definitions.build().expect("is valid");
    let error = crate::support::failed(&pipeline, "raw").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("cannot point to"), "{error}");
}
