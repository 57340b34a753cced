//! The laws on S3, as LocalStack and moto play it. Versioned buckets on LocalStack only: moto fails on large values there.

mod localstack {
    use larder_integration_tests::cloud::s3::fixture;
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || fixture(
        "LARDER_TEST_LOCALSTACK",
        false
    ));
}

mod localstack_versioned {
    use larder_integration_tests::cloud::s3::fixture;
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || fixture(
        "LARDER_TEST_LOCALSTACK",
        true
    ));
}

mod moto {
    use larder_integration_tests::cloud::s3::fixture;
    larder_testkit::conformance!(ignore = "needs emulators: cargo xtask test", || fixture(
        "LARDER_TEST_MOTO",
        false
    ));
}
