//! Texts in a database that cannot hold NUL: `\0` stands for it, and `\\` for `\`.

use crate::stored::broken;
use larder_io_core::Result;
use std::borrow::Cow;

/// Writes a text so that PostgreSQL takes it: different texts stay different.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    match text.contains(['\\', '\0']) {
        false => Cow::Borrowed(text),
        true => Cow::Owned(text.replace('\\', "\\\\").replace('\0', "\\0")),
    }
}

/// Reads what [`escaped`] wrote.
pub(super) fn unescaped(text: &str) -> Result<String> {
    let mut read = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        read.push(match c {
            '\\' => match chars.next() {
                Some('\\') => '\\',
                Some('0') => '\0',
                _ => return Err(broken("a text with a `\\` that stands for nothing")),
            },
            c => c,
        });
    }
    Ok(read)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_comes_back(text in "[\\\\\0a0]{0,8}|\\PC{0,8}") {
            let written = escaped(&text);
            prop_assert!(!written.contains('\0'));
            prop_assert_eq!(unescaped(&written).unwrap(), text);
        }
    }

    #[test]
    fn what_was_not_written_is_refused() {
        for bad in ["\\", "a\\b", "\\\\\\"] {
            assert!(unescaped(bad).is_err(), "{bad}");
        }
    }
}
