//! Rows that are sent by COPY.

use crate::encode::{self, HEADER, TRAILER};
use crate::error::Outcome;
use crate::stage::Written;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use larder_io_core::hash::TableDigest;
use larder_io_core::{BatchStream, Error, ErrorKind};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, CopyInSink};

/// Bytes of one message.
const MESSAGE: usize = 256 * 1024;
/// A COPY ends after so many bytes, or so long, and another goes on: what the server refuses is heard at the end of each.
const PART: (usize, Duration) = (16 * 1024 * 1024, Duration::from_secs(5));

/// Sends rows as they come into a table that was made in this transaction. The first batch should be there: as long as nothing is
/// sent the transaction is idle, and the server ends one that is for long. At no time more is held than one message or row, and
/// the batch that it is made of.
pub(crate) async fn copy(
    client: &Client,
    table: &str,
    schema: &SchemaRef,
    mut batches: BatchStream,
) -> Outcome<Written> {
    // Of such a table the rows are final at once (FREEZE), and go one behind the other: no page is filled up later, so that they
    // keep their order.
    let begin = format!("COPY {table} FROM STDIN (FORMAT binary, FREEZE)");
    let (mut digest, mut hasher) = (TableDigest::new(schema.clone()), blake3::Hasher::new());
    // What is hashed is one whole stream, as COPY gives it back.
    hasher.update(HEADER);
    let (mut message, mut bytes, mut taken) = (Vec::new(), HEADER.len() as u64, 0);
    let mut batch = batches.try_next().await?;
    while batch.is_some() {
        let mut sink = pin!(client.copy_in(&begin).await?);
        sink.send(Bytes::from_static(HEADER)).await?;
        let (began, mut sent) = (Instant::now(), 0);
        while let Some(rows) = &batch {
            let first = digest.rows();
            digest.update(rows);
            let mut from = 0;
            while from < rows.num_rows() {
                from = encode::rows(rows, schema, from, first, &mut message, MESSAGE)?;
                if message.len() >= MESSAGE {
                    sent += message.len();
                    hasher.update(&message);
                    send(sink.as_mut(), std::mem::take(&mut message)).await?;
                }
            }
            batch = batches.try_next().await?;
            if sent >= PART.0 || began.elapsed() >= PART.1 {
                break;
            }
        }
        bytes += sent as u64 + message.len() as u64;
        hasher.update(&message);
        send(sink.as_mut(), std::mem::take(&mut message)).await?;
        sink.send(Bytes::from_static(&TRAILER)).await?;
        taken += sink.finish().await?;
    }
    hasher.update(&TRAILER);
    bytes += TRAILER.len() as u64;
    if taken != digest.rows() {
        let message = format!("PostgreSQL took {taken} rows of {}; this is a defect", digest.rows());
        return Err(Error::new(ErrorKind::Unexpected, message).into());
    }
    Ok(Written {
        rows: taken,
        bytes,
        content: digest.finish(),
        stored: hasher.finalize().into(),
    })
}

/// Sends bytes in messages of a bounded size, whatever the size of a row: the server takes none of more than 1 GiB, and a stream
/// may be cut anywhere.
async fn send(mut sink: Pin<&mut CopyInSink<Bytes>>, message: Vec<u8>) -> Outcome<()> {
    let mut message = Bytes::from(message);
    while !message.is_empty() {
        let piece = message.split_to(message.len().min(2 * MESSAGE));
        sink.send(piece).await?;
    }
    Ok(())
}
