//! TLS, with a certificate that is verified.

use larder_io_core::{Error, ErrorKind, Result};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Verifies servers by the system's authorities, or those in the file that SSL_CERT_FILE names. Reading them takes a while.
///
/// # Errors
/// `InvalidConfig` where there is no authority.
pub fn connector() -> Result<MakeRustlsConnect> {
    let invalid = |message: &str| Error::new(ErrorKind::InvalidConfig, message);
    let mut roots = rustls::RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(invalid(
            "there is no certificate of an authority to verify the PostgreSQL server with: install your system's package ca-certificates, or let SSL_CERT_FILE name a file",
        ));
    }
    // Named, because a program may have several providers compiled in.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid("TLS cannot be set up").with_source(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
