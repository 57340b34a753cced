//! The laws, on a shelf.

larder_testkit::conformance!(|| async { larder_io_shelf::ShelfIo::empty() });
