//! Definitions, graph, selection and in-process runs of asset pipelines.
//!
//! | module | owns |
//! |---|---|
//! | [`asset`] | one function and the assets it makes |
//! | [`check`] | functions that look at a value before it is published |
//! | [`definitions`] | everything a pipeline is made of, and its validation into a [`Pipeline`] |
//! | [`graph`], [`selection`] | who needs whom, and which of them to run |
//! | `sql` | assets that are queries, and queries over assets |
//! | [`layout`] | where values are kept: `hive`, `dagster` |
//! | [`ConfigReport`] | what `larder.toml` comes to; [`Definitions::config_file`] says how it is found |
//! | [`policy`] | what stands between a run and a manager: retry, timeout, limit, context of errors |
//! | [`run`] | running a selection |
//! | [`doctor`] | examining managers: whether they are reached and keep what they claim |
//! | [`capacity`] | memory, network and storage that a pipeline needs; which format suits an asset |
//! | [`event`], [`json`] | what a run tells its observers, and how that looks as JSON |
//! | `reference` | assets whose value lives elsewhere |
//! | [`hook`] | code of the pipeline that is called before and after what a step does |
//! | [`observer`] | observers by name, for the configuration and the command line |
//! | [`resource`] | clients that a run opens once and closes at its end |
//! | [`measures`] | what is kept of each step with the values it made |
//! | [`context`] | what an asset's code is told |
//!
//! It knows no backend: managers come in as trait objects, or by the URL of a [`Backend`](larder_io_core::Backend)
//! that was handed over.

pub mod args;
pub mod asset;
pub mod capacity;
#[cfg(feature = "arrow")]
pub mod cells;
pub mod check;
mod code_version;
mod config;
pub mod context;
pub mod definitions;
pub mod doctor;
pub mod event;
pub mod freshness;
pub mod graph;
pub mod home;
pub mod hook;
pub mod json;
pub mod layout;
pub mod lifecycle;
pub mod measures;
mod memory;
mod metered;
pub mod observer;
mod output_spec;
pub mod plan;
pub mod policy;
mod reference;
pub mod resource;
mod retype;
pub mod run;
pub mod selection;
#[cfg(feature = "arrow")]
mod sql;
#[cfg(feature = "arrow")]
mod table_facts;
#[cfg(feature = "arrow")]
mod told;
mod watch;

pub use args::{Args, blocking};
pub use asset::{Asset, AssetBuilder, AssetFn, CodeVersion, OutputSpec};
pub use capacity::{Advice, AssetUsage, CapacityOptions, CapacityPlan};
pub use check::{
    Check, CheckBuilder, CheckFn, CheckInfo, CheckOptions, CheckReport, CheckResult, Checked, Earlier, Severity,
};
pub use config::{
    BindingReport, ConfigReport, ManagerReport, ObserverReport, QueryReport, ResourceReport, SettingReport,
};
pub use context::AssetContext;
pub use definitions::{AssetInfo, AssetPartition, Definitions, Explanation, Pipeline};
pub use doctor::{Checkup, Diagnosis, DoctorOptions, Examination, Verdict};
pub use event::{Event, Level, Materialization, Observer, Progress};
pub use freshness::{Last, Previewed, Reason, Recompute};
pub use hook::{HookContext, Moment};
pub use layout::{DagsterLayout, HiveLayout};
pub use lifecycle::{
    BlobDifference, Copied, CopyOptions, CopyOutcome, Difference, Differs, FsckFinding, FsckOptions, FsckProblem,
    FsckReport, ObjectDifference, Place,
};
#[cfg(feature = "arrow")]
pub use lifecycle::{ColumnDifference, TableDifference};
pub use measures::{Measures, StepRecord};
pub use observer::{ObserverKind, ObserverTarget};
pub use plan::Plan;
pub use policy::{Policies, RetryPolicy, TimeoutPolicy};
pub use resource::{NoSettings, Resource, RunResource};
pub use run::{
    Executor, Limit, RunOptions, RunReport, STEP_VARIABLE, StepCommand, StepReport, StepStatus, Stop, serve_step,
};
pub use selection::{Selected, Selection};
#[cfg(feature = "arrow")]
pub use table_facts::{ColumnFacts, TableFacts};
