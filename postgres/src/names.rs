//! Names and texts as SQL has them.

/// Bytes of a name in PostgreSQL; longer ones are cut, and then two might be one.
pub const MAX_NAME: usize = 63;

/// A name as SQL has it. The caller sees to it that there is no NUL in it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it, with `standard_conforming_strings`, which every [session](crate::settings) sets. `None` for one with NUL,
/// which no text of PostgreSQL can hold.
pub fn literal(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| format!("'{}'", text.replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(
            literal("'; drop table x; --").as_deref(),
            Some("'''; drop table x; --'")
        );
        assert_eq!(literal("a\\'").as_deref(), Some("'a\\'''"));
        assert_eq!(literal("a\0"), None);
    }
}
