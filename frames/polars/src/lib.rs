//! Polars frames as assets: an asset returns a [`Frame`] or takes one, and tables become frames and back.
//!
//! ```text
//! #[asset]
//! async fn late(flights: Frame) -> Result<Frame, PolarsError> {
//!     let late = flights.column("delay")?.i64()?.gt(15);
//!     Ok(flights.filter(&late)?.into())
//! }
//! ```
//!
//! Every value passes exactly: nulls, NaN, moments with unit and zone, words of an `Enum` in their order. A column whose type
//! the other side does not have is refused by its name. [`Frame`] says which type becomes which.
//!
//! Numbers, moments, texts and bytes are shared with Arrow's buffers and not copied; what is copied says [`IntoFrame`].

mod builder;
mod convert;
mod dictionary;
mod frame;
mod from_arrow;
mod memory;
mod metadata;
mod source;
mod to_arrow;
mod types;

pub use convert::{IntoFrame, IntoTable};
pub use frame::Frame;
pub use polars_core::{self, frame::DataFrame};
