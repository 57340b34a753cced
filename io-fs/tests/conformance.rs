//! The laws on local disk, for each format and way of keeping records.

use larder_io_fs::{FsConfig, RecordKeeping};
use larder_io_object::{ObjectFormat, TableFormat};
use larder_testkit::Fixture;
use std::sync::Arc;

fn fixture(change: impl FnOnce(&mut FsConfig)) -> Fixture {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = FsConfig::new(dir.path());
    change(&mut config);
    let again = config.clone();
    Fixture::from(config.open().expect("opens"))
        .with_reopen(move || Arc::new(again.open().expect("opens again")))
        .with_root(dir.path().to_owned())
        .keep(dir)
}

mod json_and_parquet {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|_| {}) });
}

mod msgpack_and_arrow {
    use super::*;
    larder_testkit::conformance!(|| async {
        fixture(|config| {
            config.object = ObjectFormat::Msgpack;
            config.table = TableFormat::Arrow;
        })
    });
}

mod arrow_without_maps {
    use super::*;
    larder_testkit::conformance!(|| async {
        fixture(|config| {
            config.table = TableFormat::Arrow;
            config.mmap = false;
        })
    });
}

mod pickle {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|config| config.object = ObjectFormat::Pickle) });
}

mod csv {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|config| config.table = TableFormat::Csv) });
}

mod ndjson {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|config| config.table = TableFormat::Ndjson) });
}

mod avro {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|config| config.table = TableFormat::Avro) });
}

mod records_in_sidecars {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|config| config.records = RecordKeeping::Sidecar) });
}

mod rows_as_parquet {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|config| config.rows_as_table = Some(1)) });
}

mod rows_as_avro {
    use super::*;
    larder_testkit::conformance!(|| async {
        fixture(|config| {
            config.rows_as_table = Some(1);
            config.table = TableFormat::Avro;
            config.object = ObjectFormat::Msgpack;
        })
    });
}

/// Every value that was loaded once is stored as Arrow next.
mod auto {
    use super::*;
    larder_testkit::conformance!(|| async {
        fixture(|config| {
            config.table = TableFormat::Auto;
            config.rows_as_table = Some(1);
            config.auto.loads = 1;
            config.auto.least_bytes = 0;
        })
    });
}
