//! Names in attributes: keys, near misses, and the names that the macros give to what they make.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Error, Ident, LitStr, Result};

/// Bytes that a key may have in all; `larder_io_core::key::MAX_KEY_BYTES` says why.
const MAX_KEY_BYTES: usize = 1024;

/// Refuses what cannot be a key, or a group, which is the beginning of one.
pub(crate) fn check_key(what: &str, text: &LitStr) -> Result<()> {
    let value = text.value();
    let problem = if value.is_empty() {
        "is empty".to_owned()
    } else if value.split('/').any(str::is_empty) {
        "has an empty segment".to_owned()
    } else if value.len() > MAX_KEY_BYTES {
        format!("has {} bytes, the limit is {MAX_KEY_BYTES}", value.len())
    } else {
        return Ok(());
    };
    let message = format!("the {what} {problem}: write segments with one `/` between them, such as `reports/daily`");
    Err(Error::new(text.span(), message))
}

/// The name without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The constant that holds the hash of an item's code.
pub(crate) fn code_const(item: &Ident) -> Ident {
    Ident::new(&format!("__larder_code_of_{}", plain(item)), item.span())
}

/// The message for a name that is not among `known`.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let list = list.join(", ");
    match nearest(name, known) {
        Some(near) => format!("unknown {what} `{name}`: did you mean `{near}`? The {what}s are {list}"),
        None => format!("unknown {what} `{name}`: the {what}s are {list}"),
    }
}

/// The known name that is a few letters away.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|other| (distance(name, other), *other))
        .filter(|(distance, other)| *distance * 2 < other.chars().count().max(3))
        .min()
        .map(|(_, other)| other)
}

/// Letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Where to point an error: at `user`, while names still resolve as in the macro, and lints know that it made the code.
pub(crate) fn at(user: Span) -> Span {
    Span::mixed_site().located_at(user)
}

/// Collects errors, so that all mistakes are shown at once.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    /// Adds one.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Adds one at a span.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(Error::new(span, message));
    }

    /// Takes the value, or adds the error.
    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All of them, as one.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_named() {
        assert_eq!(nearest("grop", &["key", "group"]), Some("group"));
        assert_eq!(nearest("io_mangaer", &["io_manager", "key"]), Some("io_manager"));
        assert_eq!(nearest("schedule", &["key", "group"]), None);
        assert_eq!(
            unknown("option", "grop", &["key", "group"]),
            "unknown option `grop`: did you mean `group`? The options are `key`, `group`"
        );
    }

    #[test]
    fn refuses_what_cannot_be_a_key() {
        let check = |text: &str| check_key("key", &LitStr::new(text, Span::call_site()));
        for bad in ["", "/", "a//b", "/a", "a/"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&"x".repeat(MAX_KEY_BYTES)).is_ok());
        assert!(check(&"x".repeat(MAX_KEY_BYTES + 1)).is_err());
    }
}
