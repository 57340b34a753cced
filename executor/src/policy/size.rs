//! How many bytes a value will move, as far as anybody can tell.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use larder_io_core::Value;
use larder_io_core::object::AsObject;
use std::io;

/// What is known before anything is written; 0 when nothing is.
pub(super) fn known(value: &Value) -> u64 {
    match value {
        Value::Object(source) => source.bytes(),
        Value::Blob(source) => source.size().unwrap_or(0),
        #[cfg(feature = "arrow")]
        Value::Table(source) => source.in_memory().map_or(0, |table| {
            table
                .batches()
                .iter()
                .map(|batch| crate::watch::batch_bytes(batch) as u64)
                .sum()
        }),
        _ => 0,
    }
}

/// The size of a native value, which only writing it shows: as JSON, for other formats are of the same order.
pub(super) fn of_native(value: &Value) -> Option<BoxFuture<'static, Option<u64>>> {
    if !matches!(value, Value::Native(_)) {
        return None;
    }
    let value = value.clone();
    let count = async move {
        let counting = tokio::task::spawn_blocking(move || {
            let mut counter = Counter(0);
            // What JSON cannot write ends the count; what was counted still counts.
            let _ = serde_json::to_writer(&mut counter, &AsObject(&value));
            counter.0
        });
        counting.await.ok()
    };
    Some(count.boxed())
}

struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
