#![doc = include_str!("../README.md")]

pub use larder_catalog as catalog;
pub use larder_executor::capacity::{Advice, AssetUsage, CapacityOptions, CapacityPlan};
/// Ready-made checks of tables.
#[cfg(feature = "arrow")]
pub use larder_executor::check::table as checks;
pub use larder_executor::check::{
    Check, CheckBuilder, CheckFn, CheckInfo, CheckOptions, CheckReport, CheckResult, Checked, Earlier, Severity,
};
pub use larder_executor::policy::{Policies, RetryPolicy, TimeoutPolicy};
pub use larder_executor::{
    Asset, AssetBuilder, AssetContext, AssetFn, AssetInfo, AssetPartition, BindingReport, BlobDifference, Checkup,
    CodeVersion, ConfigReport, Copied, CopyOptions, CopyOutcome, DagsterLayout, Diagnosis, Difference, Differs,
    DoctorOptions, Event, Examination, Executor, Explanation, FsckFinding, FsckOptions, FsckProblem, FsckReport,
    HiveLayout, HookContext, Level, Limit, ManagerReport, Materialization, Moment, NoSettings, ObjectDifference,
    Observer, ObserverKind, ObserverReport, ObserverTarget, OutputSpec, Pipeline, Place, Plan, Previewed, Progress,
    QueryReport, Reason, Recompute, Resource, ResourceReport, RunOptions, RunReport, RunResource, STEP_VARIABLE,
    Selection, SettingReport, StepCommand, StepReport, StepStatus, Stop, Verdict, capacity, doctor, graph,
};
#[cfg(feature = "arrow")]
pub use larder_executor::{ColumnDifference, TableDifference};
pub use larder_io_core::*;
#[cfg(feature = "arrow")]
pub use larder_macros::TableSchema;
#[cfg(feature = "arrow")]
pub use larder_macros::sql_assets;
pub use larder_macros::{asset, check, code};
pub use larder_partitions as partitions;
pub use larder_partitions::{
    DimensionMapping, IntoPartitioning, Keyspace, Mapping, PartitionSet, Partitioning, TimeWindow,
};

mod definitions;
mod open;
#[cfg(feature = "memory")]
pub mod testing;

/// Observers of runs that are compiled in; they are handed over in [`RunOptions::observers`].
#[cfg(feature = "observe")]
pub use larder_observe as observe;

#[cfg(feature = "cli")]
pub use definitions::main;
pub use definitions::{Definitions, definitions, serve_step};
pub use open::{Larder, Load};

/// Backends that are compiled in, by name.
pub mod backends {
    #[cfg(feature = "adls-lean")]
    pub use larder_io_adls as adls;
    #[cfg(feature = "delta")]
    pub use larder_io_delta as delta;
    #[cfg(feature = "fs")]
    pub use larder_io_fs as fs;
    #[cfg(feature = "gcs-lean")]
    pub use larder_io_gcs as gcs;
    #[cfg(feature = "memory")]
    pub use larder_io_memory as memory;
    #[cfg(feature = "postgres")]
    pub use larder_io_postgres as postgres;
    #[cfg(feature = "s3-lean")]
    pub use larder_io_s3 as s3;
}

/// Engines that are compiled in, by name.
pub mod engines {
    #[cfg(feature = "datafusion")]
    pub use larder_engine_datafusion as datafusion;
    #[cfg(feature = "engine-postgres")]
    pub use larder_engine_postgres as postgres;
    #[cfg(feature = "engine-spark")]
    pub use larder_engine_spark as spark;
}

/// Frames of other libraries that are compiled in, by name.
#[cfg(feature = "polars")]
pub mod frames {
    pub use larder_frames_polars as polars;
}

/// Attributes whose names would collide with a macro in the prelude.
pub mod attributes {
    pub use larder_macros::assets;
}

/// Everything that asset code uses: `use larder::prelude::*;`.
pub mod prelude {
    pub use crate::{
        AssetContext, AssetKey, AssetValue, Blob, CheckResult, DataRef, Definitions, DimensionMapping, Error,
        ErrorKind, Mapping, Maybe, PartitionKey, Partitioning, Partitions, Resource, Result, ResultExt, Shared, asset,
        assets, check, checks, code,
    };
    #[cfg(feature = "arrow")]
    pub use crate::{LazyTable, Table, TableSchema, TableStream, sql_asset, sql_assets};
    #[cfg(feature = "polars")]
    pub use larder_frames_polars::{Frame, IntoFrame, IntoTable};
}

/// Lists assets for [`Definitions::assets`]: `assets![flights, reports::carrier_delays]`.
#[macro_export]
macro_rules! assets {
    ($($asset:ty),* $(,)?) => { ::std::vec![$(<$asset as $crate::AssetFn>::asset()),*] };
}

/// Makes the asset of a query, for [`Definitions::asset`]: key, query, and what [`AssetBuilder`] has methods for.
///
/// ```
/// # use larder::prelude::*;
/// # #[derive(TableSchema)]
/// # struct Total { customer: i64, total: f64 }
/// let totals = sql_asset!(
///     "reports/customer_totals",
///     "select customer, sum(amount) as total from raw.transactions where amount >= $least group by customer",
///     parameters(least = 100),
///     columns = Total,
///     retention = "last 5",
/// );
/// ```
///
/// [`AssetBuilder::sql`] says how tables are named and which parameters there are. Beside the names of methods there are `parameters(name = value, ..)`,
/// `tags(name = value, ..)` and `settings(name = value, ..)`; `columns` is a type with [`TableSchema`], `timeout` a [`Duration`](std::time::Duration).
#[cfg(feature = "arrow")]
#[macro_export]
macro_rules! sql_asset {
    ($key:expr, $query:expr $(,)?) => { $crate::Asset::builder($key).sql($query) };
    ($key:expr, $query:expr, $($options:tt)+) => {
        $crate::__sql_asset!($crate::Asset::builder($key); $query; $($options)+)
    };
}

/// The options of [`sql_asset!`], one by one. Not for people.
#[cfg(feature = "arrow")]
#[doc(hidden)]
#[macro_export]
macro_rules! __sql_asset {
    ($builder:expr; $query:expr; $(,)?) => { $builder.sql($query) };
    ($builder:expr; $query:expr; parameters($($name:ident = $value:expr),* $(,)?) $(, $($rest:tt)*)?) => {
        $crate::__sql_asset!($builder$(.parameter(::core::stringify!($name), $value))*; $query; $($($rest)*)?)
    };
    ($builder:expr; $query:expr; tags($($name:ident = $value:expr),* $(,)?) $(, $($rest:tt)*)?) => {
        $crate::__sql_asset!($builder$(.tag(::core::stringify!($name), $value))*; $query; $($($rest)*)?)
    };
    ($builder:expr; $query:expr; settings($($name:ident = $value:expr),* $(,)?) $(, $($rest:tt)*)?) => {
        $crate::__sql_asset!($builder$(.setting(::core::stringify!($name), $value))*; $query; $($($rest)*)?)
    };
    ($builder:expr; $query:expr; columns = $row:ty $(, $($rest:tt)*)?) => {
        $crate::__sql_asset!($builder.columns(<$row as $crate::TableSchema>::schema()); $query; $($($rest)*)?)
    };
    ($builder:expr; $query:expr; $option:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__sql_asset!($builder.$option($value); $query; $($($rest)*)?)
    };
}

/// Lists checks for [`Definitions::checks`]: `checks![carriers_are_known, flights::no_gaps]`.
#[macro_export]
macro_rules! checks {
    ($($check:ty),* $(,)?) => { ::std::vec![$(<$check as $crate::CheckFn>::check()),*] };
}

/// What the attribute's code calls. Not for people.
#[doc(hidden)]
pub mod __private {
    pub use larder_executor::{Args, blocking};
    #[cfg(feature = "arrow")]
    pub use larder_io_core::table::derived::*;
}

/// Its code runs with the documentation's tests.
#[cfg(all(doctest, feature = "memory", feature = "arrow"))]
#[doc = include_str!("../docs/guides/resources.md")]
mod guide_of_resources {}
