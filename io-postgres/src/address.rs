//! What a URL says: where, as whom, and whether by TLS.

use crate::config::PostgresConfig;
use crate::error::Place;
use crate::passfile;
use larder_io_core::{Error, ErrorKind, ManagerUrl, Result};
use std::net::IpAddr;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Bytes of a name in PostgreSQL; longer ones are cut, and then two might be one.
pub(crate) const MAX_NAME: usize = 63;
/// A connection whose other end is gone is told so after about this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, as it is connected to.
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) tls: bool,
    pub(crate) place: Place,
}

fn invalid(what: &str) -> Error {
    // Never the URL itself, nor a part of it: where it is misread, a part of the password may be anywhere.
    let message = format!(
        "the URL of the PostgreSQL manager is none: {what}. It is `postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=SCHEMA`, with `%40` for `@`, `%2F` for `/` and `%3F` for `?` in names and passwords"
    );
    Error::new(ErrorKind::InvalidConfig, message)
}

/// Looks at an address before anything else does, whose words might show a part of it.
pub(crate) fn check(address: &str) -> Result<&str> {
    let rest = address.strip_prefix("//").unwrap_or(address);
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    if rest.matches('@').count() != authority.matches('@').count() || authority.matches('@').count() > 1 {
        return Err(invalid("it has an `@` that is no end of a user and password"));
    }
    if rest.contains(['?', '#']) {
        return Err(invalid("it has a `?` or `#` within its address"));
    }
    match authority.split_once('@') {
        Some((user, _)) if !user.is_empty() && !user.starts_with(':') => Ok(rest),
        _ => Err(invalid("it names no user")),
    }
}

/// Reads an address and its settings. No error holds any part of the address.
pub(crate) fn read(config: &PostgresConfig, url: Option<&ManagerUrl>) -> Result<Address> {
    let rest = check(config.address.expose())?;
    let mut server: Config = format!("postgres://{rest}")
        .parse()
        .map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            // The names of options are the crate's own, those of values are not.
            invalid(match cause.as_str() {
                "invalid value for option `port`" => "its port is no number",
                _ => "it holds a text that is no UTF-8, or more than user, password, host, port and database",
            })
        })?;
    settle(&mut server, config, url)?;
    check_schema(&config.schema)?;
    let place = Place {
        url: shown(&server),
        schema: config.schema.clone(),
    };
    Ok(Address {
        tls: server.get_ssl_mode() == SslMode::Require,
        config: server,
        place,
    })
}

fn check_schema(schema: &str) -> Result<()> {
    if schema.is_empty() || schema.len() > MAX_NAME || schema.contains('\0') {
        let message = format!(
            "a schema's name has 1 to {MAX_NAME} bytes and no NUL: `{}`",
            schema.escape_debug()
        );
        return Err(Error::new(ErrorKind::InvalidConfig, message).with_context("setting", "schema"));
    }
    Ok(())
}

/// Adds what does not stand in the address.
fn settle(server: &mut Config, config: &PostgresConfig, url: Option<&ManagerUrl>) -> Result<()> {
    if let Some(host) = &config.host {
        if !server.get_hosts().is_empty() {
            return Err(invalid("it names a host, and so does the setting `host`"));
        }
        server.host(host);
    }
    if let Some(port) = config.port {
        if !server.get_ports().is_empty() {
            return Err(invalid("it names a port, and so does the setting `port`"));
        }
        server.port(port);
    }
    if server.get_hosts().is_empty() {
        return Err(invalid("it names no host"));
    }
    if server.get_dbname().is_none() {
        // As PostgreSQL's own programs have it.
        let user = server.get_user().unwrap_or_default().to_owned();
        server.dbname(user);
    }
    if server.get_password().is_none() {
        let given = config.password.as_ref().map(|password| password.expose().to_owned());
        let found = match given {
            Some(password) => Some(password),
            None => passfile::find(server, url)?,
        };
        if let Some(password) = found {
            server.password(password);
        }
    }
    let tls = config.sslmode.wants_tls().unwrap_or_else(|| !is_near(server));
    server.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
    // A standby would answer with what was so before, and takes no writes.
    server.target_session_attrs(TargetSessionAttrs::ReadWrite);
    server.connect_timeout(config.connect_timeout);
    server.tcp_user_timeout(PATIENCE);
    server
        .keepalives_idle(PATIENCE / 3)
        .keepalives_interval(PATIENCE / 3)
        .keepalives_retries(2);
    server.application_name("larder");
    Ok(())
}

/// Whether nothing leaves this machine.
fn is_near(config: &Config) -> bool {
    let near = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(near)
}

fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let host = |(index, host): (usize, &Host)| match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{}", port(index)),
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        #[cfg(unix)]
        Host::Unix(path) => format!("{}:{}", path.display(), port(index)),
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let user = config.get_user().map_or_else(String::new, |user| format!("{user}@"));
    let database = config.get_dbname().unwrap_or_default();
    format!("postgres://{user}{}/{database}", hosts.join(","))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
        assert_eq!(address.config.get_password(), Some(&b"s3cret@x"[..]));
        let address = of("postgres://me@h/db?password=s3cret").unwrap();
        assert_eq!(address.config.get_password(), Some(&b"s3cret"[..]));
        assert!(!format!("{:?}", address.config).contains("s3cret"));
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
            let error = of(bad).err().expect(bad);
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
