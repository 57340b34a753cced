//! The laws on `ObjectIo` over a plain object store.

use larder_io_object::ObjectIo;
use object_store::memory::InMemory;
use std::sync::Arc;

larder_testkit::conformance!(|| async {
    ObjectIo::plain("plain", "plain:", Arc::new(InMemory::new())).expect("opens")
});
