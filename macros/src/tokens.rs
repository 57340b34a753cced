//! The code version: a hash of what a piece of code means, not of how it is laid out.
//!
//! Comments never reach a macro; documentation, lint levels, words to rustfmt and Clippy, spacing and trailing commas are left out here. Everything
//! else counts. Two spellings of one literal (`1_000` and `1000`, `"a"` and `r"a"`) are equal.

use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};
use syn::Lit;

/// Hexadecimal digits of a code version: 64 bits tell the versions of one function apart.
const DIGITS: usize = 16;

/// Changes when the way of hashing changes, so that versions of two ways are never taken for equal.
const SCHEME: &str = "larder code 1";

/// Hashes a stream of tokens.
pub(crate) fn hash(tokens: TokenStream) -> String {
    let mut walk = Walk(blake3::Hasher::new());
    walk.word(b'v', SCHEME);
    walk.stream(tokens, false);
    walk.0.finalize().to_hex()[..DIGITS].to_owned()
}

struct Walk(blake3::Hasher);

impl Walk {
    /// Adds one token. The length before the text keeps neighbours apart: `ab c` is not `a bc`.
    fn word(&mut self, kind: u8, text: &str) {
        self.0.update(&[kind]);
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    /// Adds a stream. `tuple` says that the stream stands in parentheses that are no list of arguments.
    fn stream(&mut self, tokens: TokenStream, tuple: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // `(a,)` is a tuple and `(a)` is not: the only comma there is no trailing one.
        let keep_last = tuple && tokens.iter().filter(|token| is_punct(token, ',')).count() == 1;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let skipped = silent_attribute(&tokens[at..]);
            if skipped > 0 {
                at += skipped;
                continue;
            }
            let next = tokens.get(at + 1);
            let trailing = match next {
                None => !keep_last,
                Some(next) => is_punct(next, '>'),
            };
            if !(is_punct(token, ',') && trailing) {
                self.token(token, tuple_follows(&tokens[..at]));
            }
            at += 1;
        }
    }

    fn token(&mut self, token: &TokenTree, tuple: bool) {
        match token {
            TokenTree::Ident(ident) => self.word(b'i', &ident.to_string()),
            TokenTree::Punct(punct) => self.word(b'p', punct.as_char().encode_utf8(&mut [0; 4])),
            TokenTree::Literal(literal) => self.literal(literal),
            TokenTree::Group(group) => self.group(group, tuple),
        }
    }

    fn group(&mut self, group: &Group, tuple: bool) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            // What a macro captured as one expression binds tighter than its tokens would.
            Delimiter::None => ("<<", ">>"),
        };
        self.word(b'o', open);
        self.stream(group.stream(), tuple && group.delimiter() == Delimiter::Parenthesis);
        self.word(b'c', close);
    }

    fn literal(&mut self, literal: &Literal) {
        let Ok(value) = syn::parse2::<Lit>(TokenTree::Literal(literal.clone()).into()) else {
            return self.word(b'l', &literal.to_string());
        };
        match value {
            Lit::Int(int) => {
                self.word(b'n', int.base10_digits());
                self.word(b'x', int.suffix());
            }
            Lit::Float(float) => {
                self.word(b'f', float.base10_digits());
                self.word(b'x', float.suffix());
            }
            Lit::Str(text) => self.word(b's', &text.value()),
            Lit::Char(char) => self.word(b'h', char.value().encode_utf8(&mut [0; 4])),
            _ => self.word(b'l', &literal.to_string()),
        }
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// How many tokens at the start make an attribute that changes no value: documentation, a lint level, a word to a tool.
fn silent_attribute(tokens: &[TokenTree]) -> usize {
    let bang = usize::from(tokens.get(1).is_some_and(|token| is_punct(token, '!')));
    match (tokens.first(), tokens.get(1 + bang)) {
        (Some(hash), Some(TokenTree::Group(group))) if is_punct(hash, '#') && is_silent(group) => 2 + bang,
        _ => 0,
    }
}

fn is_silent(group: &Group) -> bool {
    let mut inside = group.stream().into_iter();
    let (Some(TokenTree::Ident(name)), Some(second)) = (inside.next(), inside.next()) else {
        return false;
    };
    let arguments = matches!(&second, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
    group.delimiter() == Delimiter::Bracket
        && match name.to_string().as_str() {
            "doc" => arguments || is_punct(&second, '='),
            "allow" | "expect" | "warn" | "deny" | "forbid" => arguments,
            // `#[rustfmt::skip]`: a word to a tool.
            "rustfmt" | "clippy" => is_punct(&second, ':'),
            _ => false,
        }
}

/// Whether parentheses after these tokens hold a tuple or a grouped expression rather than arguments.
fn tuple_follows(before: &[TokenTree]) -> bool {
    const KEYWORDS: [&str; 13] = [
        "as", "break", "else", "if", "in", "let", "match", "move", "mut", "ref", "return", "while", "yield",
    ];
    match before {
        [.., TokenTree::Ident(word)] => KEYWORDS.contains(&word.to_string().as_str()),
        // The end of `->` and `=>` is not the end of generic arguments.
        [.., arrow, end] if is_punct(end, '>') => is_punct(arrow, '-') || is_punct(arrow, '='),
        [.., TokenTree::Punct(punct)] => !matches!(punct.as_char(), '>' | '!' | '?'),
        [.., TokenTree::Group(_) | TokenTree::Literal(_)] => false,
        [] => true,
    }
}

#[cfg(test)]
mod tests {
    use super::hash;

    fn of(code: &str) -> String {
        hash(code.parse().expect("tokens"))
    }

    #[test]
    fn layout_comments_docs_and_trailing_commas_do_not_count() {
        let plain = of("fn (a: Table, b: u8) -> HashMap<u8, u8> { let x = call(a, [1, 2]); (x, b) }");
        for same in [
            "fn(a:Table,b:u8)->HashMap<u8,u8>{let x=call(a,[1,2]);(x,b)}",
            "fn (a: Table, b: u8,) -> HashMap<u8, u8,> { let x = call(a, [1, 2,],); (x, b,) }",
            "/** docs */ fn (a: Table, b: u8) -> HashMap<u8, u8> {\n // why\n let x = call(a, /* so */ [1, 2]); (x, b) }",
            "/// docs\nfn (/// more\n a: Table, b: u8) -> HashMap<u8, u8> { //! inside\n let x = call(a, [1, 2]); (x, b) }",
            "#[allow(unused)] fn (#[doc = \"a\"] a: Table, b: u8) -> HashMap<u8, u8> { #![expect(dead_code)] let x = call(a, [1, 2]); (x, b) }",
            "fn (a: Table, b: u8) -> HashMap<u8, u8> { let x = call(a, [0x1, 2]); (x, b) }",
        ] {
            assert_eq!(plain, of(same), "{same}");
        }
    }

    #[test]
    fn what_the_code_says_counts() {
        let plain = of("fn (a: Table) -> u8 { call(a, \"b\", 1, 'c', 2.0) }");
        for other in [
            "fn (b: Table) -> u8 { call(a, \"b\", 1, 'c', 2.0) }",
            "fn (a: Blob) -> u8 { call(a, \"b\", 1, 'c', 2.0) }",
            "fn (a: Table) -> u16 { call(a, \"b\", 1, 'c', 2.0) }",
            "fn (a: Table) -> u8 { other(a, \"b\", 1, 'c', 2.0) }",
            "fn (a: Table) -> u8 { call(a, \"B\", 1, 'c', 2.0) }",
            "fn (a: Table) -> u8 { call(a, \"b\", 2, 'c', 2.0) }",
            "fn (a: Table) -> u8 { call(a, \"b\", 1u8, 'c', 2.0) }",
            "fn (a: Table) -> u8 { call(a, \"b\", 1, 'd', 2.0) }",
            "fn (a: Table) -> u8 { call(a, \"b\", 1, 'c', 2.5) }",
            "fn (a: Table) -> u8 { call(a, b, 1, 'c', 2.0) }",
            "fn (a: Table) -> u8 { call[a, \"b\", 1, 'c', 2.0] }",
            "fn (#[from(\"x\")] a: Table) -> u8 { call(a, \"b\", 1, 'c', 2.0) }",
            "#[inline] fn (a: Table) -> u8 { call(a, \"b\", 1, 'c', 2.0) }",
        ] {
            assert_ne!(plain, of(other), "{other}");
        }
        assert_ne!(of("a bc"), of("ab c"));
    }

    #[test]
    fn a_tuple_of_one_is_no_parenthesis() {
        for (tuple, other) in [
            ("let x = (a,);", "let x = (a);"),
            ("-> (A,) {}", "-> (A) {}"),
            ("return (a,)", "return (a)"),
            ("f((a,))", "f((a))"),
        ] {
            assert_ne!(of(tuple), of(other), "{tuple}");
        }
        for (call, same) in [
            ("f(a,)", "f(a)"),
            ("f::<T>(a,)", "f::<T>(a)"),
            ("m!(a,)", "m!(a)"),
            ("(a, b,)", "(a, b)"),
        ] {
            assert_eq!(of(call), of(same), "{call}");
        }
    }

    #[test]
    fn spellings_of_one_literal_are_equal() {
        for (one, other) in [
            ("1_000", "1000"),
            ("\"a\"", "r\"a\""),
            ("'a'", "'\\x61'"),
            ("1_0.5", "10.5"),
        ] {
            assert_eq!(of(one), of(other));
        }
        assert_eq!(of("x").len(), super::DIGITS);
    }
}
