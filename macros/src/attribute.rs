//! The options of the attributes, and the asset keys that follow from them.

use crate::names::{check_key, plain, unknown};
use crate::schema::columns;
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Lit, LitStr, Path, Result, Token, parenthesized, token};

/// The options of an asset.
const ASSET: [&str; 11] = [
    "key",
    "group",
    "io_manager",
    "code_version",
    "uses",
    "extension",
    "settings",
    "columns",
    "description",
    "tags",
    "outputs",
];

/// The options of one output of a function that makes several assets.
const OUTPUT: [&str; 5] = ["key", "io_manager", "extension", "settings", "columns"];

/// What stands in `#[asset(..)]`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) key: Option<LitStr>,
    pub(crate) group: Option<LitStr>,
    pub(crate) io_manager: Option<LitStr>,
    pub(crate) code_version: Option<LitStr>,
    pub(crate) uses: Vec<Path>,
    pub(crate) extension: Option<LitStr>,
    pub(crate) settings: Vec<(LitStr, LitStr)>,
    pub(crate) columns: Option<Path>,
    pub(crate) description: Option<LitStr>,
    pub(crate) tags: Vec<(LitStr, LitStr)>,
    pub(crate) outputs: Option<Outputs>,
}

/// The option `outputs(..)`: where it stands, and at least one output.
pub(crate) struct Outputs {
    pub(crate) span: Span,
    pub(crate) list: Vec<OutputOptions>,
}

/// One of `outputs(..)`.
pub(crate) struct OutputOptions {
    pub(crate) name: Ident,
    pub(crate) key: Option<LitStr>,
    pub(crate) io_manager: Option<LitStr>,
    pub(crate) extension: Option<LitStr>,
    pub(crate) settings: Vec<(LitStr, LitStr)>,
    pub(crate) columns: Option<Path>,
}

impl Options {
    /// Reads the tokens between the parentheses of the attribute.
    ///
    /// # Errors
    /// At the first option that is unknown, comes twice, has the wrong shape, or contradicts another.
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let options = Self::read.parse2(tokens)?;
        options.check()?;
        Ok(options)
    }

    /// The key of an asset whose own name is `name`.
    pub(crate) fn key_of(&self, name: &Ident, own: Option<&LitStr>) -> LitStr {
        match (own, &self.group) {
            (Some(key), _) => key.clone(),
            (None, Some(group)) => LitStr::new(&format!("{}/{}", group.value(), plain(name)), name.span()),
            (None, None) => LitStr::new(&plain(name), name.span()),
        }
    }

    /// Name and key of every output, in order.
    pub(crate) fn output_keys(&self) -> Vec<String> {
        let outputs = self.outputs.iter().flat_map(|outputs| &outputs.list);
        let key = |output: &OutputOptions| self.key_of(&output.name, output.key.as_ref()).value();
        outputs
            .map(|output| format!("{}={}", output.name, key(output)))
            .collect()
    }

    fn read(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        each(input, "option", |name, input| {
            match name.to_string().as_str() {
                "key" => options.key = Some(key(name, input)?),
                "group" => options.group = Some(key(name, input)?),
                "io_manager" => options.io_manager = Some(filled(name, input)?),
                "code_version" => options.code_version = Some(filled(name, input)?),
                "extension" => options.extension = Some(extension(name, input)?),
                "columns" => options.columns = Some(columns(name, input)?),
                "description" => options.description = Some(text(name, input)?),
                "uses" => options.uses = uses(name, input)?,
                "tags" => options.tags = pairs(&TAGS, name, input)?,
                "settings" => options.settings = pairs(&SETTINGS, name, input)?,
                "outputs" => options.outputs = Some(outputs(name, input)?),
                other => return Err(Error::new(name.span(), unknown("option", other, &ASSET))),
            }
            Ok(())
        })?;
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        if let (Some(version), Some(_)) = (&self.code_version, self.uses.first()) {
            let message = "`code_version` replaces the hash that `uses(..)` is part of: remove one of them";
            return Err(Error::new(version.span(), message));
        }
        let Some(outputs) = &self.outputs else {
            return Ok(());
        };
        if let Some(key) = &self.key {
            let message = "several assets cannot share one key: write `outputs(a(key = \"..\"), ..)`, or `group`";
            return Err(Error::new(key.span(), message));
        }
        if let Some(columns) = &self.columns {
            let message = "each of several tables has columns of its own: write `outputs(a(columns = Row), ..)`";
            return Err(Error::new_spanned(columns, message));
        }
        let mut keys = Vec::new();
        for output in &outputs.list {
            let key = self.key_of(&output.name, output.key.as_ref());
            if keys.contains(&key.value()) {
                let message = format!("two outputs have the key `{}`: give one of them its own", key.value());
                return Err(Error::new(key.span(), message));
            }
            keys.push(key.value());
        }
        Ok(())
    }
}

/// Reads `name ..` items with commas between them; a name that comes twice is refused.
fn each(input: ParseStream<'_>, what: &str, mut take: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>) -> Result<()> {
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

fn sample(what: &str) -> &'static str {
    if what == "output" {
        "outputs(clean, rejected)"
    } else {
        "key = \"clean/flights\""
    }
}

/// Reads `= "text"`.
fn text(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
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
fn literal(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let message = format!("`{name}` takes a string literal, because it is read at compile time");
    if input.peek(LitStr) {
        return input.parse();
    }
    match input.parse::<Expr>() {
        Ok(expression) => Err(Error::new_spanned(expression, message)),
        Err(_) => Err(Error::new(name.span(), message)),
    }
}

fn key(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let key = text(name, input)?;
    check_key(&name.to_string(), &key)?;
    Ok(key)
}

fn filled(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let filled = text(name, input)?;
    if filled.value().is_empty() {
        return Err(Error::new(
            filled.span(),
            format!("`{name}` is empty: write a name, or remove the option"),
        ));
    }
    Ok(filled)
}

fn extension(name: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
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
fn list<T>(
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

fn uses(name: &Ident, input: ParseStream<'_>) -> Result<Vec<Path>> {
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
struct Pairs {
    one: &'static str,
    sample: &'static str,
}

const TAGS: Pairs = Pairs {
    one: "tag",
    sample: "tags(team = \"ops\", \"on-call\" = \"yes\")",
};

const SETTINGS: Pairs = Pairs {
    one: "setting",
    sample: "settings(mode = \"merge\", merge_on = \"id\", \"columns.date\" = \"day\")",
};

fn pairs(pairs: &Pairs, name: &Ident, input: ParseStream<'_>) -> Result<Vec<(LitStr, LitStr)>> {
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

fn outputs(name: &Ident, input: ParseStream<'_>) -> Result<Outputs> {
    let mut outputs = Vec::new();
    list(name, input, "outputs(clean, rejected)", |content| {
        each(content, "output", |name, input| {
            outputs.push(output(name, input)?);
            Ok(())
        })
    })?;
    Ok(Outputs {
        span: name.span(),
        list: outputs,
    })
}

fn output(name: &Ident, input: ParseStream<'_>) -> Result<OutputOptions> {
    let mut output = OutputOptions {
        name: name.clone(),
        key: None,
        io_manager: None,
        extension: None,
        settings: Vec::new(),
        columns: None,
    };
    if input.peek(Token![=]) {
        let message = format!("the options of an output stand in parentheses: `{name}(key = \"..\")`");
        return Err(Error::new(name.span(), message));
    }
    if input.peek(token::Paren) {
        let content;
        parenthesized!(content in input);
        each(&content, "option", |name, input| {
            match name.to_string().as_str() {
                "key" => output.key = Some(key(name, input)?),
                "io_manager" => output.io_manager = Some(filled(name, input)?),
                "extension" => output.extension = Some(extension(name, input)?),
                "settings" => output.settings = pairs(&SETTINGS, name, input)?,
                "columns" => output.columns = Some(columns(name, input)?),
                other => return Err(Error::new(name.span(), unknown("option", other, &OUTPUT))),
            }
            Ok(())
        })?;
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn refused(tokens: TokenStream) -> String {
        Options::parse(tokens)
            .err()
            .map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn reads_every_option() {
        let options = Options::parse(quote! {
            group = "reports", io_manager = "warehouse", uses(helper, module::OTHER), extension = "html",
            description = "Text.", tags(team = "ops", "on-call" = "yes"), outputs(a, b(key = "x/y", io_manager = "fast")),
        })
        .expect("reads");
        assert_eq!(options.uses.len(), 2);
        assert_eq!(options.tags[1].0.value(), "on-call");
        assert_eq!(options.output_keys(), ["a=reports/a", "b=x/y"]);
    }

    #[test]
    fn a_key_wins_over_the_group() {
        let options = Options::parse(quote!(key = "a/b", group = "c")).expect("reads");
        let name = Ident::new("f", Span::call_site());
        assert_eq!(options.key_of(&name, options.key.as_ref()).value(), "a/b");
        assert_eq!(options.key_of(&name, None).value(), "c/f");
    }

    #[test]
    fn says_what_is_wrong() {
        for (tokens, message) in [
            (quote!(grop = "a"), "did you mean `group`?"),
            (quote!(key), "write `key = \"..\"`"),
            (quote!(key = NAME), "takes a string literal"),
            (quote!("clean/flights"), "expected the name of an option"),
            (quote!(key = "a", key = "b"), "comes twice"),
            (quote!(key = "a//b"), "has an empty segment"),
            (quote!(io_manager = ""), "is empty"),
            (quote!(extension = ".html"), "`extension = \"html\"`"),
            (quote!(uses()), "`uses` is empty"),
            (quote!(uses = helper), "`uses` is a list"),
            (quote!(uses("helper")), "takes paths"),
            (quote!(uses(a, a)), "names this twice"),
            (quote!(code_version = "1", uses(a)), "remove one of them"),
            (quote!(tags(team)), "a tag has a value"),
            (quote!(tags(a = "1", a = "2")), "comes twice"),
            (quote!(settings(mode)), "a setting has a value"),
            (
                quote!(settings(mode = "a", mode = "b")),
                "the setting `mode` comes twice",
            ),
            (quote!(outputs()), "`outputs` is empty"),
            (quote!(outputs(a, a)), "the output `a` comes twice"),
            (quote!(outputs(a, b(key = "a"))), "two outputs have the key `a`"),
            (quote!(outputs(a(grup = "x"))), "unknown option `grup`"),
            (quote!(outputs(a), key = "x"), "several assets cannot share one key"),
        ] {
            let found = refused(tokens);
            assert!(found.contains(message), "{found} lacks {message}");
        }
    }
}
