//! Executor, backends and formats together, on real processes and readers.
