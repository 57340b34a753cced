//! Law 12 as far as a value's stream can see it: how much of it is held at once.

use super::support::output;
use crate::Fixture;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use larder_io_core::{AssetValue, Blob, Form};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 256 * 1024;
const CHUNKS: usize = 448;
/// Half of the value, and more than any store's few buffers.
const LIMIT: u64 = (CHUNK * CHUNKS / 2) as u64;

/// A chunk that counts as held until the last reference to it is gone.
struct Held {
    bytes: Arc<Vec<u8>>,
    count: Arc<AtomicU64>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.count.fetch_sub(CHUNK as u64, Ordering::Relaxed);
    }
}

/// A store that outlives the process lets go of a stream's chunks while it writes it: 112 MiB arrive whole, and at no
/// time more than half of them is held.
pub async fn law_12_look_ahead_is_bounded(fixture: &Fixture) {
    if !fixture.takes(Form::Blob) || !fixture.claims().persistent {
        return;
    }
    let pattern = Arc::new(super::blobs::noise(CHUNK).to_vec());
    let (count, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let chunks = {
        let (pattern, most) = (Arc::clone(&pattern), Arc::clone(&most));
        stream::iter(0..CHUNKS).map(move |_| {
            let held = count.fetch_add(CHUNK as u64, Ordering::Relaxed) + CHUNK as u64;
            most.fetch_max(held, Ordering::Relaxed);
            Ok(Bytes::from_owner(Held {
                bytes: Arc::clone(&pattern),
                count: Arc::clone(&count),
            }))
        })
    };
    let ctx = output("large");
    let receipt = fixture
        .store(&ctx, &Blob::from_stream(chunks.boxed()).into_value())
        .await;
    check_eq!(
        receipt.bytes,
        (CHUNK * CHUNKS) as u64,
        "law 13: the receipt of a large blob counts other bytes"
    );
    let most = most.load(Ordering::Relaxed);
    assert!(
        most <= LIMIT,
        "law 12: the store held {} MiB of a stream of 112 MiB at once",
        most >> 20
    );
    let loaded = Blob::from_value(fixture.load(&ctx.to_input(Form::Blob)).await)
        .await
        .expect("law 1: is no blob");
    let mut chunks = loaded.stream().await.expect("law 1: a large blob cannot be opened");
    let mut at = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.unwrap_or_else(|error| panic!("law 1: a large blob breaks off at {at}: {error:?}"));
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let wanted = &pattern[at % CHUNK..];
            let length = wanted.len().min(rest.len());
            assert!(
                rest[..length] == wanted[..length],
                "law 1: a large blob differs after byte {at}"
            );
            rest = &rest[length..];
            at += length;
        }
    }
    check_eq!(at, CHUNK * CHUNKS, "law 1: a large blob came back with another length");
}
