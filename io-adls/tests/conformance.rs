//! The laws on our own double of Azure.

mod support;

mod plain {
    use super::support::{Kind, fixture};
    larder_testkit::conformance!(|| fixture(Kind::Plain));
}

mod versioned {
    use super::support::{Kind, fixture};
    larder_testkit::conformance!(|| fixture(Kind::Versioned));
}

mod hierarchical {
    use super::support::{Kind, fixture};
    larder_testkit::conformance!(|| fixture(Kind::Hierarchical));
}
