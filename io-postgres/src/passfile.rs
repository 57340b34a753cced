//! The password file of PostgreSQL's own programs: <https://www.postgresql.org/docs/current/libpq-pgpass.html>.

use larder_io_core::{Error, ErrorKind, ManagerUrl, Result};
use std::path::{Path, PathBuf};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The password that the file has for a server; the first line that fits counts.
///
/// # Errors
/// `InvalidConfig` for a file that others may read, which libpq ignores as well.
pub(crate) fn find(server: &Config, url: Option<&ManagerUrl>) -> Result<Option<String>> {
    let variable = |name: &str| match url {
        Some(url) => url.variable(name),
        None => std::env::var(name).ok().filter(|value| !value.is_empty()),
    };
    let path = match variable("PGPASSFILE") {
        Some(path) => PathBuf::from(path),
        None => match variable("HOME") {
            Some(home) => Path::new(&home).join(".pgpass"),
            None => return Ok(None),
        },
    };
    // No file, or none that this user may read, is no password: the server will say whether it wants one.
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(None);
    };
    let (host, port) = match server.get_hosts().first() {
        Some(Host::Tcp(name)) => (name.clone(), server.get_ports().first().copied().unwrap_or(5432)),
        _ => (
            "localhost".to_owned(),
            server.get_ports().first().copied().unwrap_or(5432),
        ),
    };
    let wanted = [
        host.as_str(),
        &port.to_string(),
        server.get_dbname().unwrap_or_default(),
        server.get_user().unwrap_or_default(),
    ];
    let found = text.lines().find_map(|line| password(line, &wanted));
    match found {
        Some(_) if open_to_others(&path) => {
            let message = format!(
                "the password file `{}` may be read by others, and is not used: `chmod 600` it",
                path.display()
            );
            Err(Error::new(ErrorKind::InvalidConfig, message))
        }
        found => Ok(found),
    }
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn open_to_others(_path: &Path) -> bool {
    false
}

/// The password of one line, `host:port:database:user:password`, where `*` is anything and `\` keeps a `:` or `\`.
fn password(line: &str, wanted: &[&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => fields.last_mut()?.push(chars.next().unwrap_or('\\')),
            // The password is the rest of the line.
            ':' if fields.len() < 5 => fields.push(String::new()),
            c => fields.last_mut()?.push(c),
        }
    }
    let [place @ .., password] = &fields[..] else {
        return None;
    };
    let fits = place.len() == 4
        && place
            .iter()
            .zip(wanted)
            .all(|(field, wanted)| field == "*" || field == wanted);
    fits.then(|| password.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_whole() {
        let wanted = ["db.example", "5432", "lake", "me"];
        for (line, found) in [
            ("db.example:5432:lake:me:s3cret", Some("s3cret")),
            ("*:*:*:me:a\\:b\\\\c", Some("a:b\\c")),
            ("*:*:*:*:a:b", Some("a:b")),
            ("*:*:*:you:s3cret", None),
            ("db.example:5433:lake:me:s3cret", None),
            ("# *:*:*:*:s3cret", None),
            ("*:*:*:me", None),
            ("", None),
        ] {
            assert_eq!(password(line, &wanted).as_deref(), found, "{line}");
        }
    }
}
