//! The rows of the reports, as the page uses them.

use crate::columns::column;
use arrow_array::{Date32Array, Float64Array, Int64Array, StringArray};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use larder::prelude::*;

/// A row of `reports/carrier_delays`; a carrier without a known name has its code as name.
pub(crate) struct Carrier {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) flights: i64,
    pub(crate) minutes: Option<f64>,
    pub(crate) on_time_share: Option<f64>,
}

/// A row of `reports/daily_delays`.
pub(crate) struct Day {
    pub(crate) date: Date,
    pub(crate) flights: i64,
    pub(crate) minutes: f64,
}

/// Reads `reports/carrier_delays`, in its order.
///
/// # Errors
/// `InvalidData` when it does not have the columns of that report.
pub(crate) fn carriers(table: &Table) -> Result<Vec<Carrier>> {
    let batch = table.to_batch()?;
    let codes = column::<StringArray>(&batch, "carrier")?
        .iter()
        .map(Option::unwrap_or_default);
    let names = column::<StringArray>(&batch, "name")?.iter();
    let flights = column::<Int64Array>(&batch, "flights")?.values();
    let minutes = column::<Float64Array>(&batch, "mean_dep_delay_minutes")?.iter();
    let shares = column::<Float64Array>(&batch, "on_time_share")?.iter();
    let rows = codes.zip(names).zip(flights).zip(minutes).zip(shares);
    let rows = rows.map(|((((code, name), flights), minutes), on_time_share)| Carrier {
        code: code.to_owned(),
        name: name.unwrap_or(code).to_owned(),
        flights: *flights,
        minutes,
        on_time_share,
    });
    Ok(rows.collect())
}

/// Reads `reports/daily_delays`, in its order, without the days that have no mean.
///
/// # Errors
/// `InvalidData` when it does not have the columns of that report; `AssetFailed` for a date out of range.
pub(crate) fn days(table: &Table) -> Result<Vec<Day>> {
    let batch = table.to_batch()?;
    let dates = column::<Date32Array>(&batch, "date")?.values();
    let flights = column::<Int64Array>(&batch, "flights")?.values();
    let minutes = column::<Float64Array>(&batch, "mean_dep_delay_minutes")?.iter();
    let mut rows = Vec::with_capacity(batch.num_rows());
    for ((since_1970, flights), minutes) in dates.iter().zip(flights).zip(minutes) {
        let Some(minutes) = minutes else { continue };
        let date = date(1970, 1, 1).checked_add(since_1970.days());
        rows.push(Day {
            date: date.context("a date of reports/daily_delays")?,
            flights: *flights,
            minutes,
        });
    }
    Ok(rows)
}
