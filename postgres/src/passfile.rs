//! The password file of PostgreSQL's own programs: <https://www.postgresql.org/docs/current/libpq-pgpass.html>.

use crate::address::Variables;
use larder_io_core::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// A password file, or none: one that is not there, or that this user may not read, is none, and the server will say whether it
/// wants a password.
pub(crate) struct Passwords {
    path: PathBuf,
    text: String,
}

impl Passwords {
    /// Reads the file that the environment names, else `~/.pgpass`.
    pub(crate) fn read(variable: Variables<'_>) -> Option<Self> {
        let path = match variable("PGPASSFILE") {
            Some(path) => PathBuf::from(path),
            None => Path::new(&variable("HOME")?).join(".pgpass"),
        };
        let text = std::fs::read_to_string(&path).ok()?;
        Some(Self { path, text })
    }

    /// The password for a server of one host; the first line that fits counts.
    ///
    /// # Errors
    /// `InvalidConfig` for a file that others may read, which libpq ignores as well.
    pub(crate) fn find(&self, server: &Config) -> Result<Option<String>> {
        let host = match (server.get_hosts().first(), server.get_hostaddrs().first()) {
            (Some(Host::Tcp(name)), _) => name.clone(),
            (None, Some(address)) => address.to_string(),
            // A socket.
            _ => "localhost".to_owned(),
        };
        let port = server.get_ports().first().copied().unwrap_or(5432);
        let wanted = [
            host.as_str(),
            &port.to_string(),
            server.get_dbname().unwrap_or_default(),
            server.get_user().unwrap_or_default(),
        ];
        let found = self.text.lines().find_map(|line| password(line, &wanted));
        match found {
            Some(_) if open_to_others(&self.path) => {
                let message = format!(
                    "the password file `{}` may be read by others, and is not used: `chmod 600` it",
                    self.path.display()
                );
                Err(Error::new(ErrorKind::InvalidConfig, message))
            }
            found => Ok(found),
        }
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
