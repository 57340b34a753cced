//! What a URL says, and options.

use crate::CatalogOptions;
use larder_io_core::{Error, ErrorKind, Result};
use larder_postgres::{Address, Who, Wish};
use postgres::config::SslMode;
use std::time::Duration;

/// Where tables are if nothing else is said.
pub(super) const SCHEMA: &str = "larder";
/// How long a connection may take at most.
const PATIENCE: Duration = Duration::from_secs(30);

const WHO: Who = Who {
    name: "the catalogue",
    form: "postgres://USER:PASSWORD@HOST:PORT/DATABASE",
};

/// Reads a URL. No error holds any part of it.
pub(super) fn read(url: &str, options: &CatalogOptions) -> Result<Address> {
    let config = larder_postgres::parse(url, &WHO)?;
    if options.max_bytes.is_some() {
        let message = "the size of a catalogue in PostgreSQL cannot be limited here: `max_bytes` is for files";
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    let wish = Wish {
        what: "the catalogue",
        schema: options.schema.clone().unwrap_or_else(|| SCHEMA.to_owned()),
        tls: match config.get_ssl_mode() {
            SslMode::Disable => Some(false),
            SslMode::Prefer => None,
            _ => Some(true),
        },
        connect_timeout: PATIENCE.min(options.busy_timeout.max(Duration::from_secs(1))),
        password: None,
        variable: None,
    };
    Address::new(config, &WHO, wish)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_no_part_of_a_password() {
        for bad in [
            "postgres://me:s3cret@x@h/db",
            "postgres://me:s3cret@/db",
            "mysql://me:s3cret@h/db",
        ] {
            let error = read(bad, &CatalogOptions::default()).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{bad}");
            assert!(error.message().contains("the catalogue"), "{error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{bad}: {error:?}");
        }
    }

    #[test]
    fn options_that_cannot_hold_are_refused() {
        let with = |change: &dyn Fn(&mut CatalogOptions)| {
            let mut options = CatalogOptions::default();
            change(&mut options);
            read("postgres://u@localhost/d", &options).map(|address| address.place.schema)
        };
        assert_eq!(with(&|_| {}).unwrap(), "larder");
        assert_eq!(
            with(&|it| it.schema = Some("Team \"A\"".to_owned())).unwrap(),
            "Team \"A\""
        );
        assert!(with(&|it| it.schema = Some(String::new())).is_err());
        assert!(with(&|it| it.schema = Some("x".repeat(64))).is_err());
        assert!(with(&|it| it.max_bytes = Some(1)).is_err());
    }
}
