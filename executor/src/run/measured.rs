//! What a step measures of itself.

use super::step::{Place, Step};
use crate::event::Materialization;
use crate::memory;
use crate::metered::Meter;
use larder_catalog::InputVersions;
use larder_io_core::Value;
use std::sync::Arc;
use std::time::Duration;

/// Attempts at a step so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    /// From when nothing stood before it any more until it began.
    pub(super) queued: Duration,
    /// The number of the attempt that is made.
    pub(super) attempt: u32,
    /// Time of those before it, and between them.
    pub(super) lost: Duration,
}

impl Tries {
    /// None yet, after waiting for a free place.
    pub(super) fn after(queued: Duration) -> Self {
        Self {
            queued,
            ..Self::default()
        }
    }
}

impl Step {
    /// Whether anybody asks what was measured.
    pub(super) fn observed(&self) -> bool {
        self.pipeline.counted().is_some()
    }

    /// The process's peak of memory, before the step.
    pub(super) fn memory_before(&self) -> Option<u64> {
        self.observed().then(memory::peak).flatten()
    }

    /// Counts what passes into storage.
    pub(super) fn meter(&self) -> Arc<Meter> {
        #[cfg(feature = "arrow")]
        if self.observed() {
            return Arc::new(Meter::looking(self.pipeline.0.details));
        }
        Arc::default()
    }

    /// The bytes of a value in memory, as it went to storage.
    pub(super) fn value_bytes(&self, meter: &Meter, value: &Value) -> Option<u64> {
        if !self.observed() {
            return None;
        }
        match value {
            Value::Blob(source) => source.size().or(Some(meter.progress.bytes())),
            #[cfg(feature = "arrow")]
            Value::Table(_) => match meter.progress.bytes() {
                0 => crate::metered::bytes_in_memory(value),
                passed => Some(passed),
            },
            _ => None,
        }
    }

    /// Adds what only the run knows: it is not the process of a step.
    pub(super) fn measured(&self, made: &mut Materialization, inputs: &[InputVersions]) {
        if !self.observed() || matches!(self.place, Place::ProcessOf(_)) {
            return;
        }
        let measures = &mut made.measures;
        measures.queue = self.tries.queued;
        measures.attempts = self.tries.attempt;
        measures.lost = self.tries.lost;
        measures.own_process = matches!(self.place, Place::Elsewhere(_));
        if measures.own_process {
            // It counted what it did itself; what was looked at before it began was counted here.
            let here = self.pipeline.counted().map_or(0, |usage| usage.requests());
            let all = measures.requests.unwrap_or(0) + here;
            measures.requests = (all > 0).then_some(all);
        }
        let mut total = Some((0, None));
        for input in inputs {
            // Of more partitions than are listed nobody adds up the sizes.
            let all = input.each.len() as u64 == input.count;
            for (partition, _) in &input.each {
                let size = self.known.size(&input.asset, partition.as_ref());
                total = total.zip(size).map(|((bytes, rows), (more, more_rows))| {
                    let rows = match (rows, more_rows) {
                        (None, rows) | (rows, None) => rows,
                        (Some(rows), Some(more)) => Some(rows + more),
                    };
                    (bytes + more, rows)
                });
            }
            total = total.filter(|_| all);
        }
        (measures.bytes_in, measures.rows_in) = (
            total.map(|(bytes, _)| bytes),
            total.and_then(|(_, rows): (u64, Option<u64>)| rows),
        );
    }
}
