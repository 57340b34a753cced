//! An in-process I/O manager that keeps values by reference.
//!
//! [`MemoryIo`] publishes by swapping an [`Arc`](std::sync::Arc): a native object, a table that is in memory and bytes
//! are kept as they are, never encoded and never copied. What is read once is collected first: a stream of batches
//! into a table, a stream of bytes into one buffer.
//!
//! It keeps every law but those of storage that outlives a process: nothing is durable, persistent or verified.
//! Its URL is `memory:`, with `?history=3` for other than five versions of each value.
//!
//! ```
//! # use larder_io_core::{AssetValue, IoManager, OutputContext, Form, Result};
//! # use larder_io_memory::MemoryIo;
//! # async fn doc() -> Result<()> {
//! let memory = MemoryIo::new();
//! let ctx = OutputContext::new("answer".parse()?, None, "answer".parse()?);
//! memory.handle_output(&ctx, &42_u8.into_value()).await?;
//! let value = memory.load_input(&ctx.to_input(Form::Object)).await?;
//! assert_eq!(u8::from_value(value).await?, 42);
//! # Ok(())
//! # }
//! ```

mod config;
mod shelf;
mod stage;
mod store;

pub use config::{MemoryConfig, backend};
pub use store::MemoryIo;
