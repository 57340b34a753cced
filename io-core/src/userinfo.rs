//! Where a name and a password may stand in an address, also in one that is misread because somebody did not percent-encode them.

use std::borrow::Cow;

/// What stands for a part that may be secret.
const VEIL: &str = "[redacted]";

/// What is before the host, as far as anybody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing, or what is no user's: the container of Hadoop's form, `abfss://container@account.host/..`.
    Nothing,
    /// A name alone.
    Name,
    /// What may be a password, whole or a part of it.
    Password,
}

/// What an address has before its host, in doubt a password: `name:12/34@host` reads like a host, a port and a path, and is none.
pub(crate) fn before_host(scheme: &str, address: &str) -> Before {
    let Some(bare) = remote(scheme, address) else {
        return Before::Nothing;
    };
    if !address.starts_with('/') && bare.contains('@') {
        // No address of a host: `me:pass@host`, whose scheme is a name.
        return Before::Password;
    }
    let authority = bare.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) if user.contains([':', '@']) => Before::Password,
        Some(_) if is_hadoop(scheme) => Before::Nothing,
        Some(_) => Before::Name,
        None => match authority.split_once(':') {
            None => Before::Nothing,
            Some(_) if bare.contains('@') => Before::Password,
            Some(_) if has_port_alone(authority) => Before::Nothing,
            Some(_) => Before::Password,
        },
    }
}

/// Whether the query is the rest of a password that has a question mark of its own: in doubt it is, where an `@` follows.
pub(crate) fn is_cut(scheme: &str, address: &str, query: &str) -> bool {
    let Some(bare) = remote(scheme, address) else {
        return false;
    };
    let in_name = query
        .split('&')
        .any(|pair| pair.split('=').next().unwrap_or_default().contains('@'));
    let authority = bare.split('/').next().unwrap_or_default();
    let doubtful = authority.contains(':') || before_host(scheme, address) != Before::Nothing;
    in_name || (doubtful && query.contains('@'))
}

/// The address for people: everything up to the last `@` may be secret, and where the query is the rest of it, everything.
pub(crate) fn redacted(scheme: &str, address: &str, query: &str) -> String {
    if is_cut(scheme, address, query) {
        return format!("{scheme}://{VEIL}");
    }
    // Without a `@`, whoever forgot the host has the password where a port would be.
    match (before_host(scheme, address), address.rsplit_once('@')) {
        (Before::Nothing, _) => format!("{scheme}:{}", without_token(scheme, address)),
        (_, Some((_, host))) => format!("{scheme}://{VEIL}@{}", without_token(scheme, host)),
        (_, None) => format!("{scheme}://{VEIL}"),
    }
}

/// Spark's form has settings in the path, a token among them: `sc://host:15002/;token=..`.
fn without_token<'a>(scheme: &str, address: &'a str) -> Cow<'a, str> {
    match address.split_once(";").filter(|_| scheme == "sc") {
        Some((before, _)) => Cow::Owned(format!("{before};{VEIL}")),
        None => Cow::Borrowed(address),
    }
}

/// The address without slashes before it: one too many is no reason to show a password. `None` for a path on this machine.
fn remote<'a>(scheme: &str, address: &'a str) -> Option<&'a str> {
    let on_disk = below(scheme) == "file" && !address.starts_with("//");
    (!on_disk).then(|| address.trim_start_matches('/'))
}

/// The scheme of what `delta+s3` is built on.
fn below(scheme: &str) -> &str {
    scheme.rsplit('+').next().unwrap_or_default()
}

fn is_hadoop(scheme: &str) -> bool {
    matches!(below(scheme), "abfss" | "abfs")
}

/// Whether this is a host and a port; an IPv6 address has colons of its own, within brackets.
fn has_port_alone(authority: &str) -> bool {
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((inner, rest))) => {
            inner.parse::<std::net::Ipv6Addr>().is_ok() && (rest.is_empty() || rest.strip_prefix(':').is_some_and(port))
        }
        Some(None) => false,
        None => authority.split_once(':').is_some_and(|(_, rest)| port(rest)),
    }
}

#[cfg(test)]
mod tests {
    use crate::{DataRef, ManagerUrl};

    /// What somebody may write who does not know that these characters are encoded in a password.
    const LEAKY: [&str; 24] = [
        "postgres://me:geh?eim@host/db",
        "postgres://me:1?eim@host/db",
        "postgres://me:1234?x=eim@host/db",
        "postgres://me:12?a=1&eim@host/db",
        "postgres://me:geh#eim@host/db",
        "postgres://me:geh/eim@host/db",
        "postgres://me:12/eim@host/db",
        "postgres://me:1/2/eim@host/db",
        "postgres://me:/eim@host/db",
        "postgres://me:geh@eim@host/db",
        "postgres://me:geh@eim?x@host/db",
        "postgres://me:geh@eim?x=1@host/db",
        "postgres://me@x:eim@host/db",
        "postgres://me:12@34/eim@host/db",
        "postgres://:eim@host/db",
        "postgres:///me:eim@host/db",
        "postgres:me:eim@host/db",
        "postgres://me:eim/db",
        "postgres://me:eim",
        "postgres://[me:1/eim@host/db",
        "postgres://me?eim@host/db",
        "delta+s3://me:12/eim@bucket/x",
        "abfss://me:12/eim@account.dfs.core.windows.net/raw",
        "abfss://me:eim@account.dfs.core.windows.net/raw",
    ];

    #[test]
    fn nothing_shows_what_may_be_a_password() {
        for text in LEAKY {
            match text.parse::<ManagerUrl>() {
                Ok(url) => {
                    let shown = format!("{url} {url:?}");
                    assert!(!shown.contains("eim"), "{text}: {shown}");
                    let error = url.settings::<Settings>([]).err();
                    assert!(!format!("{error:?}").contains("eim"), "{text}: {error:?}");
                }
                Err(error) => {
                    assert!(!format!("{error} {error:?}").contains("eim"), "{text}: {error:?}");
                    assert!(error.message().contains("%3F"), "{error}");
                }
            }
            let reference = DataRef::new(text);
            let error = reference.address().expect_err(text);
            assert!(
                !format!("{error} {error:?} {reference:?}").contains("eim"),
                "{text}: {error:?}"
            );
            assert!(error.message().contains("password"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_address_shows_none_either() {
        for text in ["me:eim@host", "//me:eim@host/db", "/me:eim@host", "me:1/eim@host"] {
            let reference = DataRef::new(text);
            let error = reference.address().expect_err(text);
            assert!(
                !format!("{error} {error:?} {reference:?}").contains("eim"),
                "{text}: {error:?}"
            );
        }
    }

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Settings {}

    #[test]
    fn what_is_no_password_is_shown() {
        for (text, shown) in [
            ("s3://bucket/a@b?owner=me@here", "s3://bucket/a@b"),
            ("s3://bucket/a:b@c", "s3://bucket/a:b@c"),
            ("file:///data/a:b@c?x=@", "file:/data/a:b@c"),
            ("file:a:b@c", "file:a:b@c"),
            ("delta+file:///a:b@c", "delta+file:/a:b@c"),
            ("postgres://host:5432/db?table=t", "postgres://host:5432/db"),
            ("postgres://[::1]:5432/db", "postgres://[::1]:5432/db"),
            ("postgres://[::1]/db", "postgres://[::1]/db"),
            ("sc://host:15002/;use_ssl=true", "sc://host:15002/;[redacted]"),
            (
                "abfss://c@a.dfs.core.windows.net/a@b?owner=x@y",
                "abfss://c@a.dfs.core.windows.net/a@b",
            ),
        ] {
            let url: ManagerUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(url.to_string(), shown);
        }
    }
}
