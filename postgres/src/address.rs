//! What a URL says: where, as whom, and whether by TLS.

use crate::error::Place;
use crate::names::MAX_NAME;
use crate::passfile::Passwords;
use larder_io_core::{Error, ErrorKind, Result, Secret};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// A connection whose other end is gone is told so after about this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, as it is connected to.
#[derive(Debug)]
pub struct Address {
    /// Its hosts in the order in which they are tried, each with what it needs; at least one.
    pub servers: Vec<Config>,
    /// Whether bytes are encrypted on the way.
    pub tls: bool,
    /// Where it is, for people.
    pub place: Place,
}

/// Whose URL it is, for errors, which never show the URL itself: where it is misread, a part of the password may be anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    /// As in "the URL of the catalogue".
    pub name: &'static str,
    /// What it looks like, from `postgres://` on.
    pub form: &'static str,
}

impl Who {
    /// The error of a URL.
    pub fn invalid(&self, what: &str) -> Error {
        let message = format!(
            "the URL of {} is none: {what}. It is `{}`, with `%40` for `@`, `%2F` for `/` and `%3F` for `?` in names and passwords",
            self.name, self.form
        );
        Error::new(ErrorKind::InvalidConfig, message)
    }
}

/// The variables of an environment.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What does not stand in a URL.
pub struct Wish<'a> {
    /// As in [`Place::new`].
    pub what: &'static str,
    /// The schema.
    pub schema: String,
    /// Whether bytes are encrypted; `None` for always but on this machine.
    pub tls: Option<bool>,
    /// How long a host may take to be connected to, where the URL does not say it.
    pub connect_timeout: Duration,
    /// The password where the URL has none, before that of the password file.
    pub password: Option<Secret>,
    /// The environment, where the password file may be used.
    pub variable: Option<Variables<'a>>,
}

impl fmt::Debug for Wish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wish")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

/// Reads a URL with libpq's options. No error holds any part of it.
///
/// # Errors
/// `InvalidConfig`.
pub fn parse(url: &str, who: &Who) -> Result<Config> {
    let rest = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or_else(|| who.invalid("it does not begin with `postgres://` or `postgresql://`"))?;
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    if rest.matches('@').count() != authority.matches('@').count() || authority.matches('@').count() > 1 {
        return Err(who.invalid("it has an `@` that is no end of a user and password"));
    }
    known_modes(url, who)?.parse().map_err(|error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        // The names of options come from the URL, those of values do not.
        who.invalid(match cause.strip_prefix("invalid value for option ") {
            Some("`port`") => "its port is no number",
            Some("`sslmode`") => "`sslmode` is `disable`, `require` or `verify-full`",
            Some(_) => "an option has a value that it cannot have",
            None => "it has an option that is not known, or a text that is no UTF-8",
        })
    })
}

/// The crate knows `require` only, which is `verify-full` here, because rustls always verifies.
fn known_modes(url: &str, who: &Who) -> Result<String> {
    let Some((before, query)) = url.split_once('?') else {
        return Ok(url.to_owned());
    };
    let known = |option| match option {
        "sslmode=verify-full" => Ok("sslmode=require"),
        "sslmode=verify-ca" | "sslmode=allow" => Err(who.invalid("`sslmode` is `disable`, `require` or `verify-full`")),
        other => Ok(other),
    };
    let options: Vec<&str> = query.split('&').map(known).collect::<Result<_>>()?;
    Ok(format!("{before}?{}", options.join("&")))
}

impl Address {
    /// Settles how a server is connected to: what the URL says, then what is wished, then defaults.
    ///
    /// # Errors
    /// `InvalidConfig` for a URL without a host or with other numbers of hosts and ports, for a schema that cannot be, and for a
    /// password file that others may read.
    pub fn new(mut server: Config, who: &Who, wish: Wish<'_>) -> Result<Self> {
        let (hosts, addresses) = (server.get_hosts().len(), server.get_hostaddrs().len());
        if hosts.max(addresses) == 0 {
            return Err(who.invalid("it names no host"));
        }
        let ports = server.get_ports().len();
        if (hosts > 0 && addresses > 0 && hosts != addresses) || (ports > 1 && ports != hosts.max(addresses)) {
            return Err(who.invalid("it does not name one port for each host"));
        }
        check_schema(&wish.schema)?;
        settle(&mut server, &wish);
        let place = Place::new(wish.what, shown(&server), wish.schema);
        let passwords = match (server.get_password(), wish.variable) {
            (None, Some(variable)) => Passwords::read(variable),
            _ => None,
        };
        let mut servers = each(&server);
        for server in &mut servers {
            if let Some(password) = passwords.as_ref().map(|all| all.find(server)).transpose()?.flatten() {
                server.password(password);
            }
        }
        Ok(Self {
            tls: server.get_ssl_mode() == SslMode::Require,
            servers,
            place,
        })
    }
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

/// Adds what does not stand in the URL.
fn settle(server: &mut Config, wish: &Wish<'_>) {
    if server.get_dbname().is_none()
        && let Some(user) = server.get_user().map(str::to_owned)
    {
        // As PostgreSQL's own programs have it.
        server.dbname(user);
    }
    if let (None, Some(password)) = (server.get_password(), &wish.password) {
        server.password(password.expose());
    }
    let tls = wish.tls.unwrap_or_else(|| !is_near(server));
    server.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
    // A standby would answer with what was so before, and takes no writes.
    server.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if server.get_connect_timeout().is_none() {
        server.connect_timeout(wish.connect_timeout);
    }
    if server.get_tcp_user_timeout().is_none() {
        server.tcp_user_timeout(PATIENCE);
    }
    if server.get_keepalives_interval().is_none() {
        server
            .keepalives_idle(PATIENCE / 3)
            .keepalives_interval(PATIENCE / 3)
            .keepalives_retries(2);
    }
    if server.get_application_name().is_none() {
        server.application_name("larder");
    }
}

/// The hosts of a server, one by one: each may have a password of its own, and time of its own to answer.
fn each(all: &Config) -> Vec<Config> {
    let count = all.get_hosts().len().max(all.get_hostaddrs().len());
    let one = |index: usize| {
        let mut one = Config::new();
        match all.get_hosts().get(index) {
            Some(Host::Tcp(name)) => {
                one.host(name);
            }
            #[cfg(unix)]
            Some(Host::Unix(path)) => {
                one.host_path(path);
            }
            None => {}
        }
        if let Some(address) = all.get_hostaddrs().get(index) {
            one.hostaddr(*address);
        }
        if let Some(port) = all.get_ports().get(index).or(all.get_ports().first()) {
            one.port(*port);
        }
        if let Some(user) = all.get_user() {
            one.user(user);
        }
        if let Some(password) = all.get_password() {
            one.password(password);
        }
        if let Some(database) = all.get_dbname() {
            one.dbname(database);
        }
        if let Some(options) = all.get_options() {
            one.options(options);
        }
        if let Some(name) = all.get_application_name() {
            one.application_name(name);
        }
        if let Some(time) = all.get_connect_timeout() {
            one.connect_timeout(*time);
        }
        if let Some(time) = all.get_tcp_user_timeout() {
            one.tcp_user_timeout(*time);
        }
        if let Some(time) = all.get_keepalives_interval() {
            one.keepalives_interval(time);
        }
        if let Some(retries) = all.get_keepalives_retries() {
            one.keepalives_retries(retries);
        }
        one.keepalives(all.get_keepalives())
            .keepalives_idle(all.get_keepalives_idle())
            .ssl_mode(all.get_ssl_mode())
            .ssl_negotiation(all.get_ssl_negotiation())
            .target_session_attrs(all.get_target_session_attrs())
            .channel_binding(all.get_channel_binding())
            .load_balance_hosts(all.get_load_balance_hosts());
        one
    };
    (0..count).map(one).collect()
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
mod tests;
