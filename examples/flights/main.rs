//! Every flight that left New York in 2013: how late it was, by carrier and by day.
//!
//! Five published files become typed tables (`raw/`), the flights are cleaned and parted by day (`clean/`), and
//! reports, a quality record and a web page are made of them. The asset functions only say what they compute;
//! where each value is kept, and as what, is decided elsewhere.
//!
//! ```text
//! cargo run --release --example flights                    materializes everything under .larder/storage
//! cargo run --release --example flights -- show reports/carrier_delays
//! cargo run --release --example flights -- graph
//! ```
//!
//! The data is read from `examples/flights/data`, or from the directory in `LARDER_FLIGHTS_DATA`.

use larder::prelude::*;
use std::process::ExitCode;

mod chart;
mod clean;
mod columns;
mod csv;
mod page;
mod quality;
mod raw;
mod reports;
mod rows;
mod summary;

fn definitions() -> Definitions {
    Definitions::new().assets(assets![
        raw::flights,
        raw::airlines,
        raw::planes,
        raw::airports,
        raw::weather,
        clean::flights,
        reports::carrier_delays,
        reports::daily_delays,
        reports::monthly_delays,
        reports::running_total,
        quality::flights,
        summary::summary,
    ])
}

fn main() -> ExitCode {
    larder::main(definitions())
}
