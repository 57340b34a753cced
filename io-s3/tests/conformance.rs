//! The laws on our own double of S3; `integration-tests` proves them on LocalStack and moto.

mod support;

mod plain {
    larder_testkit::conformance!(|| crate::support::fixture(false));
}

mod versioned {
    larder_testkit::conformance!(|| crate::support::fixture(true));
}
