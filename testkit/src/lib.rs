//! Proves that an I/O manager keeps the laws of [`larder_io_core::manager`].
//!
//! One macro call makes one test of each check, named after its law:
//!
//! ```
//! larder_testkit::conformance!(|| async { larder_io_memory::MemoryIo::new() });
//! # fn main() {}
//! ```
//!
//! `conformance!(ignore = "needs MY_SERVER", || async { .. })` makes tests that run only when they are asked for.
//! The expression makes a future of something that turns into a [`Fixture`]: a manager, or a fixture that says more
//! about it. It is called once per check and gives an empty store each time. A caller needs no other dependency than
//! this crate and its own manager. Several stores are proved in modules of their own:
//!
//! ```
//! mod as_json {
//!     larder_testkit::conformance!(|| async { larder_io_memory::MemoryIo::new() });
//! }
//! # fn main() {}
//! ```
//!
//! What a manager claims in its [`Capabilities`](larder_io_core::Capabilities) must work; what it does not claim must
//! answer `Unsupported`. A check of a format's limits accepts a refusal, never a value that came back different.
//!
//! | module | holds |
//! |---|---|
//! | [`laws`] | the checks, by topic, and their list |
//! | [`broken`] | stores that break one law each, which prove that the checks have teeth |
//! | `cloud` (feature) | doubles of S3, Google Cloud Storage and Azure Blob Storage that fail on request |
//! | `crash` (feature) | a simulated disk, and every state that a power cut may leave |
//! | `postgresql` (feature `postgres`) | a PostgreSQL server of a test's own |
//! | [`faulty`] | stores that fail on request, for tests of policies and pipelines |
#![allow(clippy::unwrap_used)]

#[macro_use]
mod list;
pub mod broken;
#[cfg(feature = "cloud")]
pub mod cloud;
#[cfg(feature = "crash")]
pub mod crash;
pub mod faulty;
mod fixture;
pub mod laws;
#[cfg(feature = "postgres")]
pub mod postgresql;

pub use fixture::Fixture;
pub use laws::{CHECKS, Check};

/// What the macros need; not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::fixture::prepare;
    pub use tokio;
}
