//! Crash replay: a simulated disk that records every call, and every state that a power cut may leave.
//!
//! The model is that of a disk that keeps no promise but those of `fsync`: what was written to a file is sure once
//! that file was synced, a name is sure once its directory was synced, and until then any subset may survive. A
//! rename happens wholly or not at all at its new name; the old name may survive it.

mod disk;
mod state;
mod world;

pub use disk::SimDisk;
pub use state::{Choice, crash_choices, crash_states};
pub use world::Op;
