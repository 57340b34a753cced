//! The same week, halfway: the old pipeline still makes the days, larder makes the page of the week from its files.
//!
//! ```text
//! ORDERS_OUT=/tmp/orders python3 examples/coming_from/before/script.py 2024-03-04 2024-03-05 ..
//! ORDERS_OUT=/tmp/orders cargo run --example coming_from_halfway
//! ```

use larder::Asset;
use larder::partitions::TimePartitions;
use larder::prelude::*;
use std::process::ExitCode;

mod dated;
mod rows;
mod week;

/// The days that the example has files of; a pipeline that goes on has no end.
fn days() -> TimePartitions {
    Partitioning::daily("2024-03-04").end("2024-03-11")
}

fn definitions() -> Definitions {
    let totals = Asset::external::<Table>("reports/customer_totals")
        .description("What each customer ordered on a day, as the old pipeline writes it.")
        .io_manager("old")
        .partitions(days())
        .columns(rows::CustomerTotal::schema());
    Definitions::new()
        .config_file(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/coming_from/larder.toml"))
        .layout(dated::DatedFiles::of(
            "reports/customer_totals",
            "reports/customer_totals",
        ))
        .asset(totals)
        .assets(assets![week::week])
}

fn main() -> ExitCode {
    larder::main(definitions())
}
