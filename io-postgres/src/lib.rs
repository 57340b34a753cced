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
//! | `config`, `address`, `passfile` | settings, the URL, passwords |
//! | `connect`, `pool` | connections: made, lent, cancelled |
//! | `book`, `publish`, `view` | which table has which version; the transactions that change it; views for SQL users |
//! | `types`, `times`, `numeric`, `encode`, `decode` | Arrow and binary COPY |
//! | `filter`, `read` | scans as queries |
//! | `store`, `stage`, `fill`, `versions` | the manager |
//! | `wire` | all of that for the engine that runs queries on the server |
//! | `names`, `error` | names in SQL, what refusals mean |

mod address;
mod book;
mod config;
mod connect;
mod decode;
mod encode;
mod error;
mod fill;
mod filter;
mod names;
mod numeric;
mod passfile;
mod pool;
mod publish;
mod read;
mod stage;
mod store;
mod times;
mod types;
mod versions;
mod view;
#[doc(hidden)]
pub mod wire;

pub use config::{PostgresConfig, Tls, backend};
pub use store::PostgresIo;
