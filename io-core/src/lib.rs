//! The contract between asset code, the executor and storage.
//!
//! A backend author implements [`IoManager`] and [`Staged`]; a pipeline author meets [`AssetValue`], [`Input`] and
//! the value types ([`Table`], [`TableStream`], [`LazyTable`], [`Blob`], [`DataRef`]). Nothing here does I/O, starts a
//! task or names a vendor.
//!
//! | module | owns |
//! |---|---|
//! | [`key`] | asset keys, partition keys, ids of runs, writes and versions |
//! | [`location`] | parsed relative addresses and the layout trait |
//! | [`value`] | the closed set of forms that crosses between code and storage |
//! | [`object`], [`blob`], [`table`] | one form each |
//! | [`input`] | what a function's parameter may be |
//! | [`manager`] | the I/O manager, its laws, versions |
//! | [`maintenance`] | leftovers, old files, small files |
//! | [`receipt`] | proof of a write, content hashes |
//! | [`mod@reference`] | values that live elsewhere, and what they point to |
//! | [`retention`] | which versions are kept |
//! | [`backend`] | schemes and URLs that open managers |
//! | [`sql`] | queries and what runs them |
//! | [`secret`] | text that is never shown; settings of a manager are read with [`ManagerUrl::settings`] |
//! | [`error`] | the one error type |

pub mod backend;
pub mod blob;
pub mod context;
pub mod duration;
pub mod error;
pub mod hash;
pub mod input;
pub mod key;
pub mod location;
pub mod maintenance;
pub mod manager;
pub mod object;
pub mod output;
pub mod python;
pub mod receipt;
pub mod reference;
pub mod retention;
pub mod secret;
mod settings;
pub mod sql;
#[cfg(feature = "arrow")]
pub mod table;
mod text;
pub mod usage;
mod userinfo;
pub mod value;

pub use async_trait::async_trait;
pub use backend::{Backend, ManagerUrl};
pub use blob::{Blob, BlobSource, ByteStream};
pub use context::{InputContext, OutputContext, Precondition};
pub use error::{Effect, Error, ErrorKind, Result, ResultExt, Retry};
pub use input::{Arity, Input, Loaded, Maybe, Partitions, Shared};
pub use key::{AssetKey, PartitionKey, RunId, Version, WriteId};
pub use location::{Layout, Location, Naming};
pub use maintenance::{Finding, Garbage, GcOptions, Maintenance, OptimizeOptions, Optimized, VacuumOptions};
pub use manager::{Capabilities, FormatChoice, IoManager, ManagerInfo, Original, Staged, Versions};
pub use object::{Native, ObjectSource};
pub use output::{Made, Output};
pub use receipt::{ContentHash, Receipt};
pub use reference::{DataRef, Latest, Pin, Pinned, Target, TargetFacts};
pub use retention::Retention;
pub use secret::Secret;
pub use settings::{Environment, from_texts, is_secret, secrets_within};
#[cfg(feature = "arrow")]
pub use sql::{EngineBackend, Query, SqlEngine};
pub use sql::{Position, Prepared, SqlValue, TableName};
#[cfg(feature = "arrow")]
pub use table::{
    AtRest, BatchStream, Bounds, ColumnType, Comparison, Fill, Filled, LazyTable, Literal, NewPlace, PartedTable,
    PlaceColumn, Predicate, Scan, Statistics, Table, TableSchema, TableSource, TableStream, Verdict, col,
};
pub use text::nearest;
pub use usage::{Buffered, Usage};
pub use value::{Access, AssetValue, Form, Forms, Value};
