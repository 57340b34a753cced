//! The laws on Delta tables on local disk.

use larder_io_delta::DeltaConfig;
use larder_io_fs::FsConfig;
use larder_testkit::Fixture;
use std::sync::Arc;

fn fixture(change: impl FnOnce(&mut DeltaConfig)) -> Fixture {
    let dir = tempfile::tempdir().expect("a directory");
    let fs = FsConfig::new(dir.path());
    let mut config = DeltaConfig::default();
    change(&mut config);
    let again = (config.clone(), fs.clone());
    let open = |config: &DeltaConfig, fs: &FsConfig| config.open(fs.open_ground().expect("opens")).expect("opens");
    Fixture::from(open(&config, &fs))
        .with_reopen(move || Arc::new(open(&again.0, &again.1)))
        .keep(dir)
}

mod overwriting {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|_| {}) });
}

mod with_small_files {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|config| config.file_bytes = 1 << 20) });
}

mod recording_changes {
    use super::*;
    larder_testkit::conformance!(|| async { fixture(|config| config.change_data_feed = true) });
}
