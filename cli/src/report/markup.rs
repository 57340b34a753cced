//! Text within HTML and SVG.

use crate::text::escape_lines;

/// Text that is nothing but text, between tags and in quoted attributes; what acts on a terminal is an escape here too.
pub(super) fn text(text: &str) -> String {
    let safe = escape_lines(text);
    safe.chars().fold(String::with_capacity(safe.len() + 8), |mut all, c| {
        match c {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            '\'' => all.push_str("&#39;"),
            c => all.push(c),
        }
        all
    })
}

/// The end of a key, which tells more than its beginning.
pub(super) fn short_key(key: &str, longest: usize) -> String {
    let count = key.chars().count();
    match count > longest {
        false => text(key),
        true => text(
            &std::iter::once('…')
                .chain(key.chars().skip(count + 1 - longest))
                .collect::<String>(),
        ),
    }
}

/// A number of a picture, to the tenth.
pub(super) fn at(number: f64) -> String {
    let tenth = format!("{number:.1}");
    tenth.strip_suffix(".0").map_or(tenth.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text() {
        assert_eq!(
            text("<script>'&\"\x1b[1m\n"),
            "&lt;script&gt;&#39;&amp;&quot;\\u{1b}[1m\n"
        );
        assert_eq!(short_key("reports/<b>", 5), "…/&lt;b&gt;");
        assert_eq!(short_key("abc", 3), "abc");
        assert_eq!(
            (at(3.0), at(2.25), at(10.0)),
            ("3".to_owned(), "2.2".to_owned(), "10".to_owned())
        );
    }
}
