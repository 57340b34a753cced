//! How a session is set up.

use crate::error::Place;
use crate::names::quoted;
use larder_io_core::{Error, ErrorKind, Result};
use std::time::Duration;

/// A transaction whose client says nothing for so long is given up by the server, and with it its locks.
const IDLE: Duration = Duration::from_secs(60);

/// The statements that set a session up; the last row of their answer is the encoding, for [`check_encoding`].
///
/// A role or a database may have set all of it otherwise. A stricter `synchronous_commit` stays.
pub fn settings(search_path: &str, lock_timeout: Duration, writes: bool) -> String {
    format!(
        "SET search_path = {}; SET standard_conforming_strings = on;
         SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};
         SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = {};
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply';
         SHOW server_encoding",
        quoted(search_path),
        lock_timeout.as_millis().clamp(1, 1 << 30),
        IDLE.as_millis(),
        if writes { "off" } else { "on" },
    )
}

/// Whether every text can be kept.
///
/// # Errors
/// `InvalidConfig` for any encoding but UTF8.
pub fn check_encoding(found: Option<&str>, place: &Place) -> Result<()> {
    if found == Some("UTF8") {
        return Ok(());
    }
    let message = format!(
        "{place} is in a database whose encoding is {}: it needs one with UTF8",
        found.unwrap_or("unknown")
    );
    Err(Error::new(ErrorKind::InvalidConfig, message))
}
