//! The published files as they are. A column in which the publisher wrote `NA` stays text, because what a missing value
//! means is for `clean/` to say; every other column has its type, and none is nullable.

use crate::csv::{self, Columns};
use arrow_schema::DataType::{Float64, Int32, Utf8};
use larder::prelude::*;

const FLIGHTS: &Columns = &[
    ("year", Int32),
    ("month", Int32),
    ("day", Int32),
    ("dep_time", Utf8),
    ("sched_dep_time", Int32),
    ("dep_delay", Utf8),
    ("arr_time", Utf8),
    ("sched_arr_time", Int32),
    ("arr_delay", Utf8),
    ("carrier", Utf8),
    ("flight", Int32),
    ("tailnum", Utf8),
    ("origin", Utf8),
    ("dest", Utf8),
    ("air_time", Utf8),
    ("distance", Int32),
    ("hour", Int32),
    ("minute", Int32),
    ("time_hour", Utf8),
];

const AIRLINES: &Columns = &[("carrier", Utf8), ("name", Utf8)];

const PLANES: &Columns = &[
    ("tailnum", Utf8),
    ("year", Utf8),
    ("type", Utf8),
    ("manufacturer", Utf8),
    ("model", Utf8),
    ("engines", Int32),
    ("seats", Int32),
    ("speed", Utf8),
    ("engine", Utf8),
];

const AIRPORTS: &Columns = &[
    ("faa", Utf8),
    ("name", Utf8),
    ("lat", Float64),
    ("lon", Float64),
    ("alt", Int32),
    ("tz", Int32),
    ("dst", Utf8),
    ("tzone", Utf8),
];

const WEATHER: &Columns = &[
    ("origin", Utf8),
    ("year", Int32),
    ("month", Int32),
    ("day", Int32),
    ("hour", Int32),
    ("temp", Utf8),
    ("dewp", Utf8),
    ("humid", Utf8),
    ("wind_dir", Utf8),
    ("wind_speed", Utf8),
    ("wind_gust", Utf8),
    ("precip", Float64),
    ("pressure", Utf8),
    ("visib", Float64),
    ("time_hour", Utf8),
];

/// Every flight scheduled to leave JFK, LaGuardia or Newark in 2013, one row each, in published order. Clock times are
/// local `hhmm`, delays and `air_time` minutes, `distance` miles, `time_hour` the scheduled hour in UTC.
#[asset(group = "raw")]
pub(crate) async fn flights() -> Result<TableStream> {
    csv::stream("flights.csv.gz", FLIGHTS)
}

/// The carriers' two-letter codes and names.
#[asset(group = "raw")]
pub(crate) async fn airlines() -> Result<Table> {
    csv::table("airlines.csv", AIRLINES)
}

/// The planes by tail number: year built, maker, engines, seats.
#[asset(group = "raw")]
pub(crate) async fn planes() -> Result<Table> {
    csv::table("planes.csv", PLANES)
}

/// The airports by FAA code: place in degrees, altitude in feet, offset from UTC in hours, time zone.
#[asset(group = "raw")]
pub(crate) async fn airports() -> Result<Table> {
    csv::table("airports.csv", AIRPORTS)
}

/// The weather of each hour at the three origins: degrees Fahrenheit, miles per hour, inches, millibars, miles.
#[asset(group = "raw")]
pub(crate) async fn weather() -> Result<Table> {
    csv::table("weather.csv", WEATHER)
}
