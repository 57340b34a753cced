//! What a pipeline needs of memory, network and storage, and which manager and format suit an asset.
//!
//! | module | owns |
//! |---|---|
//! | `size` | sizes as text, read and written |
//! | `figure` | one figure with its formula |
//! | `model` | from sizes and rhythms to figures and settings |
//! | `steps` | what runs at once |
//! | `advice` | from size and frequency to a manager and a format |
//! | `history` | sizes and rhythms that the catalogue has |
//! | `machine` | the memory there is |
//!
//! All but the last two are arithmetic, without I/O. The guide `docs/guides/capacity.md` has the formulas with examples.

mod advice;
mod figure;
mod history;
mod machine;
mod model;
mod size;
mod steps;

pub use advice::{Advice, Measured, Way, advise};
pub use figure::{Amount, Figure};
pub use history::AssetUsage;
pub use machine::machine_memory;
pub use model::{CapacityOptions, CapacityPlan, Load, LoadFigures, plan};
pub use size::{Size, SizeUnits};
