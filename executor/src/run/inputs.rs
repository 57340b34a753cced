//! Upstream values, each loaded once for all its consumers and dropped after the last of them. With a memory budget they may be let go
//! before, and be there without being loaded.

use super::limits::Keeper;
use super::shelf::Shelf;
use crate::asset::InputSpec;
use crate::definitions::Pipeline;
use larder_io_core::{Access, AssetKey, Error, ErrorKind, Result, Value};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// One upstream value of a run.
#[derive(Debug)]
pub(crate) struct SharedInput {
    pub(crate) key: AssetKey,
    loaded: OnceCell<Option<Value>>,
    whole: OnceCell<Value>,
    /// Consumers that need the whole value in memory; several of them share one copy.
    whole_consumers: usize,
    /// In place of the cells, where a budget limits what is kept.
    pub(crate) shelf: Option<Shelf>,
}

impl SharedInput {
    /// The value, loaded by whoever comes first; `None` when nothing is stored.
    pub(crate) async fn get(&self, pipeline: &Pipeline, spec: &InputSpec) -> Result<Option<Value>> {
        let whole_of_several = spec.access == Access::Whole && self.whole_consumers > 1;
        if let Some(shelf) = &self.shelf {
            return shelf.get(pipeline, &self.key, spec, whole_of_several).await;
        }
        let load = || async { pipeline.load_stored(&(&self.key).into()).await };
        let loaded = self.loaded.get_or_try_init(load).await?;
        let Some(value) = loaded else { return Ok(None) };
        if whole_of_several {
            return self
                .whole
                .get_or_try_init(|| whole(value.clone()))
                .await
                .cloned()
                .map(Some);
        }
        Ok(Some(value.clone()))
    }
}

/// Reads a table into memory; other values are whole, or cheap to read again.
pub(super) async fn whole(value: Value) -> Result<Value> {
    match value {
        #[cfg(feature = "arrow")]
        Value::Table(source) => Ok(Value::Table(Arc::new(
            larder_io_core::table::collect(source.as_ref()).await?,
        ))),
        other => Ok(other),
    }
}

/// The upstream values of a run, by consumer, each with how many of its calls still want them.
#[derive(Debug, Default)]
pub(crate) struct SharedInputs(HashMap<usize, (Vec<Arc<SharedInput>>, usize)>);

impl SharedInputs {
    /// Shares what has no partitions; `calls` says how often each step is called. What is `kept` can be let go again.
    pub(crate) fn new(pipeline: &Pipeline, steps: &[usize], calls: &HashMap<usize, usize>, kept: bool) -> Self {
        let graph = pipeline.graph();
        let mut whole_consumers: HashMap<&AssetKey, usize> = HashMap::new();
        let mut consumers: HashMap<&AssetKey, usize> = HashMap::new();
        for step in steps {
            for (spec, key) in pipeline.0.assets[*step].inputs.iter().zip(&graph.nodes[*step].inputs) {
                let calls = calls.get(step).copied().unwrap_or(1);
                *whole_consumers.entry(key).or_default() += calls * usize::from(spec.access == Access::Whole);
                if kept {
                    *consumers.entry(key).or_default() += calls;
                }
            }
        }
        let mut shared: HashMap<&AssetKey, Arc<SharedInput>> = HashMap::new();
        let mut of_step = HashMap::with_capacity(steps.len());
        for step in steps {
            let inputs = graph.nodes[*step].inputs.iter().map(|key| {
                let make = || {
                    let whole_consumers = whole_consumers.get(key).copied().unwrap_or(0);
                    Arc::new(SharedInput {
                        key: key.clone(),
                        loaded: OnceCell::new(),
                        whole: OnceCell::new(),
                        whole_consumers,
                        shelf: consumers.get(key).map(|calls| Shelf::new(*calls)),
                    })
                };
                Arc::clone(shared.entry(key).or_insert_with(make))
            });
            of_step.insert(*step, (inputs.collect(), calls.get(step).copied().unwrap_or(1)));
        }
        Self(of_step)
    }

    /// Who keeps what is here, within a budget.
    pub(crate) fn keeper(&self) -> Keeper {
        let mut keeper = Keeper::default();
        for (inputs, calls) in self.0.values() {
            inputs.iter().for_each(|input| keeper.expect(input, *calls));
        }
        keeper
    }

    /// Hands a call of a step its inputs; after its last call the run itself keeps no hold of them.
    pub(crate) fn take(&mut self, step: usize) -> Vec<Arc<SharedInput>> {
        match self.0.get_mut(&step) {
            Some((inputs, calls)) if *calls > 1 => {
                *calls -= 1;
                inputs.clone()
            }
            Some(_) => self.0.remove(&step).map(|(inputs, _)| inputs).unwrap_or_default(),
            None => Vec::new(),
        }
    }
}

/// The error of an input that must be there and is not.
pub(crate) fn missing(key: &AssetKey, external: bool) -> Error {
    let advice = match external {
        true => "something else makes it: check that it ran and wrote there",
        false => "materialize it first, or select it together with this one by a plus sign in front of the key",
    };
    Error::new(ErrorKind::NotFound, format!("nothing is stored for `{key}`; {advice}"))
}
