//! `#[check(..)]`: a function that looks at a value of an asset.

use crate::expand::{Item, call, define, single, written};
use crate::function::{Parameter, Returns, Source};
use crate::names::{Errors, plain, unknown};
use crate::read::{each, filled, key, number, text};
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Error, LitInt, LitStr, Result, Token};

const OPTIONS: [&str; 6] = ["asset", "name", "blocking", "severity", "history", "description"];

/// What stands in `#[check(..)]`.
#[derive(Default)]
struct Options {
    asset: Option<LitStr>,
    name: Option<LitStr>,
    blocking: bool,
    severity: Option<LitStr>,
    history: Option<LitInt>,
    description: Option<LitStr>,
}

impl Options {
    fn read(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        each(input, "option", |name, input| {
            match name.to_string().as_str() {
                "asset" => options.asset = Some(key(name, input)?),
                "name" => options.name = Some(filled(name, input)?),
                "severity" => options.severity = Some(severity(text(name, input)?)?),
                "history" => options.history = Some(number(name, input)?),
                "description" => options.description = Some(text(name, input)?),
                "blocking" if input.peek(Token![=]) => {
                    return Err(Error::new(
                        name.span(),
                        "`blocking` stands alone: write `#[check(blocking)]`",
                    ));
                }
                "blocking" => options.blocking = true,
                other => return Err(Error::new(name.span(), unknown("option", other, &OPTIONS))),
            }
            Ok(())
        })?;
        Ok(options)
    }
}

fn severity(text: LitStr) -> Result<LitStr> {
    match text.value().as_str() {
        "warn" | "error" => Ok(text),
        _ => Err(Error::new(
            text.span(),
            "a severity is `\"error\"`, the default, or `\"warn\"`",
        )),
    }
}

/// Expands the attribute.
pub(crate) fn check(options: TokenStream, item: TokenStream) -> TokenStream {
    let read = |errors: &mut Errors| errors.take(Options::read.parse2(options));
    written(item, read, build, |_, _| Item {
        implements: quote!(CheckFn),
        method: quote!(check),
        gives: quote!(Check),
        hash: None,
    })
}

fn build(source: &Source, options: &Options, parameters: &[Parameter], returns: &Returns) -> Result<TokenStream> {
    let takes = parameters
        .iter()
        .any(|parameter| matches!(parameter, Parameter::Input { .. }));
    if options.asset.is_none() && !takes {
        let message =
            "of which asset is it? Write `#[check(asset = \"clean/flights\")]`, or take its value as a parameter";
        return Err(Error::new(source.sig.ident.span(), message));
    }
    for parameter in parameters {
        if let Parameter::Input {
            mapping,
            allow_missing,
            ty,
            ..
        } = parameter
            && (mapping.is_some() || *allow_missing)
        {
            let message = "a check is made of one partition at a time: it maps none, and leaves none out";
            return Err(Error::new_spanned(ty, message));
        }
    }
    if matches!(source.sig.output, syn::ReturnType::Default) {
        let message = "a check says whether the value passes: return `bool`, `CheckResult`, or a `Result` of one";
        return Err(Error::new(source.sig.ident.span(), message));
    }
    let own = LitStr::new(&plain(&source.sig.ident), source.sig.ident.span());
    let name = options.name.as_ref().unwrap_or(&own);
    let mut begin = quote!(::larder::Check::builder(#name));
    if let Some(asset) = &options.asset {
        begin.extend(quote!(.asset(#asset)));
    }
    let docs = source.docs();
    match &options.description {
        Some(text) => begin.extend(quote!(.description(#text))),
        None if !docs.is_empty() => begin.extend(quote!(.description(#docs))),
        None => {}
    }
    if options.blocking {
        begin.extend(quote!(.blocking()));
    }
    if options
        .severity
        .as_ref()
        .is_some_and(|severity| severity.value() == "warn")
    {
        begin.extend(quote!(.severity(::larder::Severity::Warn)));
    }
    if let Some(history) = &options.history {
        begin.extend(quote!(.history(#history)));
    }
    let result = call(source, parameters, returns);
    let bound = quote!(::core::convert::Into<::larder::CheckResult> + ::core::marker::Send);
    let made = single(source, returns, result, bound);
    Ok(define(source, parameters, made, &quote!(::larder::Check), &begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong() {
        for (tokens, message) in [
            (quote!(aset = "a"), "did you mean `asset`?"),
            (quote!(asset = "a//b"), "has an empty segment"),
            (quote!(blocking = true), "stands alone"),
            (quote!(severity = "fatal"), "a severity is"),
            (quote!(history = "3"), "takes a whole number"),
            (quote!(history), "needs a number"),
            (quote!(name = ""), "is empty"),
        ] {
            let found = Options::read
                .parse2(tokens)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(found.contains(message), "{found} lacks {message}");
        }
    }

    #[test]
    fn a_check_has_an_asset_and_an_answer() {
        for (options, item, message) in [
            (
                quote!(),
                quote!(
                    fn some() -> bool {
                        true
                    }
                ),
                "of which asset is it?",
            ),
            (
                quote!(asset = "a"),
                quote!(
                    fn some() {}
                ),
                "return `bool`",
            ),
            (
                quote!(),
                quote!(
                    fn some(#[allow_missing] a: Table) -> bool {
                        true
                    }
                ),
                "one partition at a time",
            ),
        ] {
            let written = check(options, item).to_string();
            assert!(written.contains(message), "{written} lacks {message}");
        }
    }
}
