//! SQL assets: a query whose tables are other assets. An engine parses and runs it; which asset a name means is decided here, for
//! SQL assets and for [`Pipeline::query`](crate::Pipeline::query) alike.
//!
//! | file | what it holds |
//! |---|---|
//! | `asset` | an asset whose function is a query |
//! | `file` | the same from a file with a header |
//! | `types` | columns as SQL writes them |
//! | `names` | which asset a table's name means |
//! | `choice` | which engine runs it |
//! | `parameters` | values of parameters: of the asset, the configuration, the partition |
//! | `resolve` | all of that when definitions are built: the query becomes a function |
//! | `columns` | whether a query fits the columns that are known |
//! | `ask` | queries of people |

mod ask;
mod asset;
mod choice;
mod columns;
mod file;
mod names;
mod parameters;
mod resolve;
mod types;

pub(crate) use asset::Sql;
pub(crate) use choice::Engines;
pub(crate) use columns::check_declared;
pub(crate) use resolve::resolve;
