//! Requests to a vendor: a guard around object_store's HTTP client.
//!
//! object_store retries by itself and forgets what the server said. Here its own retries are off, and every request
//! goes through a [`Guard`]: it waits a bounded time for the answer and for every piece of the body, counts an answer that
//! is a document only when all of it has come, reads what the server says is wrong (status, the vendor's own code,
//! `Retry-After`), turns it into an [`Error`](larder_io_core::Error) of larder with kind, retry class and effect, and
//! repeats what is worth repeating. A vendor's own client can be put over the same guard.

mod document;
mod guard;
mod idle;
mod refusal;
#[cfg(test)]
mod tests;
mod transport;

pub use guard::Guard;
pub use refusal::{Judge, Refusal};
pub use transport::{Transport, check_endpoint};
