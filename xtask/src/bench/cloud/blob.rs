//! A streamed blob through larder.

use super::{Noise, config};
use crate::bench::memory::{reset_peak, status};
use crate::bench::text;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::{self, StreamExt};
use larder::{AssetKey, AssetValue, Blob, Form, IoManager, OutputContext};
use std::time::{Duration, Instant};

/// Bytes of one piece of the stream, as a file or a socket is read.
const PIECE: usize = 1 << 20;

fn context() -> Result<OutputContext, String> {
    let key: AssetKey = "blob".parse().map_err(text)?;
    Ok(OutputContext::new(key, None, "blob".parse().map_err(text)?))
}

/// Pieces of so many bytes in all, cut from a few MiB of noise, so that making them takes no time.
pub(super) fn pieces(bytes: u64) -> impl Iterator<Item = Bytes> + Send + use<> {
    let noise = Bytes::from(Noise::new().bytes(8 * PIECE));
    let mut left = bytes;
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = left.min(PIECE as u64);
        left -= length;
        // Never the same part twice.
        at = (at + 4099) % (noise.len() - PIECE);
        (length > 0).then(|| noise.slice(at..at + length as usize))
    })
}

/// Stores a stream with default settings.
pub(super) async fn put(endpoint: &str, bytes: u64) -> Result<Duration, String> {
    let manager = config(endpoint).open().map_err(text)?;
    let value = Blob::from_stream(stream::iter(pieces(bytes).map(Ok)).boxed()).into_value();
    let began = Instant::now();
    let receipt = manager.handle_output(&context()?, &value).await.map_err(text)?;
    let took = began.elapsed();
    match receipt.bytes == bytes {
        true => Ok(took),
        false => Err(format!("{bytes} bytes went in, the receipt says {}", receipt.bytes)),
    }
}

/// Loads what was stored, piece by piece.
pub(super) async fn get(endpoint: &str, bytes: u64) -> Result<Duration, String> {
    let manager = config(endpoint).open().map_err(text)?;
    let began = Instant::now();
    let value = manager
        .load_input(&context()?.to_input(Form::Blob))
        .await
        .map_err(text)?;
    let mut stream = Blob::from_value(value)
        .await
        .map_err(text)?
        .stream()
        .await
        .map_err(text)?;
    let mut seen = 0;
    while let Some(piece) = stream.try_next().await.map_err(text)? {
        seen += piece.len() as u64;
    }
    let took = began.elapsed();
    match seen == bytes {
        true => Ok(took),
        false => Err(format!("{bytes} bytes were stored, {seen} came back")),
    }
}

pub(super) async fn put_resident(endpoint: &str, bytes: u64) -> Result<u64, String> {
    reset_peak()?;
    let took = put(endpoint, bytes).await?;
    println!("blob: {:.2} GB put in {:.1} s", bytes as f64 / 1e9, took.as_secs_f64());
    status("VmHWM")
}

pub(super) async fn get_resident(endpoint: &str, bytes: u64) -> Result<u64, String> {
    reset_peak()?;
    let took = get(endpoint, bytes).await?;
    println!("blob: {:.2} GB got in {:.1} s", bytes as f64 / 1e9, took.as_secs_f64());
    status("VmHWM")
}
