//! Buckets on fake-gcs-server, and Google's own client beside larder's.

use super::{address, unique};
use larder_io_gcs::GcsConfig;

/// Settings for a new bucket that only Google's client writes to: fake-gcs-server refuses every write of the XML interface.
pub fn config() -> GcsConfig {
    let mut config = GcsConfig::new(unique("larder"), "lake/one");
    config.endpoint = Some(address("LARDER_TEST_FAKE_GCS"));
    config.anonymous = true;
    // It knows no `?versions`.
    config.versions = false;
    config
}

/// Runs Python with Google's client; `bucket` is made and there when the code begins. Gives what it printed.
///
/// # Panics
/// When the code fails, with what it said.
pub fn google(config: &GcsConfig, code: &str) -> String {
    let begin = "import sys\n\
        from google.auth.credentials import AnonymousCredentials\n\
        from google.cloud import storage\n\
        client = storage.Client(project='larder', credentials=AnonymousCredentials(), client_options={'api_endpoint': sys.argv[1]})\n\
        bucket = client.bucket(sys.argv[2])\n\
        if not bucket.exists():\n    bucket = client.create_bucket(sys.argv[2])\n";
    let endpoint = config.endpoint.as_deref().expect("has an endpoint");
    crate::python(&format!("{begin}{code}"), &[endpoint, &config.bucket], "")
}
