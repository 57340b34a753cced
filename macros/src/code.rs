//! `#[code]`: the hash of an item that asset functions use.

use crate::expand::code_constant;
use crate::tokens::hash;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, Visibility};

/// What may stand between the visibility and the word that says what an item is.
const QUALIFIERS: [&str; 4] = ["async", "unsafe", "extern", "safe"];

/// An item that is not parsed further than its name.
struct Item {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    /// All tokens but attributes, visibility and name.
    rest: TokenStream,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let start = input.span();
        let tokens: Vec<TokenTree> = input.parse::<TokenStream>()?.into_iter().collect();
        let at = name_at(&tokens).ok_or_else(|| {
            Error::new(
                start,
                "`#[code]` stands on a fn, const, static, struct, enum, union or type",
            )
        })?;
        let name = match &tokens[at] {
            TokenTree::Ident(name) if name != "_" => name.clone(),
            other => return Err(Error::new(other.span(), "`uses(..)` needs a name to find the code by")),
        };
        let rest = tokens
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != at)
            .map(|(_, token)| token.clone());
        Ok(Self {
            attrs,
            vis,
            name,
            rest: rest.collect(),
        })
    }
}

/// The place of the item's name.
fn name_at(tokens: &[TokenTree]) -> Option<usize> {
    let word = |at: usize| match tokens.get(at) {
        Some(TokenTree::Ident(word)) => word.to_string(),
        _ => String::new(),
    };
    let is_literal = |at: usize| matches!(tokens.get(at), Some(TokenTree::Literal(_)));
    let mut at = 0;
    loop {
        match word(at).as_str() {
            // A `const fn`, not a constant.
            "const" if matches!(word(at + 1).as_str(), "fn" | "async" | "unsafe" | "extern") => at += 1,
            qualifier if QUALIFIERS.contains(&qualifier) || is_literal(at) => at += 1,
            "static" if word(at + 1) == "mut" => return Some(at + 2),
            "fn" | "const" | "static" | "struct" | "enum" | "union" | "type" => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Expands `#[code]`.
pub(crate) fn code(options: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = match options.into_iter().next() {
        Some(option) => Err(Error::new(
            option.span(),
            "`#[code]` has no options: every asset lists what it `uses(..)`",
        )),
        None => syn::parse2::<Item>(item.clone()).map(|item| constant(&item)),
    };
    let beside = expanded.unwrap_or_else(Error::into_compile_error);
    quote!(#item #beside)
}

fn constant(item: &Item) -> TokenStream {
    let mut tokens = TokenStream::new();
    for attr in &item.attrs {
        attr.to_tokens(&mut tokens);
    }
    item.rest.to_tokens(&mut tokens);
    let conditions: Vec<&Attribute> = item.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect();
    code_constant(&conditions, &item.vis, &item.name, &hash(tokens))
}

#[cfg(test)]
mod tests {
    use super::Item;
    use crate::tokens::hash;

    fn name(code: &str) -> String {
        syn::parse_str::<Item>(code).map_or_else(|error| error.to_string(), |item| item.name.to_string())
    }

    #[test]
    fn finds_the_name_of_every_kind() {
        for code in [
            "pub fn it<T>(a: T) -> T { a }",
            "pub(crate) const unsafe extern \"C\" fn it() {}",
            "async fn it() {}",
            "const it: u8 = 1;",
            "static mut it: u8 = 1;",
            "/// docs\n#[derive(Debug)] pub struct it<T>(T);",
            "enum it { A }",
            "type it = u8;",
        ] {
            assert_eq!(name(code), "it", "{code}");
        }
        for code in ["mod it {}", "impl it {}", "use it;", "trait it {}", "const _: () = ();"] {
            assert_ne!(name(code), "it", "{code}");
        }
    }

    #[test]
    fn name_and_visibility_do_not_count() {
        let of = |code: &str| hash(syn::parse_str::<Item>(code).expect("an item").rest);
        assert_eq!(of("fn a(x: u8) -> u8 { x }"), of("pub fn b(x: u8) -> u8 { x }"));
        assert_ne!(of("fn a(x: u8) -> u8 { x }"), of("fn a(x: u8) -> u8 { x + 1 }"));
        assert_ne!(of("const A: u8 = 1;"), of("static A: u8 = 1;"));
    }
}
