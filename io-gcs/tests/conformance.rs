//! The laws on our own double of Google Cloud Storage; no other server has its XML interface.

mod support;

mod plain {
    larder_testkit::conformance!(|| crate::support::fixture(false));
}

mod versioned {
    larder_testkit::conformance!(|| crate::support::fixture(true));
}
