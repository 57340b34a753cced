//! Orders by day and week: what a script, Luigi and Airflow do in `before/`, as assets.
//!
//! ```text
//! cargo run --example coming_from                                      materializes everything below .larder beside larder.toml
//! cargo run --example coming_from -- materialize --stale               what is missing or would come out otherwise
//! cargo run --example coming_from -- show reports/customer_totals --partition 2024-03-04
//! ```
//!
//! The shop's files are read from `data`, or from the directory in `ORDERS_INBOX`.

use larder::partitions::TimePartitions;
use larder::prelude::*;
use larder::{Asset, checks};
use std::process::ExitCode;

mod dated;
mod orders;
mod rows;
mod week;

/// The days that the example has files of; a pipeline that goes on has no end.
fn days() -> TimePartitions {
    Partitioning::daily("2024-03-04").end("2024-03-11")
}

fn definitions() -> Definitions {
    let sent = Asset::external::<Table>("raw/orders")
        .description("What the shop sends of a day.")
        .io_manager("inbox")
        .partitions(days())
        .columns(rows::SentOrder::schema());
    Definitions::new()
        .config_file(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/coming_from/larder.toml"))
        .layout(dated::DatedFiles::of("raw/orders", "orders"))
        .asset(sent)
        .assets(assets![orders::clean_orders, orders::customer_totals, week::week])
        .checks([
            checks::unique("clean/orders", ["id"]).blocking(),
            checks::in_range("clean/orders", "cents", 0, 10_000_000).blocking(),
            checks::row_count_near("clean/orders", 5, 0.9),
        ])
}

fn main() -> ExitCode {
    larder::main(definitions())
}
