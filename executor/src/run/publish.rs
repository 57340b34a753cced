//! The end of a call: everything that is staged is published, and everybody hears of it.

use super::each::each;
use super::overlap::Overlapping;
use super::step::{Place, Step};
use super::store::{Written, discard};
use crate::event::{Event, Materialization};
use crate::freshness::{Origin, size_of};
use crate::hook::Moment;
use crate::measures::Measures;
use crate::memory;
use larder_io_core::{Error, ErrorKind, Receipt, Result, Usage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

impl Step {
    /// Publishes everything. After a failure nothing more is begun, and what was not published is discarded.
    pub(super) async fn publish_all(
        &self,
        written: Vec<Written>,
        common: &Materialization,
        overlapping: &Overlapping,
    ) -> Result<()> {
        let stop = AtomicBool::new(false);
        let publish = |output| self.publish(output, common, overlapping, &stop);
        each(written, self.at_once(), publish).await.into_iter().collect()
    }

    async fn publish(
        &self,
        mut output: Written,
        common: &Materialization,
        overlapping: &Overlapping,
        stop: &AtomicBool,
    ) -> Result<()> {
        if stop.load(Ordering::Relaxed) {
            discard(std::slice::from_mut(&mut output)).await;
            return Ok(());
        }
        let began = Instant::now();
        let published = match &mut output.staged {
            Some(staged) => staged.publish().await.map(Some),
            None => Ok(None),
        };
        let receipt: Option<Receipt> = match published {
            Ok(receipt) => receipt,
            Err(error) => {
                stop.store(true, Ordering::Relaxed);
                discard(std::slice::from_mut(&mut output)).await;
                return Err(self.about(
                    conflict_advice(error),
                    &output.key,
                    output.partition.as_ref(),
                    "publish",
                ));
            }
        };
        let materialization = self.tell(output, receipt, began.elapsed(), common, overlapping);
        self.hook(Moment::AfterStore, |of| {
            of.subject = Some(materialization.asset.clone());
            of.materialization = Some(Arc::clone(&materialization));
        })
        .await;
        Ok(())
    }

    /// Tells everybody of an output that was published. Not async: it would be held while the storage works.
    fn tell(
        &self,
        output: Written,
        receipt: Option<Receipt>,
        publishing: Duration,
        common: &Materialization,
        overlapping: &Overlapping,
    ) -> Arc<Materialization> {
        if let (Some(offer), Some(receipt)) = (output.offer, &receipt) {
            offer.make(receipt);
        }
        let usage = self.pipeline.counted();
        let counted = |of: fn(&Usage) -> u64| usage.map(|usage| of(usage)).filter(|count| *count > 0);
        let mut materialization = Materialization {
            asset: output.key,
            partition: output.partition,
            uri: receipt.as_ref().map(|receipt| receipt.uri.clone()),
            version: receipt.as_ref().map(|receipt| receipt.version.to_string()),
            receipt,
            compute: common.compute + output.produced,
            store: output.stored + publishing,
            peak_memory: memory::peak(),
            overlapped: overlapping.others(),
            #[cfg(feature = "arrow")]
            schema: output.schema,
            measures: Measures {
                value_bytes: output.value_bytes,
                #[cfg(feature = "arrow")]
                table: output.facts,
                requests: counted(Usage::requests),
                buffered_bytes: counted(Usage::most_buffered),
                ..common.measures.clone()
            },
            ..common.clone()
        };
        self.measured(&mut materialization, &output.sources);
        let materialization = Arc::new(materialization);
        let origin = Origin {
            fingerprint: output.fingerprint,
            code_version: self.code(),
            inputs: &output.sources,
            inline: output.inline,
        };
        self.published(&materialization, origin);
        materialization
    }

    /// Tells everybody of a value that was published.
    pub(super) fn published(&self, materialization: &Arc<Materialization>, origin: Origin<'_>) {
        self.outcome.published(materialization);
        if let Place::ProcessOf(teller) = &self.place {
            return teller.published(materialization, &origin);
        }
        if self.traces {
            // Nothing has no content: that it ran again is all there is to know.
            let receipt = materialization.receipt.as_ref();
            let version = receipt.map_or_else(|| self.run.to_string(), Receipt::data_version);
            let (asset, partition) = (&materialization.asset, materialization.partition.as_ref());
            let size = receipt.map_or((0, None), size_of);
            self.known.set(asset, partition, Some(version.clone()), Some(size));
            self.recorder
                .materialized(&self.pipeline, materialization, &version, origin);
        }
        self.emitter.emit(|| Event::Materialized(Arc::clone(materialization)));
    }
}

fn conflict_advice(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Conflict => {
            let message = format!(
                "{}; somebody else materialized the asset while this run computed it, and their value stays; run again, or with `--force` to replace it",
                error.message()
            );
            Error::new(ErrorKind::Conflict, message)
        }
        _ => error,
    }
}
