//! SQL assets in a cluster of Apache Spark, through Spark Connect: queries that the cluster runs, where its data is.
//!
//! [`SparkEngine`] is the engine; below it is a client that stands by itself.
//!
//! [`Spark`] is a server, [`Session`] what one query runs in: its views, its settings, its values. The cluster reads and writes files itself;
//! rows come to the client only when they are asked for ([`Session::rows`]).
//!
//! A query has succeeded only when the server said so, in words: its `ResultComplete`. A stream that ends without it is taken up where it
//! was. What a query wrote counts only with its own evidence: [`Session::write_parquet`].
//!
//! | file | what it holds |
//! |---|---|
//! | `engine`, `config` | the engine of SQL assets, and how it is handed over |
//! | `inputs`, `cast`, `answer` | tables as the cluster reads them; casts to declared columns; the result: scanned, or written into a place |
//! | `address`, `settings` | where a server is, and how to deal with it |
//! | `connect` | the server, and calls that are tried again |
//! | `session` | what a query runs in |
//! | `operation` | one query or command at the server, until it is done, was refused, or is given up |
//! | `rows` | Arrow batches out of what the server sends |
//! | `write`, `evidence` | files that the cluster writes, and the evidence for them |
//! | `files` | files as a view |
//! | `sql` | a query's text and its values |
//! | `types` | Arrow's types and Spark's |
//! | `error`, `refusal` | what Spark's refusals mean |

mod address;
mod answer;
mod cast;
mod config;
mod connect;
mod engine;
mod error;
mod evidence;
mod files;
mod inputs;
mod operation;
mod refusal;
mod rows;
mod session;
mod settings;
mod sql;
mod types;
mod write;

pub use address::Address;
pub use config::backend;
pub use connect::Spark;
pub use engine::SparkEngine;
pub use files::Files;
pub use rows::Rows;
pub use session::Session;
pub use settings::Settings;
pub use sql::Sql;
pub use types::{arrow_schema, spark_schema};
pub use write::{Compression, File, Target, Written};
