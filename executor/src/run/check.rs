//! The checks of a call: made of what is staged, before anything is published.

use super::step::{Place, Step};
use super::store::{Written, discard};
use crate::check::{Checked, Earlier, Subject, blocked};
use crate::definitions::{AssetPartition, Pipeline};
use crate::event::Event;
use larder_io_core::{AssetKey, ErrorKind, Result, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Earlier values, of which a process hears from its run.
pub(super) type AllEarlier = HashMap<AssetPartition, Arc<[Earlier]>>;

impl Step {
    /// Makes the checks of everything that is staged. Where a blocking one fails, all of it is discarded.
    pub(super) async fn check_all(&self, mut written: Vec<Written>) -> Result<Vec<Written>> {
        if self.pipeline.0.checks.is_empty() {
            return Ok(written);
        }
        match self.staged_checks(&written).await {
            Ok(()) => Ok(written),
            Err(error) => {
                discard(&mut written).await;
                Err(error)
            }
        }
    }

    async fn staged_checks(&self, written: &[Written]) -> Result<()> {
        let mut failed = Vec::new();
        for output in written {
            if self.pipeline.0.checks.of(&output.key).is_empty() {
                continue;
            }
            let value = match &output.staged {
                Some(staged) => staged.load().await,
                None => Ok(Value::Nothing),
            };
            // What is checked is what a consumer would load.
            let value = value.and_then(|value| self.pipeline.conforming(&output.key, value, ErrorKind::InvalidData));
            let of = AssetPartition {
                asset: output.key.clone(),
                partition: output.partition.clone(),
            };
            let subject = Subject {
                partitions: Pipeline::as_set(self.partitions.as_ref(), &of)?,
                earlier: match &self.earlier {
                    Some(told) => Ok(told.get(&of).cloned().unwrap_or_default()),
                    None => self.pipeline.earlier(&of, false).await,
                },
                of,
                run: Some(self.run.clone()),
                held: Arc::clone(&self.held),
                emitter: self.emitter.clone(),
            };
            for made in self.pipeline.make_checks(&subject, &value).await {
                self.checked(&made);
                failed.extend(made.blocks().then_some(made));
            }
        }
        match failed.first() {
            Some(first) => Err(self.about(blocked(&failed), &first.asset, first.partition.as_ref(), "check")),
            None => Ok(()),
        }
    }

    /// Tells everybody of a check.
    pub(super) fn checked(&self, made: &Arc<Checked>) {
        self.outcome.checked(made);
        if let Place::ProcessOf(teller) = &self.place {
            return teller.checked(made);
        }
        self.recorder.checked(made);
        self.emitter.emit(|| Event::Checked(Arc::clone(made)));
    }

    /// What a process has to be told of the values before those that it makes.
    pub(super) async fn all_earlier(&self, keys: &[AssetKey]) -> Result<AllEarlier> {
        let mut all = AllEarlier::new();
        for key in keys.iter().filter(|key| self.pipeline.0.checks.history(key) > 0) {
            let values: Vec<AssetPartition> = match &self.partitions {
                None => vec![key.into()],
                Some(set) => set.iter().map(|partition| (key, &partition).into()).collect(),
            };
            for of in values {
                let earlier = self.pipeline.earlier(&of, false).await?;
                all.insert(of, earlier);
            }
        }
        Ok(all)
    }
}
