//! How much of a stream is held while it is stored (law 12).
#![allow(clippy::unwrap_used)]

mod common;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch};
use arrow_buffer::{Buffer, OffsetBuffer};
use bytes::Bytes;
use common::{Ground, input, output};
use futures_util::TryStreamExt;
use larder_io_core::{AssetValue, IoManager, TableStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const BATCH: usize = 256 * 1024;
const BATCHES: usize = 300;

/// Bytes of a batch that count as held until the last reference to them is gone.
struct Held(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

fn batch(bytes: Buffer) -> RecordBatch {
    let values = BinaryArray::new(OffsetBuffer::from_lengths([BATCH / 4; 4]), bytes, None);
    RecordBatch::try_from_iter([("bytes", Arc::new(values) as ArrayRef)]).unwrap()
}

#[test]
#[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
fn a_stream_of_any_length_is_held_a_batch_at_a_time() {
    let ground = Ground::start();
    let manager = ground.manager(|_| {});
    let (held, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let batches = {
        let (held, most) = (Arc::clone(&held), Arc::clone(&most));
        (0..BATCHES).map(move |n| {
            most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let bytes = Bytes::from_owner(Held(vec![n as u8; BATCH], Arc::clone(&held)));
            Ok(batch(Buffer::from(bytes)))
        })
    };
    let schema = batch(Buffer::from(vec![0_u8; BATCH])).schema();
    let value = TableStream::from_iter(schema, batches).into_value();
    let receipt = ground.run(manager.handle_output(&output("large"), &value)).unwrap();
    assert_eq!(receipt.rows, Some(4 * BATCHES as u64));
    assert_eq!(held.load(Ordering::SeqCst), 0);
    let most = most.load(Ordering::SeqCst);
    assert!(most <= 4, "{most} batches of {BATCHES} were held at once");
    // And read in batches of a few MiB.
    let rows = ground.run(async {
        let stream = TableStream::from_value(manager.load_input(&input("large")).await.unwrap())
            .await
            .unwrap();
        let read = stream.try_fold((0, 0), |(rows, most): (usize, usize), batch| async move {
            Ok((rows + batch.num_rows(), most.max(batch.get_array_memory_size())))
        });
        read.await.unwrap()
    });
    assert_eq!(rows.0, 4 * BATCHES);
    assert!(rows.1 <= 16 << 20, "a batch has {} bytes", rows.1);
}
