//! Tables in PostgreSQL as an I/O manager: binary COPY both ways, streamed.
//!
//! [`PostgresIo`] writes each value into a table of its own, in one transaction; publishing is another transaction, which says in
//! the bookkeeping table `larder_values` which table is the value now. So a reader sees one version whole, a writer waits for no
//! reader, and old versions are there until retention drops their tables. SQL users read a view named after the asset.
//!
//! It takes tables only, and keeps every law. Types that PostgreSQL has keep their meaning there; nanoseconds and durations
//! are counts; what cannot come back exactly is refused. Its URL is `postgres://user@host/database?schema=analytics`.
//!
//! | module | owns |
//! |---|---|
//! | `config`, `address` | settings, the URL |
//! | `pool` | connections that are lent |
//! | `book`, `format` | which table has which version, and the table that says so |
//! | `stage`, `staged` | a table that nobody sees yet: made and filled in one transaction; published or discarded |
//! | `fill` | the same, where a query of the server makes the table itself |
//! | `publish`, `view`, `sweep` | the transactions that change what is published; views for SQL users; tables that go |
//! | `copy`, `types`, `times`, `numeric`, `encode`, `decode` | Arrow and binary COPY |
//! | `filter`, `read` | scans as queries |
//! | `store`, `versions` | the manager |
//! | `wire` | all of that for the engine that runs queries on the server |
//! | `names`, `error` | names in SQL, what refusals mean |

mod address;
mod book;
mod config;
mod copy;
mod decode;
mod encode;
mod error;
mod fill;
mod filter;
mod format;
mod names;
mod numeric;
mod pool;
mod publish;
mod read;
mod stage;
mod staged;
mod store;
mod sweep;
mod times;
mod types;
mod versions;
mod view;
#[doc(hidden)]
pub mod wire;

pub use config::{PostgresConfig, Tls, backend};
pub use store::PostgresIo;
