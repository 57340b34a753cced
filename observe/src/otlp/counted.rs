//! Spans that the queue of the SDK takes and gives: the difference is what it dropped, which it tells nobody.

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Counts {
    ended: AtomicU64,
    given: AtomicU64,
}

impl Counts {
    /// Spans that ended and that nobody tried to send: after a flush, those that were dropped.
    pub(super) fn lost(&self) -> u64 {
        let given = self.given.load(Ordering::Relaxed);
        self.ended.load(Ordering::Relaxed).saturating_sub(given)
    }
}

/// What goes into the queue.
#[derive(Debug)]
pub(super) struct Taken(pub(super) BatchSpanProcessor, pub(super) Arc<Counts>);

impl SpanProcessor for Taken {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.0.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        self.1.ended.fetch_add(1, Ordering::Relaxed);
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// What comes out of it.
#[derive(Debug)]
pub(super) struct Given<E>(pub(super) E, pub(super) Arc<Counts>);

impl<E: SpanExporter> SpanExporter for Given<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.1.given.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}
