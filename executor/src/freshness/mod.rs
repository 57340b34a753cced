//! Nothing twice: what a value was computed from, and whether that is still so.
//!
//! | module | owns |
//! |---|---|
//! | `fingerprint` | the hash of code, configuration and data versions of the inputs |
//! | `preview` | what a run would compute, and why |
//! | `known` | which data version every asset and partition has now |
//! | `record` | what a run tells the catalogue |

mod fingerprint;
mod known;
mod preview;
mod record;

pub(crate) use fingerprint::fingerprint;
pub(crate) use known::{Known, size_of};
pub use preview::{Last, Previewed, Reason};
pub(crate) use record::{Origin, Recorder};

/// Which of the selected assets and partitions a run computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recompute {
    /// All.
    #[default]
    All,
    /// Those whose code, configuration or inputs are not those of the stored value, and those that are not stored.
    Stale,
    /// Those that are not stored.
    Missing,
}
