//! The macro in its forms, as a stranger writes it.

mod plain {
    larder_testkit::conformance!(|| async { larder_io_memory::MemoryIo::new() });
}

mod skipped {
    larder_testkit::conformance!(
        ignore = "shows how a check that needs a server is skipped",
        async || { larder_testkit::Fixture::from(larder_io_memory::MemoryIo::new()) }
    );
}
