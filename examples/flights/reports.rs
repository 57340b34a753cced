//! Departure delays by carrier, day and month. The reports read only the columns they need, batch by batch.

use crate::clean;
use crate::columns::column;
use arrow_array::types::Date32Type;
use arrow_array::{ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_cast::parse::Parser;
use futures_util::TryStreamExt;
use larder::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A flight is on time when it arrives at most so many minutes late.
pub(crate) const ON_TIME_MINUTES: i32 = 15;

/// What is added up over a group of flights. A flight without a delay counts as a flight only.
#[derive(Default)]
struct Tally {
    flights: i64,
    departures: i64,
    dep_delay_minutes: i64,
    arrivals: i64,
    on_time: i64,
}

impl Tally {
    fn depart(&mut self, delay: Option<i32>) {
        self.flights += 1;
        self.departures += i64::from(delay.is_some());
        self.dep_delay_minutes += i64::from(delay.unwrap_or(0));
    }

    fn arrive(&mut self, delay: Option<i32>) {
        self.arrivals += i64::from(delay.is_some());
        self.on_time += i64::from(delay.is_some_and(|minutes| minutes <= ON_TIME_MINUTES));
    }

    fn mean_dep_delay(&self) -> Option<f64> {
        (self.departures > 0).then(|| self.dep_delay_minutes as f64 / self.departures as f64)
    }

    fn on_time_share(&self) -> Option<f64> {
        (self.arrivals > 0).then(|| self.on_time as f64 / self.arrivals as f64)
    }
}

/// Each carrier's departed flights, mean departure delay in minutes, and share of arrivals at most 15 minutes late;
/// one row for each carrier, ordered by its code. A carrier that `raw/airlines` does not know has no name.
#[asset(group = "reports")]
pub(crate) async fn carrier_delays(
    ctx: &AssetContext,
    #[from("clean/flights")] flights: LazyTable,
    #[from("raw/airlines")] airlines: Table,
) -> Result<Table> {
    let mut carriers: BTreeMap<String, Tally> = BTreeMap::new();
    let mut batches = flights.select(["carrier", "dep_delay", "arr_delay"])?.stream().await?;
    while let Some(batch) = batches.try_next().await? {
        let codes = column::<StringArray>(&batch, "carrier")?;
        let departures = column::<Int32Array>(&batch, "dep_delay")?;
        let arrivals = column::<Int32Array>(&batch, "arr_delay")?;
        for ((code, departure), arrival) in codes.iter().zip(departures).zip(arrivals) {
            let Some(code) = code else { continue };
            // Not `entry`, which would make a new string for each flight.
            if !carriers.contains_key(code) {
                carriers.insert(code.to_owned(), Tally::default());
            }
            if let Some(tally) = carriers.get_mut(code) {
                tally.depart(departure);
                tally.arrive(arrival);
            }
        }
    }
    ctx.add_metadata("carriers", carriers.len());

    let airlines = airlines.to_batch()?;
    let codes = column::<StringArray>(&airlines, "carrier")?;
    let names = codes.iter().zip(column::<StringArray>(&airlines, "name")?);
    let names: HashMap<&str, &str> = names.filter_map(|(code, name)| code.zip(name)).collect();
    let named = carriers.keys().map(|code| names.get(code.as_str()).copied());
    let tallies = carriers.values();
    table([
        (
            "carrier",
            Arc::new(StringArray::from_iter_values(carriers.keys())),
            false,
        ),
        ("name", Arc::new(named.collect::<StringArray>()), true),
        ("flights", flights_of(tallies.clone()), false),
        ("mean_dep_delay_minutes", means_of(tallies.clone()), true),
        (
            "on_time_share",
            Arc::new(tallies.map(Tally::on_time_share).collect::<Float64Array>()),
            true,
        ),
    ])
}

/// Each day's departed flights and mean departure delay in minutes, by the scheduled local date; one row for each day
/// with a flight, ordered by date.
#[asset(group = "reports")]
pub(crate) async fn daily_delays(#[from("clean/flights")] flights: LazyTable) -> Result<Table> {
    let mut days: BTreeMap<(i32, i32, i32), Tally> = BTreeMap::new();
    let mut batches = flights.select(["year", "month", "day", "dep_delay"])?.stream().await?;
    while let Some(batch) = batches.try_next().await? {
        let years = column::<Int32Array>(&batch, "year")?.values();
        let months = column::<Int32Array>(&batch, "month")?.values();
        let days_of_month = column::<Int32Array>(&batch, "day")?.values();
        let delays = column::<Int32Array>(&batch, "dep_delay")?;
        for (((year, month), day), delay) in years.iter().zip(months).zip(days_of_month).zip(delays) {
            days.entry((*year, *month, *day)).or_default().depart(delay);
        }
    }
    let dates = days.keys().map(|day| date32(*day)).collect::<Result<Vec<i32>>>()?;
    table([
        ("date", Arc::new(Date32Array::from(dates)), false),
        ("flights", flights_of(days.values()), false),
        ("mean_dep_delay_minutes", means_of(days.values()), true),
    ])
}

/// Each month's departed flights and mean departure delay in minutes; one row.
#[asset(
    group = "reports",
    partitions = Partitioning::monthly("2013-01-01").time_zone("America/New_York").end("2014-01-01"),
)]
pub(crate) async fn monthly_delays(#[from("clean/flights")] days: Partitions<LazyTable>) -> Result<Table> {
    let mut tally = Tally::default();
    for day in days.into_map().into_values() {
        let mut batches = day.select(["dep_delay"])?.stream().await?;
        while let Some(batch) = batches.try_next().await? {
            column::<Int32Array>(&batch, "dep_delay")?
                .iter()
                .for_each(|delay| tally.depart(delay));
        }
    }
    table([
        ("flights", flights_of([&tally].into_iter()), false),
        ("mean_dep_delay_minutes", means_of([&tally].into_iter()), true),
    ])
}

/// How many flights departed this year, up to and including each day: those of the day, and the total of the day before.
#[asset(group = "reports", partitions = clean::days())]
pub(crate) async fn running_total(
    #[from("clean/flights")] today: LazyTable,
    #[mapping(Mapping::Previous)] running_total: Maybe<u64>,
) -> Result<u64> {
    Ok(running_total.into_option().unwrap_or(0) + today.count().await?)
}

fn table<const N: usize>(columns: [(&str, ArrayRef, bool); N]) -> Result<Table> {
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?.into())
}

fn flights_of<'a>(tallies: impl Iterator<Item = &'a Tally>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(tallies.map(|tally| tally.flights)))
}

fn means_of<'a>(tallies: impl Iterator<Item = &'a Tally>) -> ArrayRef {
    Arc::new(tallies.map(Tally::mean_dep_delay).collect::<Float64Array>())
}

fn date32((year, month, day): (i32, i32, i32)) -> Result<i32> {
    let text = format!("{year:04}-{month:02}-{day:02}");
    Date32Type::parse(&text).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidData,
            format!("clean/flights has a flight on {text}, which is no date"),
        )
    })
}
