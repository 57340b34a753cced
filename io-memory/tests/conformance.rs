//! The laws, on memory.

use larder_io_memory::MemoryIo;

larder_testkit::conformance!(|| async { MemoryIo::new() });
