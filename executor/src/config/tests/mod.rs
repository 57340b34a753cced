//! What a configuration comes to, through definitions.

mod mistakes;
mod observe;
mod precedence;
mod retention;
mod run;
mod sources;
mod values;

use crate::{Asset, Definitions, Pipeline};
use larder_io_core::{Backend, Error, ErrorKind, IoManager, ManagerUrl, Result, Secret};
use larder_io_memory::MemoryIo;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A backend of several schemes that keeps values in memory and remembers how it was opened.
#[derive(Clone, Debug, Default)]
struct Lake(Arc<Mutex<Vec<LakeConfig>>>);

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LakeConfig {
    #[serde(skip)]
    address: String,
    region: String,
    parts: u8,
    style: Style,
    scopes: Vec<String>,
    tags: BTreeMap<String, String>,
    secret_key: Option<Secret>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Style {
    #[default]
    Path,
    Host,
}

impl Backend for Lake {
    fn scheme(&self) -> &'static str {
        "lake"
    }

    fn schemes(&self) -> Vec<&'static str> {
        vec!["lake", "lakes"]
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        let mut config: LakeConfig = url.settings([("region", ["LAKE_REGION"].as_slice())])?;
        config.address = url.address().to_owned();
        self.0.lock().expect("not poisoned").push(config);
        Ok(Arc::new(MemoryIo::new()))
    }

    fn schema(&self) -> serde_json::Value {
        serde_json::json!({
            "title": "LakeConfig",
            "type": "object",
            "properties": { "style": { "$ref": "#/$defs/Style", "description": "How it is addressed" } },
            "required": ["style"],
            "additionalProperties": false,
            "$defs": { "Style": { "enum": ["path", "host"] } },
        })
    }
}

fn definitions(text: &str) -> Definitions {
    let assets = ["raw/flights", "raw/planes", "reports/delays", "reports/page"];
    let assets = assets.map(|key| Asset::builder(key).function(|_| async { Ok(1_u64) }));
    Definitions::new()
        .assets(assets)
        .backend(larder_io_memory::backend())
        .variables([])
        .config_text(text)
}

/// Manager of an asset, and why.
fn bound(pipeline: &Pipeline, key: &str) -> (String, String) {
    let key = key.parse().expect("is a key");
    let explanation = pipeline.explain(&key).expect("is known");
    (explanation.io_manager.expect("is stored"), explanation.because)
}

fn built(definitions: Definitions) -> Pipeline {
    definitions.build().expect("is right")
}

fn refused(definitions: Definitions) -> String {
    let error = definitions.build().expect_err("is wrong");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    error.message().to_owned()
}

const MANAGERS: &str = r#"
[io_managers]
a = { url = "memory:" }
b = { url = "memory:" }
c = { url = "memory:" }
d = { url = "memory:" }
e = { url = "memory:" }
"#;
