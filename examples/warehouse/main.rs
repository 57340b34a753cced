//! A warehouse: what customers order, in aggregates and segments, computed by SQL over generated data of TPC-H.
//!
//! The tables below `raw/` are made on the spot. Everything else are queries, a file each below `assets`: their tables are other assets, and what they
//! say at their top is what an asset of a function says in its attribute.
//!
//! ```text
//! cargo run --release --features datafusion --example warehouse
//! cargo run --release --features datafusion --example warehouse -- show customers/segments
//! cargo run --release --features datafusion --example warehouse -- explain customers/segments --query-plan
//! ```
//!
//! `WAREHOUSE_SCALE` is the size, in TPC-H's scale factors: 0.01 without, 1 is 1.5 million orders.

use larder::prelude::*;
use std::process::ExitCode;

mod tables;

fn definitions() -> Definitions {
    Definitions::new()
        .assets(assets![
            tables::nation,
            tables::customer,
            tables::orders,
            tables::lineitem
        ])
        .assets(sql_assets!("examples/warehouse/assets"))
}

fn main() -> ExitCode {
    larder::main(definitions())
}
