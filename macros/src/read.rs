//! Readers of what stands after the name of an option.

use crate::names::{check_key, plain};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Lit, LitInt, LitStr, Path, Result, Token, parenthesized, token};

/// Reads `name ..` items with commas between them; a name that comes twice is refused.
pub(crate) fn each(
    input: ParseStream<'_>,
    what: &str,
    mut take: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    let mut seen: Vec<Ident> = Vec::new();
    while !input.is_empty() {
        if !input.peek(Ident::peek_any) {
            let message = format!("expected the name of an {what}, such as `{}`", sample(what));
            return Err(input.error(message));
        }
        let name = input.call(Ident::parse_any)?;
        if seen.contains(&name) {
            return Err(Error::new(name.span(), format!("the {what} `{name}` comes twice")));
        }
        take(&name, input)?;
        seen.push(name);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

pub(crate) fn sample(what: &str) -> &'static str {
    if what == "output" {
        "outputs(clean, rejected)"
    } else {
        "key = \"clean/flights\""
    }
}

/// Reads `= "text"`.
pub(crate) fn text(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    if !input.peek(Token![=]) {
        return Err(Error::new(
            name.span(),
            format!("`{name}` needs a text: write `{name} = \"..\"`"),
        ));
    }
    input.parse::<Token![=]>()?;
    literal(name, input)
}

/// Reads a string literal, and names whatever else stands there by its span.
pub(crate) fn literal(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let message = format!("`{name}` takes a string literal, because it is read at compile time");
    if input.peek(LitStr) {
        return input.parse();
    }
    match input.parse::<Expr>() {
        Ok(expression) => Err(Error::new_spanned(expression, message)),
        Err(_) => Err(Error::new(name.span(), message)),
    }
}

/// Reads `= expression`: by what the asset is parted.
pub(crate) fn partitions(name: &Ident, input: ParseStream<'_>) -> Result<Expr> {
    let message = "`partitions` needs an expression: write `partitions = Partitioning::daily(\"2024-01-01\")`";
    if input.parse::<Option<Token![=]>>()?.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new(name.span(), message));
    }
    input.parse()
}

/// Reads `= 3`.
pub(crate) fn number(name: &Ident, input: ParseStream<'_>) -> Result<LitInt> {
    if input.parse::<Option<Token![=]>>()?.is_none() {
        let message = format!("`{name}` needs a number: write `{name} = 3`");
        return Err(Error::new(name.span(), message));
    }
    let at = input.span();
    let number: Result<LitInt> = input.parse();
    number.map_err(|_| Error::new(at, format!("`{name}` takes a whole number: write `{name} = 3`")))
}

pub(crate) fn key(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let key = text(name, input)?;
    check_key(&name.to_string(), &key)?;
    Ok(key)
}

pub(crate) fn filled(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let filled = text(name, input)?;
    if filled.value().is_empty() {
        return Err(Error::new(
            filled.span(),
            format!("`{name}` is empty: write a name, or remove the option"),
        ));
    }
    Ok(filled)
}

pub(crate) fn extension(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let extension = filled(name, input)?;
    let value = extension.value();
    let bare = value.trim_start_matches('.');
    if bare != value {
        let message = format!("write the extension without the dot: `extension = \"{bare}\"`");
        return Err(Error::new(extension.span(), message));
    }
    if value.contains(['/', '\\']) {
        let message = "an extension is the end of a file name, such as `html`: it has no `/`";
        return Err(Error::new(extension.span(), message));
    }
    Ok(extension)
}

/// Enters the parentheses after an option.
pub(crate) fn list<T>(
    name: &Ident,
    input: ParseStream<'_>,
    sample: &str,
    read: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    if !input.peek(token::Paren) {
        return Err(Error::new(name.span(), format!("`{name}` is a list: write `{sample}`")));
    }
    let content;
    parenthesized!(content in input);
    if content.is_empty() {
        return Err(Error::new(
            name.span(),
            format!("`{name}` is empty: write `{sample}`, or remove it"),
        ));
    }
    read(&content)
}

pub(crate) fn uses(name: &Ident, input: ParseStream<'_>) -> Result<Vec<Path>> {
    list(name, input, "uses(helper, module::OTHER)", |content| {
        let paths = Punctuated::<Path, Token![,]>::parse_terminated_with(content, |input| {
            let from = input.span();
            input.call(Path::parse_mod_style).map_err(|_| {
                let message =
                    "`uses` takes paths of items that have `#[code]` or `#[asset]`: `uses(helper, module::OTHER)`";
                Error::new(from, message)
            })
        })?;
        let mut seen: Vec<String> = Vec::new();
        for path in &paths {
            let text = path.to_token_stream().to_string();
            if seen.contains(&text) {
                return Err(Error::new_spanned(path, "`uses` names this twice"));
            }
            seen.push(text);
        }
        Ok(paths.into_iter().collect())
    })
}

/// What a list of names and values is called, and how one is written.
pub(crate) struct Pairs {
    one: &'static str,
    sample: &'static str,
}

pub(crate) const TAGS: Pairs = Pairs {
    one: "tag",
    sample: "tags(team = \"ops\", \"on-call\" = \"yes\")",
};

pub(crate) const SETTINGS: Pairs = Pairs {
    one: "setting",
    sample: "settings(mode = \"merge\", merge_on = \"id\", \"columns.date\" = \"day\")",
};

pub(crate) fn pairs(pairs: &Pairs, name: &Ident, input: ParseStream<'_>) -> Result<Vec<(LitStr, LitStr)>> {
    let Pairs { one, sample } = pairs;
    list(name, input, sample, |content| {
        let mut found: Vec<(LitStr, LitStr)> = Vec::new();
        while !content.is_empty() {
            let pair = match content.parse::<Lit>() {
                Ok(Lit::Str(pair)) => pair,
                Ok(other) => {
                    return Err(Error::new(
                        other.span(),
                        format!("a {one} has a name: write `{sample}`"),
                    ));
                }
                Err(_) => {
                    let ident = content.call(Ident::parse_any)?;
                    LitStr::new(&plain(&ident), ident.span())
                }
            };
            if found.iter().any(|(known, _)| known.value() == pair.value()) {
                return Err(Error::new(
                    pair.span(),
                    format!("the {one} `{}` comes twice", pair.value()),
                ));
            }
            if !content.peek(Token![=]) {
                return Err(Error::new(
                    pair.span(),
                    format!("a {one} has a value: write `{sample}`"),
                ));
            }
            content.parse::<Token![=]>()?;
            let value = literal(name, content)?;
            found.push((pair, value));
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(found)
    })
}
