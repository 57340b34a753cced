//! How many operations a manager does at once.

use std::sync::{Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// One operation's place among those that are done at once. It is given up while the operation waits for its next
/// attempt, so that a storage that asks for patience does not keep others from what they could do.
pub(super) struct Slot<'s> {
    /// `None` where nothing limits.
    semaphore: Option<&'s Semaphore>,
    permit: Mutex<Option<SemaphorePermit<'s>>>,
}

impl<'s> Slot<'s> {
    pub(super) fn of(semaphore: Option<&'s Semaphore>) -> Self {
        Self {
            semaphore,
            permit: Mutex::new(None),
        }
    }

    /// Waits for a place, unless it has one.
    pub(super) async fn enter(&self) {
        let Some(semaphore) = self.semaphore.filter(|_| self.held().is_none()) else {
            return;
        };
        // The semaphore is never closed, so that this is always a permit.
        let permit = semaphore.acquire().await.ok();
        *self.held() = permit;
    }

    /// Gives the place to somebody else.
    pub(super) fn leave(&self) {
        self.held().take();
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<SemaphorePermit<'s>>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
