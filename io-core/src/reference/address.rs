//! The address of a reference: absolute, and without secrets.

use super::DataRef;
use crate::backend::ManagerUrl;
use crate::error::{Error, ErrorKind, Result};
use crate::userinfo::{self, Before};

/// Bytes of an address at most; keys of object stores end at 1,024.
const MOST_BYTES: usize = 4096;
/// Characters of an address that no message repeats.
const SHOWN_CHARS: usize = 300;

/// Reads the address of a reference.
///
/// # Errors
/// `InvalidData` for what is no address, a relative one, one with `.` or `..`, and one that would keep a password or another secret.
pub fn address(uri: &str) -> Result<ManagerUrl> {
    let refused = |problem: &str| {
        Err(Error::new(
            ErrorKind::InvalidData,
            format!("{problem}: `{}`", shown(uri)),
        ))
    };
    if uri.len() > MOST_BYTES {
        return refused("the address of a reference has more than 4,096 bytes");
    }
    if uri.chars().any(char::is_control) {
        return refused("the address of a reference has a control character");
    }
    let Some((scheme, address, query)) = parts(uri) else {
        return refused("the address of a reference begins with a scheme, as in `s3://bucket/key` or `file:///path`");
    };
    if has_password(scheme, address, query) {
        return refused(
            "the address of a reference is stored and must hold no password; give it in the settings of an I/O manager of that place, or in the environment, and percent-encode an `@` that is part of the address",
        );
    }
    let url: ManagerUrl = uri.parse()?;
    if !url.query().is_empty() && url.setting_names().is_empty() {
        return refused("the settings in the address of a reference are not UTF-8");
    }
    if let Some(name) = secrets(&url).first() {
        let problem = format!(
            "the address of a reference is stored, and its setting `{name}` may be secret; give it in the settings of an I/O manager of that place, or in the environment"
        );
        return refused(&problem);
    }
    // Else whoever writes a reference could lead the credentials of a manager to a host of their own.
    let leads = |name: &String| {
        ["endpoint", "proxy"]
            .iter()
            .any(|word| name.to_ascii_lowercase().contains(word))
    };
    if let Some(name) = url.setting_names().iter().find(|name| leads(name)) {
        let problem = format!(
            "the address of a reference does not say where requests go, as its setting `{name}` does; give it in the settings of an I/O manager of that place"
        );
        return refused(&problem);
    }
    if !url.address().starts_with('/') {
        return refused("the address of a reference is absolute, as in `file:///path`");
    }
    let bare = url.address().strip_prefix("//").unwrap_or(url.address());
    if bare.is_empty() {
        return refused("the address of a reference names neither a host nor a path");
    }
    let segments: Vec<&str> = bare.split('/').collect();
    if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return refused("the address of a reference has no segment `.` or `..`");
    }
    // The first one is the host, and nothing stands behind the slash of a folder.
    let inner = segments.len().saturating_sub(1).max(1);
    if segments[1..inner].iter().any(|segment| segment.is_empty()) {
        return refused("the address of a reference has no empty segment");
    }
    Ok(url)
}

/// Names of settings that may be secret, those that sign an address among them.
fn secrets(url: &ManagerUrl) -> Vec<String> {
    let signs = |name: &String| name == "sig" || name.to_ascii_lowercase().contains("signature");
    let mut names = url.secret_names();
    names.extend(url.setting_names().into_iter().filter(signs));
    names
}

/// Scheme, address and query, also of what no manager has for its URL.
fn parts(uri: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    // As a manager's URL has it: the `//` of an empty host does not count.
    let path = address.strip_prefix("//");
    let path = path.filter(|path| path.is_empty() || path.starts_with('/'));
    is_scheme.then(|| (scheme, path.unwrap_or(address), query))
}

/// Whether somebody's password may stand before the host.
fn has_password(scheme: &str, address: &str, query: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    userinfo::is_cut(&scheme, address, query) || userinfo::before_host(&scheme, address) == Before::Password
}

/// The address for messages: without settings, user and password, and not endless.
fn shown(uri: &str) -> String {
    let hidden = |scheme: &str, address, query| {
        let before = userinfo::before_host(scheme, address);
        before != Before::Nothing || userinfo::is_cut(scheme, address, query)
    };
    let whole = || uri.split('?').next().unwrap_or_default().to_owned();
    let bare = match parts(uri) {
        Some((scheme, address, query)) => {
            let scheme = scheme.to_ascii_lowercase();
            match hidden(&scheme, address, query) {
                true => userinfo::redacted(&scheme, address, query),
                false => whole(),
            }
        }
        // What is no address may still have somebody's password before a host.
        None if uri.contains('@') => userinfo::redacted("", uri, "").trim_start_matches(':').to_owned(),
        None => whole(),
    };
    let mut text: String = bare.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if bare.chars().nth(SHOWN_CHARS).is_some() {
        text.push('…');
    }
    text
}

impl DataRef {
    /// Reads the address.
    ///
    /// # Errors
    /// `InvalidData`, as [`address`].
    pub fn address(&self) -> Result<ManagerUrl> {
        address(&self.uri)
    }

    /// The address for people: without settings, a user's name and a password.
    pub fn shown(&self) -> String {
        shown(&self.uri)
    }
}
