//! Definitions, graph, selection and in-process runs of asset pipelines.
//!
//! | module | owns |
//! |---|---|
//! | [`asset`] | one function and the assets it makes |
//! | [`definitions`] | everything a pipeline is made of, and its validation into a [`Pipeline`] |
//! | [`graph`], [`selection`] | who needs whom, and which of them to run |
//! | [`layout`] | where values are kept: `hive` |
//! | [`run`] | running a selection |
//! | [`event`] | what a run tells its observers |
//! | [`context`] | what an asset's code is told |
//!
//! It knows no backend: managers come in as trait objects, or by the URL of a [`Backend`](larder_io_core::Backend)
//! that was handed over.

pub mod args;
pub mod asset;
pub mod context;
pub mod definitions;
pub mod event;
pub mod graph;
pub mod home;
pub mod layout;
mod memory;
mod metered;
pub mod run;
pub mod selection;

pub use args::{Args, blocking};
pub use asset::{Asset, AssetBuilder, AssetFn, CodeVersion, OutputSpec};
pub use context::AssetContext;
pub use definitions::{AssetInfo, Definitions, Explanation, Pipeline};
pub use event::{Event, Level, Materialization, Observer, Progress};
pub use layout::HiveLayout;
pub use run::{RunOptions, RunReport, StepReport, StepStatus};
pub use selection::Selection;
