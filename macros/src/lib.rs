//! The attributes of larder: what a pipeline's author writes on a function to make it an asset.
//!
//! The facade `larder` exports them; the code they write names `::larder` and nothing else.
//!
//! | attribute | stands on | makes |
//! |---|---|---|
//! | [`macro@asset`] | a function | one asset, or with `outputs(..)` several |
//! | [`macro@assets`] | a function | several assets: `outputs(..)` must be there |
//! | [`macro@check`] | a function | a check of an asset |
//! | [`macro@code`] | a function, constant, static or type | a hash that `uses(..)` takes into the code version |
//! | [`macro@sql_assets`] | a folder with queries | an asset of each |
//! | [`macro@TableSchema`] | a struct | the columns of its rows, for `columns = ..` |
//!
//! | module | owns |
//! |---|---|
//! | `attribute` | the options |
//! | `function`, `parameter`, `types` | what parameters and return type ask for |
//! | `expand`, `outputs`, `check` | the code that is written |
//! | `code`, `tokens` | hashes of code |
//! | `schema` | the columns of a row |
//! | `sql` | files with queries |
//! | `names` | keys, near misses, errors |

mod attribute;
mod check;
mod code;
mod expand;
mod function;
mod names;
mod outputs;
mod parameter;
mod patience;
mod read;
mod schema;
mod sql;
mod tokens;
mod types;

use proc_macro::TokenStream;

/// Makes a function an asset.
///
/// ```text
/// use larder::prelude::*;
///
/// /// Mean departure delay by carrier.
/// #[asset(group = "reports", uses(mean))]
/// async fn carrier_delays(
///     ctx: &AssetContext,
///     #[from("clean/flights")] flights: LazyTable,
///     airlines: Table,
///     settings: &Settings,
/// ) -> Result<Table> { .. }
///
/// Definitions::new().assets(assets![carrier_delays])
/// ```
///
/// # Options
/// | option | says | otherwise |
/// |---|---|---|
/// | `key = "a/b"` | the asset's key | group and function name, `reports/carrier_delays` |
/// | `group = "reports"` | the group, and the beginning of the key | no group |
/// | `io_manager = "warehouse"` | who keeps the value | the configured or default manager |
/// | `settings(mode = "append", ..)` | settings of its I/O manager for this asset alone, by name and text as in a URL; a manager that has none is refused | the manager's |
/// | `retries = 3` | how often it is computed again when it fails; 0 for never | as the run says |
/// | `timeout = "5m"` | how long an attempt at it may take: `500ms`, `30s`, `1h 30m` | as the run says |
/// | `retention = "last 5"` | how long its versions are kept once they are replaced; also `30 days`, `last 3 or 30 days`, `forever` | as the configuration or its I/O manager says |
/// | `memory = "400MiB"` | the memory that a call needs with all it takes and makes, for runs with a memory budget | by what was stored before |
/// | `partitions = Partitioning::daily("2024-01-01")` | by what it is parted: an expression | one value |
/// | `columns = Row` | the columns of its table, a type with [`macro@TableSchema`]: held against what is stored and loaded | any |
/// | `extension = "html"` | the suffix of a Blob's location, without the dot | the manager's |
/// | `code_version = "1"` | the code version, by hand | a hash of the function |
/// | `uses(helper, stats::LIMIT)` | [`macro@code`] items and assets whose code is part of the version | the function alone |
/// | `description = ".."` | what the asset is | the doc comment, one line for each of its lines |
/// | `tags(team = "ops")` | labels; a name that is no Rust name stands in quotes | none |
/// | `outputs(a, b(key = "x/y"))` | the function makes several assets | it makes one |
///
/// # Parameters
/// | parameter | is |
/// |---|---|
/// | `flights: T` | the input `flights`: the asset of that name; `T` is an `Input`. Leading underscores do not count |
/// | `#[from("clean/flights")] rows: T` | the input of that key |
/// | `#[mapping(Mapping::Previous)] rows: T` | the partitions of it that the mapping says; otherwise those of the same name, or that share time |
/// | `#[allow_missing] rows: Partitions<T>` | partitions that nobody stored are left out; otherwise they are an error |
/// | `ctx: &AssetContext` | the logger, metadata, partition and run |
/// | `settings: &T` | the resource of type `T` |
///
/// They stand in any order. The function returns a value (an `AssetValue`), a `Result` of one, or nothing. A type is
/// taken for a `Result` when its name ends so; every error that is a `std::error::Error` or a text will do.
///
/// # Partitions
/// A function of an asset with `partitions = ..` is called for each partition, which `ctx.partition()` tells, or, when it returns
/// `Partitions<T>`, once for all of `ctx.partitions()`. An input with partitions is a value where the mapping gives one partition, and
/// `Partitions<T>`, `TableStream` or `LazyTable` (these with a column for each dimension) where it may give many.
///
/// ```text
/// #[asset(group = "reports", partitions = Partitioning::monthly("2024-01-01"))]
/// async fn monthly_delays(ctx: &AssetContext, #[from("clean/flights")] days: Partitions<Table>) -> Result<Table> { .. }
/// ```
///
/// # Several assets
/// With `outputs(..)` the function returns a tuple, in that order, or a struct whose fields have the outputs' names.
/// Every output has a key as an asset would have; in parentheses it takes `key`, `io_manager`, `extension`, `settings`, `retention` and
/// `columns`. All
/// but the key, when given for the function, hold for the outputs that have none of their own.
///
/// ```text
/// #[asset(group = "clean", outputs(flights, rejected(extension = "txt")))]
/// async fn split(raw: TableStream) -> Result<(Table, Blob)> { .. }
///
/// Definitions::new().assets(assets![split])
/// ```
///
/// # Async and blocking
/// An `async fn` is awaited; its future is `Send`. A plain `fn` runs where it may block, and need not be `Send` inside.
///
/// # Code version
/// The hash covers the parameters, the return type and the body: not the name, visibility, documentation, lint levels, words to rustfmt and Clippy,
/// comments, layout or trailing commas; of several outputs also their names and keys. What the function calls is not in it, but for what `uses(..)` names, each by
/// the path of the module where it is defined: `uses(stats::mean)`, also where `mean` is imported.
///
/// # What it writes
/// The function stays as it was and can be called. Beside it come a hidden type of the same name, which implements
/// `larder::AssetFn`, and the hash, a constant; so the module cannot have another type of the function's name.
#[proc_macro_attribute]
pub fn asset(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::asset(options.into(), item.into(), false).into()
}

/// Makes a function the maker of several assets: [`macro@asset`] where `outputs(..)` must be there.
///
/// The prelude has the macro `assets!` of the same name, and Rust imports one macro of a name; so this one is named by
/// its path, `#[larder::attributes::assets(..)]`, or imported in a module that does not need `assets!`.
#[proc_macro_attribute]
pub fn assets(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::asset(options.into(), item.into(), true).into()
}

/// Makes a function a check of an asset: it says whether a value is as it should be, before that is published.
///
/// ```text
/// /// Every carrier is known.
/// #[check(asset = "clean/flights", blocking)]
/// async fn carriers_are_known(flights: LazyTable, #[from("raw/airlines")] airlines: Table) -> Result<CheckResult> { .. }
///
/// Definitions::new().assets(assets![flights, airlines]).checks(checks![carriers_are_known])
/// ```
///
/// # Options
/// | option | says | otherwise |
/// |---|---|---|
/// | `asset = "clean/flights"` | the key of the asset | the asset that the first parameter's name finds |
/// | `blocking` | a value that does not pass is not published | it is published, and the failure is told |
/// | `severity = "warn"` | that it does not pass is only a warning, which never blocks | `"error"` |
/// | `history = 5` | how many earlier values `ctx.history()` tells of | none |
/// | `name = ".."` | the check's name | the function's |
/// | `description = ".."` | what it looks for | the doc comment |
///
/// # Parameters
/// The first one that is neither `&AssetContext` nor a resource is the value that is checked, of one partition at a time; others are further assets without partitions, as in
/// [`macro@asset`], loaded as they are published at that moment. It returns a `bool`, a `CheckResult`, or a `Result` of one. An error, and a panic, say that the check could not
/// be made: the value does not pass.
#[proc_macro_attribute]
pub fn check(options: TokenStream, item: TokenStream) -> TokenStream {
    check::check(options.into(), item.into()).into()
}

/// Makes the code of an item part of the code version of the assets that name it in `uses(..)`.
///
/// It stands on a `fn`, `const`, `static`, `struct`, `enum`, `union` or `type`, and leaves it as it is. The hash leaves
/// out what that of [`macro@asset`] does, and does not follow what the item uses in turn: list that as well.
///
/// ```text
/// #[code]
/// fn mean(values: &[f64]) -> f64 { .. }
///
/// #[asset(uses(mean))]
/// async fn delays(flights: Table) -> Result<Table> { .. }
/// ```
#[proc_macro_attribute]
pub fn code(options: TokenStream, item: TokenStream) -> TokenStream {
    code::code(options.into(), item.into()).into()
}

/// Makes an asset of each file of a folder that ends in `.sql`, in folders below it too: `sql_assets!("assets")`, a `Vec<Asset>`.
///
/// The folder is below that of `Cargo.toml`; the files are compiled in. `assets/reports/delays.sql` is the asset `reports/delays`, unless its header says
/// another key; `larder::Asset::sql_file` says what a header may say.
///
/// ```text
/// -- Mean departure delay by carrier.
/// -- io_manager: warehouse
/// select carrier, avg(dep_delay) as delay from clean.flights group by carrier
/// ```
///
/// A file that is changed is compiled in anew by itself; for one that is added or removed the build script says `println!("cargo::rerun-if-changed=assets")`.
#[proc_macro]
pub fn sql_assets(input: TokenStream) -> TokenStream {
    sql::sql_assets(input.into()).into()
}

/// Makes a struct with named fields a row: each field is a column of its name, which may be null where the field is an
/// `Option`. `#[column(name = "dep delay")]` on a field gives the column another name.
///
/// ```text
/// #[derive(TableSchema)]
/// struct Delay {
///     carrier: String,
///     mean_minutes: Option<f64>,
/// }
///
/// #[asset(columns = Delay)]
/// async fn delays(flights: Table) -> Result<Table> { .. }
/// ```
///
/// The types of fields are those that implement `larder::ColumnType`, where a table says what each becomes.
#[proc_macro_derive(TableSchema, attributes(column))]
pub fn table_schema(input: TokenStream) -> TokenStream {
    schema::table_schema(input.into()).into()
}
