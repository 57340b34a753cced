//! Bare object_store with larder's settings, used as well as it can be by hand.

use super::{ACCESS_KEY, BUCKET, SECRET_KEY, blob};
use crate::bench::text;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_object::Transfer;
use larder_io_s3::S3Config;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEY: &str = "bare.bin";

fn store(endpoint: &str) -> Result<AmazonS3, String> {
    AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
        .build()
        .map_err(text)
}

/// Uploads in parts, without copying.
pub(super) async fn put(endpoint: &str, bytes: u64) -> Result<Duration, String> {
    let (store, pieces) = (store(endpoint)?, blob::pieces(bytes));
    let part = S3Config::new("", "").part_bytes;
    let began = Instant::now();
    let upload = store.put_multipart(&Path::from(KEY)).await.map_err(text)?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, part);
    for piece in pieces {
        upload
            .wait_for_capacity(Transfer::default().parts_in_flight)
            .await
            .map_err(text)?;
        upload.put(piece);
    }
    upload.finish().await.map_err(text)?;
    Ok(began.elapsed())
}

/// Reads ranges in tasks of their own, in order.
pub(super) async fn get(endpoint: &str, bytes: u64) -> Result<Duration, String> {
    let (store, path) = (Arc::new(store(endpoint)?), Path::from(KEY));
    let transfer = Transfer::default();
    let began = Instant::now();
    let size = store.head(&path).await.map_err(text)?.size;
    let step = transfer.range_bytes;
    let ranges = (0..size)
        .step_by(step)
        .map(|start| start..size.min(start + step as u64));
    let seen = stream::iter(ranges)
        .map(|range| {
            let (store, path) = (Arc::clone(&store), path.clone());
            tokio::spawn(async move { store.get_range(&path, range).await })
        })
        .buffered(transfer.ranges_in_flight)
        .map_err(text)
        .try_fold(
            0,
            |seen, range| async move { Ok(seen + range.map_err(text)?.len() as u64) },
        )
        .await?;
    took(began, bytes, seen)
}

/// Reads the body of one request as it comes.
pub(super) async fn get_plain(endpoint: &str, bytes: u64) -> Result<Duration, String> {
    let store = store(endpoint)?;
    let began = Instant::now();
    let got = store.get(&Path::from(KEY)).await.map_err(text)?;
    let seen = got
        .into_stream()
        .map_err(text)
        .try_fold(0, |seen, piece| async move { Ok(seen + piece.len() as u64) })
        .await?;
    took(began, bytes, seen)
}

fn took(began: Instant, bytes: u64, seen: u64) -> Result<Duration, String> {
    match seen == bytes {
        true => Ok(began.elapsed()),
        false => Err(format!("{bytes} bytes were stored, {seen} came back")),
    }
}
