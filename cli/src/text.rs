//! Text from assets, storage and errors, made safe for a terminal.

use std::borrow::Cow;

/// Whether a character would act on a terminal, or reorder or hide what is beside it. Joiners stay: scripts and emoji
/// need them.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// One line: every character that acts is shown as an escape.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    escape_but(text, |_| false)
}

/// Several lines: line ends and tabs stay.
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_but(text, |c| matches!(c, '\n' | '\t'))
}

fn escape_but(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| acts(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().fold(String::with_capacity(text.len() + 8), |mut all, c| {
        match acts(c) && !keep(c) {
            true => all.extend(c.escape_default()),
            false => all.push(c),
        }
        all
    });
    Cow::Owned(escaped)
}

/// The same JSON without characters that act: JSON itself escapes only those below U+0020.
pub(crate) fn json_safe(json: &str) -> Cow<'_, str> {
    if !json.chars().any(|c| acts(c) && c != '\n') {
        return Cow::Borrowed(json);
    }
    let escaped = json.chars().fold(String::with_capacity(json.len() + 8), |mut all, c| {
        match acts(c) && c != '\n' {
            // All of them lie below U+10000, so one escape is enough. Outside of strings JSON has none but line ends.
            true => all.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => all.push(c),
        }
        all
    });
    Cow::Owned(escaped)
}

/// At most `longest` characters, the last of them `…` when some are missing.
pub(crate) fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        assert_eq!(escape("a\x1b[2Jb\n\u{9b}1m"), "a\\u{1b}[2Jb\\n\\u{9b}1m");
        assert_eq!(escape("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(escape_lines("a\n\tb\r"), "a\n\tb\\r");
        assert!(matches!(escape("naïve 👩\u{200d}🚀"), Cow::Borrowed(_)));
    }

    #[test]
    fn safe_json_is_the_same_json() {
        let value = serde_json::json!({ "a\u{7f}": "\u{9b}1m \u{202e}\n" });
        let text = serde_json::to_string_pretty(&value).expect("is JSON");
        let safe = json_safe(&text);
        assert!(!safe.chars().any(|c| acts(c) && c != '\n'), "{safe}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).expect("is JSON"),
            value
        );
    }

    #[test]
    fn cuts_by_characters() {
        assert_eq!((cut("äöü", 3).as_ref(), cut("äöüß", 3).as_ref()), ("äöü", "äö…"));
    }
}
