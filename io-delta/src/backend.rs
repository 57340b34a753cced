//! The schemes `delta+file`, `delta+s3` and so on, one for each store that is handed over.

use crate::config::DeltaConfig;
use crate::core::Core;
use crate::manager::DeltaIo;
use larder_io_core::{Backend, IoManager, ManagerUrl, Result, Target};
use larder_io_object::files::GroundBackend;
use larder_io_object::target::OpenStores;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Backends for `Definitions::backend`: Delta tables on each of these stores.
pub fn backends(grounds: impl IntoIterator<Item = Arc<dyn GroundBackend>>) -> Vec<Arc<dyn Backend>> {
    let backend = |ground: Arc<dyn GroundBackend>| -> Arc<dyn Backend> {
        let schemes = ground
            .schemes()
            .into_iter()
            .map(|scheme| format!("{PREFIX}{scheme}"))
            .collect();
        Arc::new(DeltaBackend {
            ground,
            schemes,
            targets: OpenStores::new(),
        })
    };
    grounds.into_iter().map(backend).collect()
}

const PREFIX: &str = "delta+";

#[derive(Debug)]
struct DeltaBackend {
    ground: Arc<dyn GroundBackend>,
    schemes: Vec<String>,
    /// Stores that references point into, by their addresses and settings.
    targets: OpenStores<ManagerUrl, Arc<Core>>,
}

impl DeltaBackend {
    fn manager(&self, url: &ManagerUrl) -> Result<DeltaIo> {
        let schema = own_schema();
        let names: Vec<&str> = schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.keys())
            .map(String::as_str)
            .collect();
        let (own, rest) = url.parted(&names)?;
        let below = url.scheme().strip_prefix(PREFIX).unwrap_or_default();
        let config = DeltaConfig::from_url(&own)?;
        let ground = self.ground.open(&rest.with_scheme(below))?;
        config.open(ground)
    }
}

fn own_schema() -> Json {
    schemars::schema_for!(DeltaConfig).to_value()
}

impl Backend for DeltaBackend {
    fn scheme(&self) -> &str {
        self.schemes.first().map_or(PREFIX, String::as_str)
    }

    fn schemes(&self) -> Vec<&str> {
        self.schemes.iter().map(String::as_str).collect()
    }

    fn schema(&self) -> Json {
        let (mut schema, ground) = (own_schema(), self.ground.schema());
        if let (Some(own), Some(others)) = (schema["properties"].as_object_mut(), ground["properties"].as_object()) {
            for (name, setting) in others {
                own.entry(name.clone()).or_insert_with(|| setting.clone());
            }
        }
        if let Some(definitions) = ground.get("$defs") {
            schema["$defs"] = definitions.clone();
        }
        schema["title"] = json!("Delta tables");
        schema
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        Ok(Arc::new(self.manager(url)?))
    }

    fn target(&self, url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
        crate::target::find(url, format, |root| {
            self.targets.get(root, |root| Ok(self.manager(root)?.core))
        })
    }
}
