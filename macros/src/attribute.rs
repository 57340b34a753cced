//! The options of the attributes, and the asset keys that follow from them.

use crate::names::{plain, unknown};
use crate::patience::{retries, timeout};
use crate::read::{SETTINGS, TAGS, each, extension, filled, key, list, pairs, partitions, text, uses};
use crate::schema::columns;
use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token, parenthesized, token};

/// The options of an asset.
const ASSET: [&str; 16] = [
    "key",
    "group",
    "io_manager",
    "code_version",
    "uses",
    "extension",
    "settings",
    "retention",
    "columns",
    "partitions",
    "memory",
    "retries",
    "timeout",
    "description",
    "tags",
    "outputs",
];

/// The options of one output of a function that makes several assets.
const OUTPUT: [&str; 6] = ["key", "io_manager", "extension", "settings", "retention", "columns"];

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
    pub(crate) retention: Option<LitStr>,
    pub(crate) columns: Option<Path>,
    pub(crate) partitions: Option<Expr>,
    pub(crate) memory: Option<LitStr>,
    pub(crate) retries: Option<u32>,
    /// In milliseconds.
    pub(crate) timeout: Option<u64>,
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
    pub(crate) retention: Option<LitStr>,
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
                "partitions" => options.partitions = Some(partitions(name, input)?),
                "memory" => options.memory = Some(filled(name, input)?),
                "retries" => options.retries = Some(retries(name, input)?),
                "timeout" => options.timeout = Some(timeout(name, input)?),
                "description" => options.description = Some(text(name, input)?),
                "uses" => options.uses = uses(name, input)?,
                "tags" => options.tags = pairs(&TAGS, name, input)?,
                "retention" => options.retention = Some(filled(name, input)?),
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
        retention: None,
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
                "retention" => output.retention = Some(filled(name, input)?),
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
            description = "Text.", memory = "400MiB", tags(team = "ops", "on-call" = "yes"), outputs(a, b(key = "x/y", io_manager = "fast")),
        })
        .expect("reads");
        assert_eq!(options.uses.len(), 2);
        assert_eq!(options.memory.as_ref().map(LitStr::value).as_deref(), Some("400MiB"));
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
            (quote!(memory = 400), "takes a string literal"),
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
            (quote!(retries = 1.5), "`retries` is a whole number"),
            (quote!(retries = 1u8), "`retries` is a whole number"),
            (quote!(timeout = "soon"), "`soon` is no duration"),
            (quote!(timeout = "0s"), "`timeout` is 0"),
            (quote!(partitions), "`partitions` needs an expression"),
            (quote!(partitions = ), "`partitions` needs an expression"),
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
