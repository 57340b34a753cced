//! Tables of TPC-H, made on the spot. They are streams: none is in memory as a whole.

use arrow_array::RecordBatchReader;
use futures_util::stream;
use larder::prelude::*;
use tpchgen::generators::{CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator};
use tpchgen_arrow::{CustomerArrow, LineItemArrow, NationArrow, OrderArrow};

/// In TPC-H's scale factors.
#[code]
const SCALE: f64 = 0.01;

fn scale() -> Result<f64> {
    match std::env::var("WAREHOUSE_SCALE") {
        Err(_) => Ok(SCALE),
        Ok(text) => text.parse().map_err(|_| {
            let message = format!("WAREHOUSE_SCALE is a number, such as 0.1, not `{text}`");
            Error::new(ErrorKind::InvalidConfig, message)
        }),
    }
}

fn streamed(reader: impl RecordBatchReader + Send + 'static) -> TableStream {
    let schema = reader.schema();
    TableStream::new(schema, stream::iter(reader.map(|batch| Ok(batch?))))
}

/// The nations.
#[asset(group = "raw")]
pub(crate) fn nation() -> Result<TableStream> {
    Ok(streamed(NationArrow::new(NationGenerator::default())))
}

/// Who orders.
#[asset(group = "raw", uses(SCALE))]
pub(crate) fn customer() -> Result<TableStream> {
    Ok(streamed(CustomerArrow::new(CustomerGenerator::new(scale()?, 1, 1))))
}

/// What was ordered when, and for how much.
#[asset(group = "raw", uses(SCALE))]
pub(crate) fn orders() -> Result<TableStream> {
    Ok(streamed(OrderArrow::new(OrderGenerator::new(scale()?, 1, 1))))
}

/// The lines of orders.
#[asset(group = "raw", uses(SCALE))]
pub(crate) fn lineitem() -> Result<TableStream> {
    Ok(streamed(LineItemArrow::new(LineItemGenerator::new(scale()?, 1, 1))))
}
