//! Durable local-disk storage for larder: fsync, atomic publish, history and memory maps.
