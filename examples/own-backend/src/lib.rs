//! An I/O manager of one's own: objects as JSON and blobs as they are, below one directory.
//!
//! `values/<version>` holds what one write stored and never changes; `journal` says which version of which location is
//! published. Publishing appends one line, so every version is kept for ever. Its URL is `journal:///a/directory`.

mod journal;
mod staged;
mod value;

use journal::{Journal, Line, Shelf};
use larder_io_core::{...};

/// The backend of the scheme `journal`, for `Definitions::backend`.
pub fn backend() -> Arc<dyn Backend> {
    Arc::new(JournalBackend)
}
