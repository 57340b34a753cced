//! Small metrics of a large table that never moves.
//!
//! Somebody else keeps `events` in a lake. Here only a reference to it is stored; the metrics open it through that reference and read two of its
//! columns. When the lake changes, the reference says so instead of giving other rows.
//!
//! ```text
//! cargo run --example hybrid                          makes the lake where there is none, then everything
//! cargo run --example hybrid -- show lake/events      the first rows of what the reference points to
//! cargo run --example hybrid -- show quality/metrics
//! ```
//!
//! The lake is below `HYBRID_LAKE`, else `target/hybrid-lake`.

mod lake;
mod pipeline;

use std::process::ExitCode;

fn main() -> ExitCode {
    let root = lake::root();
    if !lake::events(&root).exists()
        && let Err(error) = lake::make(&root)
    {
        eprintln!("the lake cannot be made: {error}");
        return ExitCode::FAILURE;
    }
    larder::main(pipeline::definitions(&root))
}
