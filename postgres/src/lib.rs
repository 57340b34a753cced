//! The way to a PostgreSQL server: its address, the password, TLS, the session, and what its refusals mean.
//!
//! It knows nothing of what is kept there. Whoever does gives its own words for what it refuses ([`Words`]); no error, no place
//! and no `Debug` has any part of a password.
//!
//! | module | owns |
//! |---|---|
//! | `address`, `passfile` | a URL as servers to try, each with its password |
//! | `connect`, `tls`, `session` | connections: made, set up, cancelled |
//! | `error` | what refusals mean |
//! | `names` | names and texts in SQL |

mod address;
mod connect;
mod error;
mod names;
mod passfile;
mod session;
mod tls;

pub use address::{Address, Variables, Who, Wish, parse};
pub use connect::{Connection, Connector};
pub use error::{Fault, Meaning, Outcome, Place, Words};
pub use names::{MAX_NAME, literal, quoted};
pub use session::{check_encoding, settings};
pub use tls::connector;
pub use tokio_postgres_rustls::MakeRustlsConnect;
