//! Behind every policy a manager keeps the laws it kept before.

use larder_executor::policy::{Policies, assemble, assemble_by_default};
use larder_io_memory::MemoryIo;
use larder_testkit::Fixture;
use std::sync::Arc;

mod with_every_policy {
    use super::*;

    larder_testkit::conformance!(|| async {
        Fixture::new(assemble(
            Arc::new(MemoryIo::new()),
            "memory",
            &Policies::default().with_max_concurrent(2),
        ))
    });
}

mod with_context_only {
    use super::*;

    larder_testkit::conformance!(|| async {
        Fixture::new(assemble_by_default(Arc::new(MemoryIo::new()), "memory", None))
    });
}
