//! Steps that begin before what they take is stored: the value is handed over in memory when it is computed.
//!
//! The one that makes it goes on storing it. The ones that take it compute, but stage nothing before it is published; if it never is, they are
//! skipped, and what they computed is dropped.

use super::fresh::Sources;
use super::inputs::SharedInput;
use super::shelf::Offer;
use super::step::Step;
use super::store::Output;
use crate::asset::InputSpec;
use larder_catalog::InputVersions;
use larder_io_core::{AssetKey, Error, ErrorKind, Result, Value};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// What becomes of a step whose value was handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is being stored.
    #[default]
    Open,
    Published,
    /// The asset whose failure is the reason.
    Failed(AssetKey),
}

/// A step that is not published yet, as those see it that took its value.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    /// What it makes.
    pub(super) keys: Vec<AssetKey>,
    pub(super) fate: watch::Receiver<Fate>,
}

/// Says that a call's values are computed and handed over.
#[derive(Clone, Debug)]
pub(super) struct Computed {
    pub(super) call: usize,
    pub(super) tell: mpsc::UnboundedSender<usize>,
}

impl Ahead {
    /// Waits until it is published.
    async fn published(&mut self) -> Result<(), AssetKey> {
        let fate = self.fate.wait_for(|fate| *fate != Fate::Open).await;
        match fate.as_deref() {
            Ok(Fate::Failed(because)) => Err(because.clone()),
            Ok(_) => Ok(()),
            // The run is gone, and with it who would tell.
            Err(_) => Err(self.keys[0].clone()),
        }
    }
}

impl Step {
    /// Whether an input comes from a step that is not published yet.
    pub(super) fn is_ahead_of(&self, input: &AssetKey) -> bool {
        self.ahead.iter().any(|ahead| ahead.keys.contains(input))
    }

    /// The value of an input that may not be published yet: as it was handed over; else as it is stored, once it is.
    pub(super) async fn handed_over(&mut self, input: &Arc<SharedInput>, spec: &InputSpec) -> Result<Option<Value>> {
        if self.is_ahead_of(&input.key) {
            if let Some(value) = input.handed_over(spec) {
                return Ok(Some(value));
            }
            self.catch_up().await?;
        }
        let pipeline = self.pipeline.clone();
        input.get(&pipeline, spec).await
    }

    /// Waits until everything that was taken is published. Later attempts wait no more.
    ///
    /// # Errors
    /// `Cancelled` where something failed; then the step counts as skipped.
    pub(super) async fn catch_up(&mut self) -> Result<()> {
        for ahead in &mut self.ahead {
            if let Err(because) = ahead.published().await {
                let message = format!("`{because}` was not published, and this was computed from it");
                self.lost = Some(because);
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
        }
        Ok(())
    }

    /// The data versions of what was taken, with those that were not published when it was.
    pub(super) async fn caught_up(&mut self, sources: &Sources) -> Result<Sources> {
        let ahead = self.ahead.clone();
        self.catch_up().await?;
        let mut sources = sources.clone();
        if self.traces
            && let Some(all) = sources.get_mut(&None)
        {
            let mut known = Vec::with_capacity(all.len());
            for (key, versions) in self.pipeline.graph().nodes[self.index].inputs.iter().zip(all.iter()) {
                known.push(match ahead.iter().any(|ahead| ahead.keys.contains(key)) {
                    false => versions.clone(),
                    // What it published is remembered: nobody looks at the storage, where somebody else may have written since.
                    true => {
                        let version = self.known.data_version(&self.pipeline, key, None).await?;
                        InputVersions::new(key.clone(), version.map(|version| (None, version)))
                    }
                });
            }
            *all = Arc::new(known);
        }
        Ok(sources)
    }

    /// Hands over what was computed, if others may begin with it before it is published.
    pub(super) fn hand_over(&self, outputs: &[Output]) -> Result<()> {
        let Some(computed) = &self.computed else { return Ok(()) };
        // What a check may yet keep back nobody gets; and a hook is called for steps that are made, after what they take was stored.
        let blocks = |output: &Output| self.pipeline.0.checks.blocks(output.key());
        if !self.pipeline.0.hooks.is_empty() || outputs.iter().any(blocks) {
            return Ok(());
        }
        let mut offers: Vec<Offer> = Vec::with_capacity(outputs.len());
        for output in outputs {
            let (key, value) = (output.key(), output.value().clone());
            let value = self.pipeline.conforming(key, value, ErrorKind::InvalidDefinition)?;
            if self.offers.iter().all(|offer| offer.key != *key) {
                continue;
            }
            match self.offer(key, &value) {
                Some(offer) => offers.push(offer),
                None => return Ok(()),
            }
        }
        offers.into_iter().for_each(Offer::make_early);
        // A run that is over hears nothing more.
        let _ = computed.tell.send(computed.call);
        Ok(())
    }
}
