//! Laws 1 and 2 where a value is replaced: the new one whole, and never anything in between.

use super::probe::Probe;
use super::support::output;
use crate::Fixture;
use futures_util::TryStreamExt;
use larder_io_core::{Blob, Form, OutputContext, Scan, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A shorter value after a longer one leaves nothing of the longer one.
pub async fn law_01_shorter_after_longer(fixture: &Fixture) {
    for form in fixture.forms() {
        let at = format!("shrinks/{form}");
        for bytes in [200_000, 800, 4000] {
            let probe = Probe::new(form).bytes(bytes);
            let ctx = output(&at);
            fixture.store(&ctx, &probe.make(bytes as u64)).await;
            fixture
                .assert_holds(1, "after a replacement", &ctx, probe, bytes as u64)
                .await;
        }
    }
}

/// Readers beside a writer see one of its values, whole, and never none.
pub async fn law_02_readers_see_whole_values(fixture: &Fixture) {
    for form in fixture.forms() {
        alternate(fixture, form, 8_000, 40).await;
    }
}

/// The same for values large enough to be read in pieces.
pub async fn law_02_streaming_readers_see_whole_values(fixture: &Fixture) {
    for form in fixture.forms() {
        alternate(fixture, form, 1 << 20, 12).await;
    }
}

async fn alternate(fixture: &Fixture, form: Form, bytes: usize, rounds: u64) {
    let probe = Probe::new(form).bytes(bytes);
    let at = format!("busy/{form}");
    let ctx = output(&at);
    fixture.store(&ctx, &probe.make(0)).await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (manager, done, input) = (Arc::clone(fixture.manager()), Arc::clone(&done), ctx.to_input(form));
            tokio::spawn(async move {
                let (mut reads, mut whole) = (0_u64, 0_u64);
                while !done.load(Ordering::Acquire) || whole == 0 {
                    let loaded = manager.load_input(&input).await;
                    let loaded =
                        loaded.unwrap_or_else(|error| panic!("law 2: a reader found neither value: {error:?}"));
                    // A value replaced more often than the history is long may be gone, but is never mixed.
                    whole += u64::from(probe.try_read(2, loaded).await.is_ok());
                    let head = manager.head(&input).await;
                    let head = head.unwrap_or_else(|error| panic!("law 2: head failed beside a writer: {error:?}"));
                    assert!(head.is_some(), "law 2: head found neither value");
                    reads += 1;
                    assert!(
                        whole > 0 || reads < 10_000,
                        "law 2: no reader beside a writer could read anything"
                    );
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for seed in 1..=rounds {
        fixture.store(&output(&at), &probe.make(seed)).await;
        tokio::task::yield_now().await;
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        if let Err(error) = reader.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    fixture
        .assert_holds(2, "after many replacements", &ctx, probe, rounds)
        .await;
}

/// Reads a little of a loaded value and gives the rest of the reading back.
pub(crate) async fn begin_reading(value: &Value) -> Rest {
    match value {
        Value::Table(source) => {
            let mut batches = source
                .scan(Scan::all())
                .await
                .expect("law 14: a loaded table cannot be scanned");
            let first = batches.try_next().await.expect("law 14: a loaded table cannot be read");
            Rest::Table(Arc::clone(source), first, batches)
        }
        Value::Blob(source) => {
            let blob = Blob::from_source(Arc::clone(source));
            let mut chunks = blob.stream().await.expect("law 14: a loaded blob cannot be opened");
            let first = chunks.try_next().await.expect("law 14: a loaded blob cannot be read");
            Rest::Blob(first, chunks)
        }
        other => Rest::Object(other.clone()),
    }
}

/// A reading that has begun.
pub(crate) enum Rest {
    Table(
        Arc<dyn larder_io_core::TableSource>,
        Option<arrow_array::RecordBatch>,
        larder_io_core::BatchStream,
    ),
    Blob(Option<bytes::Bytes>, larder_io_core::ByteStream),
    Object(Value),
}

impl Rest {
    /// Reads on to the end and gives the whole value.
    pub(crate) async fn finish(self) -> larder_io_core::Result<Value> {
        use larder_io_core::{AssetValue, Table};
        Ok(match self {
            Self::Object(value) => value,
            Self::Table(source, first, rest) => {
                let rest: Vec<_> = rest.try_collect().await?;
                let batches = first.into_iter().chain(rest).collect();
                Table::new(source.schema(), batches)?.into_value()
            }
            Self::Blob(first, rest) => {
                let rest: Vec<bytes::Bytes> = rest.try_collect().await?;
                let whole: Vec<bytes::Bytes> = first.into_iter().chain(rest).collect();
                Blob::from(whole.concat()).into_value()
            }
        })
    }
}

/// Replaces a value so often, with seeds from `first` on.
pub(crate) async fn replace(fixture: &Fixture, ctx: &OutputContext, probe: Probe, first: u64, times: u64) {
    for seed in first..first + times {
        let mut next = OutputContext::new(ctx.asset.clone(), ctx.partition.clone(), ctx.location.clone());
        next.extension.clone_from(&ctx.extension);
        fixture.store(&next, &probe.make(seed)).await;
    }
}
