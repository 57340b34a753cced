//! How many decoded batches may wait to be taken.

use super::parquet_group::BATCH_BYTES;
use arrow_array::RecordBatch;
use larder_io_core::Buffered;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Bytes of decoded batches that may wait, of all row groups that are decoded at once. Less, and the groups after the first
/// stop until their turn comes.
const AHEAD_BYTES: u64 = 64 << 20;

/// Places for batches that the row groups of a scan share.
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    /// Of a scan that decodes so many row groups at once, each of which has one place of its own besides.
    pub(super) fn new(at_once: usize) -> Self {
        let places = (AHEAD_BYTES / BATCH_BYTES) as usize;
        Self(Arc::new(Semaphore::new(places.saturating_sub(at_once))))
    }

    /// What another row group of that scan gets.
    pub(super) fn room(&self) -> Room {
        Room {
            own: Arc::new(Semaphore::new(1)),
            shared: Arc::clone(&self.0),
        }
    }
}

/// Places for the batches of one row group: one of its own, so that it goes on whatever others hold, and those it shares. The group whose turn it is gives
/// its places back as fast as it is read, so that the next one has nearly all of them and need not stop half way.
#[derive(Clone, Debug)]
pub(super) struct Room {
    own: Arc<Semaphore>,
    shared: Arc<Semaphore>,
}

/// A batch that waits to be taken.
pub(super) struct Waiting {
    pub(super) batch: RecordBatch,
    _held: Option<Buffered>,
    _place: OwnedSemaphorePermit,
}

impl Waiting {
    pub(super) fn new(batch: RecordBatch, held: Option<Buffered>, place: OwnedSemaphorePermit) -> Self {
        Self {
            batch,
            _held: held,
            _place: place,
        }
    }
}

impl Room {
    /// A place, if there is one now.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        let of = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        of(&self.own).or_else(|| of(&self.shared))
    }

    /// A place as soon as there is one; `None` when nobody listens any more.
    pub(super) async fn wait<T>(&self, listener: &mpsc::UnboundedSender<T>) -> Option<OwnedSemaphorePermit> {
        let of = |places: &Arc<Semaphore>| Arc::clone(places).acquire_owned();
        tokio::select! {
            biased;
            () = listener.closed() => None,
            place = of(&self.own) => place.ok(),
            place = of(&self.shared) => place.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_group_has_what_the_others_leave_and_one_place_of_its_own() {
        let places = Places::new(2);
        let (first, next) = (places.room(), places.room());
        let ahead: Vec<_> = std::iter::from_fn(|| next.take()).collect();
        assert_eq!(ahead.len(), 7, "all but the one of the other");
        let (sender, receiver) = mpsc::unbounded_channel::<()>();
        let place = first.wait(&sender).await.expect("its own");
        assert!(first.take().is_none(), "all are taken");

        // Who waits is woken by a place of either kind, and when nobody listens.
        let woken_by = async |happens: Box<dyn FnOnce()>| {
            let (room, sender) = (first.clone(), sender.clone());
            let waiting = tokio::spawn(async move { room.wait(&sender).await });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            happens();
            waiting.await.expect("ends")
        };
        let own = woken_by(Box::new(|| drop(place))).await;
        let shared = woken_by(Box::new(|| drop(ahead))).await;
        assert!(own.is_some() && shared.is_some());
        let rest: Vec<_> = std::iter::from_fn(|| first.take()).collect();
        assert_eq!(rest.len(), 5);
        let none = woken_by(Box::new(|| drop(receiver))).await;
        assert!(none.is_none(), "nobody takes what waits");
    }
}
