//! SQL assets on a PostgreSQL server, in its dialect.
//!
//! [`PostgresEngine`] reads tables that larder's PostgreSQL manager keeps on the same server where they are, and has the server write the
//! result into a new table of that manager: `create table as`, which the manager then publishes like anything else it staged. No row leaves the
//! server. Tables that are elsewhere are copied into temporary ones first; a result that goes elsewhere is streamed.
//!
//! Its URL is that of the manager: `postgres://user@host/database`.
//!
//! | module | owns |
//! |---|---|
//! | `engine` | the engine: parse, plan, execute |
//! | `config` | the address, and how it is handed over |
//! | `bind` | values of parameters |
//! | `inputs` | tables as the server reads them |
//! | `columns` | what the result has, and the casts to what is declared |
//! | `answer` | the result: scanned, or filled into a place |
//! | `error` | what the server says of a query, at the place in the user's text |

mod answer;
mod bind;
mod columns;
mod config;
mod engine;
mod error;
mod inputs;

pub use config::backend;
pub use engine::PostgresEngine;
