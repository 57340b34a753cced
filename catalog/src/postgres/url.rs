//! What a URL says: where, as whom, and whether by TLS.

use super::error::Place;
use crate::CatalogOptions;
use larder_io_core::{Error, ErrorKind, Result};
use postgres::Config;
use postgres::config::{Host, SslMode, TargetSessionAttrs};
use std::net::IpAddr;
use std::time::Duration;

/// Where tables are if nothing else is said.
pub(super) const SCHEMA: &str = "larder";
/// Bytes of a name in PostgreSQL; longer ones are cut, and then two might be one.
const MAX_NAME: usize = 63;
/// A connection whose other end is gone is told so after about this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, as it is connected to.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: bool,
    pub(super) place: Place,
}

fn invalid(what: &str) -> Error {
    // Never the URL itself, nor a part of it: where it is misread, a part of the password may be anywhere.
    let message = format!(
        "the URL of the catalogue is none: {what}. It is `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `%40` for `@`, `%2F` for `/` and `%3F` for `?` in names and passwords"
    );
    Error::new(ErrorKind::InvalidConfig, message)
}

/// Reads a URL. No error holds any part of it.
pub(super) fn read(url: &str, options: &CatalogOptions) -> Result<Address> {
    let rest = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or_else(|| invalid("it does not begin with `postgres://` or `postgresql://`"))?;
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    if rest.matches('@').count() != authority.matches('@').count() || authority.matches('@').count() > 1 {
        return Err(invalid("it has an `@` that is no end of a user and password"));
    }
    let mut config: Config = known_modes(url)?.parse().map_err(|error: postgres::Error| {
        let cause = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        // The names of options come from the URL, those of values do not.
        invalid(match cause.strip_prefix("invalid value for option ") {
            Some("`port`") => "its port is no number",
            Some("`sslmode`") => "`sslmode` is `disable`, `require` or `verify-full`",
            Some(_) => "an option has a value that it cannot have",
            None => "it has an option that is not known, or a text that is no UTF-8",
        })
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(invalid("it names no host"));
    }
    let schema = options.schema.clone().unwrap_or_else(|| SCHEMA.to_owned());
    if schema.is_empty() || schema.len() > MAX_NAME || schema.contains('\0') {
        let message = format!(
            "a schema's name has 1 to {MAX_NAME} bytes and no NUL: `{}`",
            schema.escape_debug()
        );
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    if options.max_bytes.is_some() {
        let message = "the size of a catalogue in PostgreSQL cannot be limited here: `max_bytes` is for files";
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    let tls = match config.get_ssl_mode() {
        SslMode::Disable => false,
        SslMode::Prefer => !is_near(&config),
        _ => true,
    };
    config.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
    // A standby would answer with what was so before.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE.min(options.busy_timeout.max(Duration::from_secs(1))));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(PATIENCE);
    }
    if config.get_keepalives_interval().is_none() {
        config
            .keepalives_idle(PATIENCE / 3)
            .keepalives_interval(PATIENCE / 3)
            .keepalives_retries(2);
    }
    if config.get_application_name().is_none() {
        config.application_name("larder");
    }
    let place = Place {
        url: shown(&config),
        schema,
    };
    Ok(Address { config, tls, place })
}

/// The crate knows `require` only, which is `verify-full` here, because rustls always verifies.
fn known_modes(url: &str) -> Result<String> {
    let Some((before, query)) = url.split_once('?') else {
        return Ok(url.to_owned());
    };
    let known = |option| match option {
        "sslmode=verify-full" => Ok("sslmode=require"),
        "sslmode=verify-ca" | "sslmode=allow" => Err(invalid("`sslmode` is `disable`, `require` or `verify-full`")),
        other => Ok(other),
    };
    let options: Vec<&str> = query.split('&').map(known).collect::<Result<_>>()?;
    Ok(format!("{before}?{}", options.join("&")))
}

/// Whether nothing leaves this machine.
fn is_near(config: &Config) -> bool {
    let near = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(near) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
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
    let mut hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    if hosts.is_empty() {
        hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
    }
    let user = config.get_user().map_or_else(String::new, |user| format!("{user}@"));
    let database = config.get_dbname().unwrap_or_default();
    format!("postgres://{user}{}/{database}", hosts.join(","))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<Address> {
        read(url, &CatalogOptions::default())
    }

    #[test]
    fn tls_is_asked_for_wherever_bytes_leave_the_machine() {
        let table = [
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
            ("postgres://u@localhost/d?hostaddr=10.0.0.1", true),
            ("postgres:///d?host=/run/postgresql", false),
        ];
        for (url, tls) in table {
            assert_eq!(of(url).unwrap().tls, tls, "{url}");
        }
    }

    #[test]
    fn a_place_has_no_password_and_no_error_has_any_part_of_one() {
        let address = of("postgres://me:s3cret%40x@h1,h2:77/db?password=s3cret").unwrap();
        assert_eq!(address.place.url, "postgres://me@h1:5432,h2:77/db");
        assert!(!format!("{:?}", address.config).contains("s3cret"));
        for bad in [
            "postgres://me:s3cret/x@h/db",
            "postgres://me:s3cret@x@h/db",
            "postgres://me:s3cret?x@h/db",
            "postgres://me:s3cret/db",
            "postgres://h/db?password=a@s3cret",
            "postgres://h/db?password=a&s3cret=1",
            "postgres://h/db?password=a&s3cret",
            "postgres://me:x@h:s3cret/db",
            "postgres://me:s3cret@/db",
            "postgres://me:s3cret@h/db?sslmode=verify-ca",
            "postgres://me:s3cret@h/db?sslmode=perhaps",
            "mysql://me:s3cret@h/db",
        ] {
            let error = of(bad).err().expect(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{bad}");
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
