//! Law 1 for bytes.

use super::support::output;
use crate::Fixture;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::{self, StreamExt};
use larder_io_core::{AssetValue, Blob, Form};

/// Bytes in which every position differs from its neighbours, also those a part away.
pub(crate) fn noise(length: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

async fn same(fixture: &Fixture, at: &str, ctx: &larder_io_core::OutputContext, wanted: &Bytes) {
    let loaded = Blob::from_value(fixture.load(&ctx.to_input(Form::Blob)).await).await;
    let loaded = loaded.unwrap_or_else(|error| panic!("law 1: {at} is no blob: {error:?}"));
    if let Some(size) = loaded.size() {
        check_eq!(size, wanted.len() as u64, "law 1: {at} announces another size");
    }
    let chunks = loaded.stream().await;
    let chunks = chunks.unwrap_or_else(|error| panic!("law 1: {at} cannot be opened: {error:?}"));
    let chunks: Vec<Bytes> = chunks
        .try_collect()
        .await
        .unwrap_or_else(|error| panic!("law 1: {at} cannot be read: {error:?}"));
    let length: usize = chunks.iter().map(Bytes::len).sum();
    check_eq!(length, wanted.len(), "law 1: {at} has another length");
    assert!(chunks.concat() == *wanted, "law 1: {at} has other bytes");
    let whole = loaded.bytes().await;
    let whole = whole.unwrap_or_else(|error| panic!("law 1: {at} cannot be read again: {error:?}"));
    assert!(whole == wanted, "law 1: {at} has other bytes the second time");
}

/// No byte, one byte, and sizes around those at which stores begin to cut values into parts.
pub async fn law_01_round_trip_blobs(fixture: &Fixture) {
    if !fixture.takes(Form::Blob) {
        return;
    }
    const MIB: usize = 1 << 20;
    for size in [0, 1, 4096, 5 * MIB - 1, 5 * MIB, 8 * MIB, 8 * MIB + 1, 9 * MIB] {
        let (at, bytes) = (format!("blob-{size}"), noise(size));
        let ctx = output(&at);
        fixture.store(&ctx, &Blob::from(bytes.clone()).into_value()).await;
        same(fixture, &at, &ctx, &bytes).await;
    }
}

/// A stream that is read once, in chunks of all sizes, comes back whole.
pub async fn law_01_streamed_blobs(fixture: &Fixture) {
    if !fixture.takes(Form::Blob) {
        return;
    }
    for (size, chunk) in [
        (0, 1),
        (10, 3),
        (300_000, 7919),
        (9 << 20, 1 << 20),
        (11 << 20, 11 << 20),
    ] {
        let bytes = noise(size);
        let mut chunks: Vec<_> = (0..size)
            .step_by(chunk)
            .map(|at| Ok(bytes.slice(at..size.min(at + chunk))))
            .collect();
        // An empty chunk is not the end.
        chunks.insert(chunks.len() / 2, Ok(Bytes::new()));
        let ctx = output(&format!("stream-{size}"));
        let receipt = fixture
            .store(&ctx, &Blob::from_stream(stream::iter(chunks).boxed()).into_value())
            .await;
        check_eq!(
            receipt.bytes,
            size as u64,
            "law 13: the receipt of a streamed blob counts other bytes"
        );
        same(fixture, &format!("stream-{size}"), &ctx, &bytes).await;
    }
}
