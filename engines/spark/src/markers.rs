//! `$name`, as other engines write parameters, and `:name`, as Spark does.

/// Writes the parameters `$name` of a query as Spark wants them: `:name`.
///
/// What stands in texts (`'..'`, `".."`, with Spark's escapes, raw ones too, and `$$..$$`), in quoted names (`` `..` ``) and in
/// comments (`-- ..`, `/* .. */`, nested) is left alone, and so is a `$` that is part of a name or has no name behind it.
pub fn with_colons(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    // Of a name that has not ended, so that `a$b` and `r'..'` are told from `a $b` and `'..'`.
    let mut word = 0_usize;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' | '"' => text(rest, first, word == 1 && out.ends_with(['r', 'R'])),
            '`' => quoted(rest),
            '-' if rest.starts_with("--") => line(rest),
            '/' if rest.starts_with("/*") => comment(rest),
            '$' if word == 0 => match parameter(rest) {
                Marker::Name(end) => {
                    out.push(':');
                    out.push_str(&rest[1..end]);
                    rest = &rest[end..];
                    word = end;
                    continue;
                }
                Marker::Other(end) => end,
            },
            letter => {
                let inside = letter.is_alphanumeric() || letter == '_' || (letter == '$' && word > 0);
                word = if inside { word + 1 } else { 0 };
                out.push(letter);
                rest = &rest[letter.len_utf8()..];
                continue;
            }
        };
        word = 0;
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

enum Marker {
    /// A parameter, with its `$`, is this long.
    Name(usize),
    /// Something else, to be left alone, is this long.
    Other(usize),
}

fn parameter(rest: &str) -> Marker {
    let named = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = rest[1..].find(|letter| !named(letter)).map_or(rest.len(), |at| at + 1);
    let name = &rest[1..end];
    if rest[end..].starts_with('$') && name.chars().all(|letter| letter.is_ascii_alphabetic()) {
        // `$$ .. $$` or `$tag$ .. $tag$`, to its end.
        let fence = &rest[..=end];
        let close = rest[fence.len()..].find(fence).map(|at| at + 2 * fence.len());
        return Marker::Other(close.unwrap_or(rest.len()));
    }
    match name.chars().next() {
        Some(first) if !first.is_ascii_digit() => Marker::Name(end),
        _ => Marker::Other(end.max(1)),
    }
}

/// The length of a text. A backslash takes what follows with it, but in a raw one.
fn text(rest: &str, quote: char, raw: bool) -> usize {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && !raw {
            letters.next();
        } else if letter == quote {
            // A doubled quote begins the next text, which to us is as good as going on.
            return at + 1;
        }
    }
    rest.len()
}

fn quoted(rest: &str) -> usize {
    rest[1..].find('`').map_or(rest.len(), |at| at + 2)
}

/// The length of a comment to the end of its line. A backslash before the line's end takes the next line too.
fn line(rest: &str) -> usize {
    let mut before = ' ';
    for (at, letter) in rest.char_indices() {
        if letter == '\n' && before != '\\' {
            return at;
        }
        if letter != '\r' || before != '\\' {
            before = letter;
        }
    }
    rest.len()
}

fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0_usize);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::with_colons;
    use proptest::prelude::*;

    #[test]
    fn parameters_become_colons() {
        for (from, to) in [
            ("select $a, $b_1+$a", "select :a, :b_1+:a"),
            ("x=$a and y=$a::date", "x=:a and y=:a::date"),
            ("a$b, $1, $, $$ $x $$ $a", "a$b, $1, $, $$ $x $$ :a"),
            ("$t$ $x $t$ $a", "$t$ $x $t$ :a"),
            (r"'it''s $x' 'a\' $x' $a", r"'it''s $x' 'a\' $x' :a"),
            (r"r'a\' $a", r"r'a\' :a"),
            (
                "-- it's $x\n$a /* $x /* $x */ ' $x */ $a",
                "-- it's $x\n:a /* $x /* $x */ ' $x */ :a",
            ),
            ("`a$x``$x` $a \"$x\" $ä", "`a$x``$x` :a \"$x\" $ä"),
            ("'$x", "'$x"),
            ("/* $x", "/* $x"),
            ("ä$x $a", "ä$x :a"),
        ] {
            assert_eq!(with_colons(from), to);
        }
    }

    /// A part of a query, with what it becomes.
    fn part() -> impl Strategy<Value = (String, String)> {
        let same = |text: String| (text.clone(), text);
        prop_oneof![
            "[a-zA-Z_][a-zA-Z0-9_]{0,6}".prop_map(|name| (format!("${name}"), format!(":{name}"))),
            "[a-z0-9(),.*+=<>: ]{1,8}".prop_map(same),
            r#"([^'\\]|''|\\[^\n]){0,8}"#.prop_map(move |inner| same(format!("'{inner}'"))),
            r#"([^"\\]|""|\\[^\n]){0,8}"#.prop_map(move |inner| same(format!("\"{inner}\""))),
            "([^`]|``){0,8}".prop_map(move |inner| same(format!("`{inner}`"))),
            r"[^\n\\]{0,8}".prop_map(move |inner| same(format!("--{inner}\n"))),
            "[^*/]{0,8}".prop_map(move |inner| same(format!("/*{inner}/*$x{inner}*/'*/"))),
        ]
    }

    proptest! {
        #[test]
        fn only_parameters_change(parts in prop::collection::vec(part(), 0..12)) {
            // Blanks between: two parts may be another one together.
            let from: Vec<&str> = parts.iter().map(|(from, _)| from.as_str()).collect();
            let to: Vec<&str> = parts.iter().map(|(_, to)| to.as_str()).collect();
            prop_assert_eq!(with_colons(&from.join(" ")), to.join(" "));
        }

        #[test]
        fn any_text_is_taken(text in any::<String>()) {
            let out = with_colons(&text);
            prop_assert_eq!(out.replace(':', "$"), text.replace(':', "$"));
        }
    }
}
