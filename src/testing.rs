//! Unit tests of assets: everything in memory, inputs given, nothing on disk.
//!
//! ```
//! use larder::prelude::*;
//!
//! #[asset]
//! async fn total(numbers: Vec<u64>) -> u64 { numbers.iter().sum() }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! let definitions = Definitions::new().assets(assets![total]);
//! let result = larder::testing::Trial::new(definitions)
//!     .given("numbers", vec![1_u64, 2, 3])
//!     .run("total")
//!     .await?;
//! assert_eq!(result.load::<u64>("total").await?, 6);
//! # Ok(()) }
//! ```

use crate::{Asset, AssetValue, Definitions, Error, Pipeline, Result, RunReport, StepStatus};
use larder_io_memory::MemoryIo;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

type Given = Box<dyn FnOnce(Pipeline) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send>;

/// A run of some assets with given inputs.
#[must_use = "nothing happens before `run`"]
pub struct Trial {
    definitions: Definitions,
    given: Vec<Given>,
    keys: HashSet<String>,
}

impl Trial {
    /// Takes the pipeline's own definitions, or some of them.
    pub fn new(definitions: Definitions) -> Self {
        Self {
            definitions,
            given: Vec::new(),
            keys: HashSet::new(),
        }
    }

    /// Gives the value of an asset; one that the definitions do not have becomes an external asset.
    pub fn given<T: AssetValue>(mut self, key: &str, value: T) -> Self {
        if !self.definitions.has_asset(key) && self.keys.insert(key.to_owned()) {
            self.definitions = self.definitions.asset(Asset::external::<T>(key));
        }
        let key = key.to_owned();
        self.given.push(Box::new(move |pipeline| {
            Box::pin(async move { pipeline.store(&key, value).await.map(drop) })
        }));
        self
    }

    /// Runs a selection; nothing else is made.
    ///
    /// # Errors
    /// As building the definitions, and the first asset that failed.
    pub async fn run(self, selection: &str) -> Result<Outcome> {
        let pipeline = self
            .definitions
            .with_every_asset_in(Arc::new(MemoryIo::new()))
            .build()?;
        for given in self.given {
            given(pipeline.clone()).await?;
        }
        let report = pipeline.run(selection).await?;
        for step in &report.steps {
            if let StepStatus::Failed(error) = &step.status {
                return Err(Error::new(error.kind(), error.to_string()).with_source(Arc::clone(error)));
            }
        }
        Ok(Outcome { pipeline, report })
    }
}

impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trial({:?}, {} given)", self.definitions, self.given.len())
    }
}

/// What a trial made.
#[derive(Debug)]
pub struct Outcome {
    pipeline: Pipeline,
    /// The run's report: materializations with their metadata.
    pub report: RunReport,
}

impl Outcome {
    /// Loads what an asset made.
    ///
    /// # Errors
    /// `NotFound` when it was neither given nor selected.
    pub async fn load<T: AssetValue>(&self, key: &str) -> Result<T> {
        self.pipeline.load(key).await
    }
}
