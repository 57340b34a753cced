//! What a URL and its settings say.

use crate::config::PostgresConfig;
use larder_io_core::{ManagerUrl, Result};
use larder_postgres::{Address, Who, Wish};

const WHO: Who = Who {
    name: "the PostgreSQL manager",
    form: "postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=SCHEMA",
};

/// Looks at an address before anything else does, whose words might show a part of it.
pub(crate) fn check(address: &str) -> Result<&str> {
    let rest = address.strip_prefix("//").unwrap_or(address);
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    if rest.matches('@').count() != authority.matches('@').count() || authority.matches('@').count() > 1 {
        return Err(WHO.invalid("it has an `@` that is no end of a user and password"));
    }
    if rest.contains(['?', '#']) {
        return Err(WHO.invalid("it has a `?` or `#` within its address"));
    }
    match authority.split_once('@') {
        Some((user, _)) if !user.is_empty() && !user.starts_with(':') => Ok(rest),
        _ => Err(WHO.invalid("it names no user")),
    }
}

/// Reads an address and its settings. No error holds any part of the address.
pub(crate) fn read(config: &PostgresConfig, url: Option<&ManagerUrl>) -> Result<Address> {
    let rest = check(config.address.expose())?;
    let mut server = larder_postgres::parse(&format!("postgres://{rest}"), &WHO)?;
    if let Some(host) = &config.host {
        if !server.get_hosts().is_empty() {
            return Err(WHO.invalid("it names a host, and so does the setting `host`"));
        }
        server.host(host);
    }
    if let Some(port) = config.port {
        if !server.get_ports().is_empty() {
            return Err(WHO.invalid("it names a port, and so does the setting `port`"));
        }
        server.port(port);
    }
    let variable = |name: &str| match url {
        Some(url) => url.variable(name),
        None => std::env::var(name).ok().filter(|value| !value.is_empty()),
    };
    let wish = Wish {
        what: "",
        schema: config.schema.clone(),
        tls: config.sslmode.wants_tls(),
        connect_timeout: config.connect_timeout,
        password: config.password.clone(),
        variable: Some(&variable),
    };
    Address::new(server, &WHO, wish)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use larder_io_core::ErrorKind;

    fn of(url: &str) -> Result<Address> {
        let url: ManagerUrl = url.parse()?;
        let url = url.with_variables([("PGPASSFILE".to_owned(), "/nowhere".to_owned())].into());
        read(&PostgresConfig::of_url(&url)?, Some(&url))
    }

    #[test]
    fn tls_is_asked_for_wherever_bytes_leave_the_machine() {
        for (url, tls) in [
            ("postgres://u@db.example/d", true),
            ("postgresql://u@10.0.0.1/d", true),
            ("postgres://u@db.example/d?sslmode=disable", false),
            ("postgres://u@db.example/d?sslmode=prefer", true),
            ("postgres://u@localhost/d", false),
            ("postgres://u@127.0.0.1:1/d", false),
            ("postgres://u@[::1]/d", false),
            ("postgres://u@localhost/d?sslmode=require", true),
            ("postgres://u@localhost/d?sslmode=verify-full", true),
            ("postgres://u@localhost,db.example/d", true),
            ("postgres://u@/d?host=/run/postgresql", false),
        ] {
            assert_eq!(
                of(url).unwrap_or_else(|error| panic!("{url}: {error}")).tls,
                tls,
                "{url}"
            );
        }
    }

    #[test]
    fn a_place_has_no_password_and_no_error_has_any_part_of_one() {
        let address = of("postgres://me:s3cret%40x@h1,h2:77/db").unwrap();
        assert_eq!(address.place.url, "postgres://me@h1:5432,h2:77/db");
        assert_eq!(address.servers[0].get_password(), Some(&b"s3cret@x"[..]));
        let address = of("postgres://me@h/db?password=s3cret").unwrap();
        assert_eq!(address.servers[0].get_password(), Some(&b"s3cret"[..]));
        assert!(!format!("{address:?}").contains("s3cret"));
        for bad in [
            "postgres://me:s3cret/x@h/db",
            "postgres://me:s3cret@x@h/db",
            "postgres://me:s3cret?x@h/db",
            "postgres://me:s3cret/db",
            "postgres://:s3cret@h/db",
            "postgres://u@h/db?pasword=s3cret",
            "postgres://me:x@h:s3cret/db",
            "postgres://me:s3cret@/db",
            "postgres://me:s3cret@h/db?sslmode=verify-ca",
            "postgres://me:s3cret@h/db?schema=",
            "postgres://me:s3cret@h/db?host=other",
            "postgres://me:s3cret@h/db?history=0",
        ] {
            let error = of(bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{bad}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{bad}: {error:?}");
        }
    }

    #[test]
    fn names_are_read() {
        let address = of("postgres://me@h/db?schema=Team+%22A%22").unwrap();
        assert_eq!(address.place.schema, "Team \"A\"");
        assert_eq!(of("postgres://me@h").unwrap().place.url, "postgres://me@h:5432/me");
        assert_eq!(of("postgres://me@h/db").unwrap().place.schema, "assets");
        assert!(of(&format!("postgres://me@h/db?schema={}", "x".repeat(64))).is_err());
    }
}
