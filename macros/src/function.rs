//! The function under the attribute: what its parameters and its return type ask for.

use crate::names::{Errors, plain};
use crate::parameter::{OWN, allow_missing, from, mapping};
use crate::tokens::hash;
use crate::types::{arguments, bare, last_name, owned, word_in};
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, FnArg, GenericParam, Lit, LitStr, Meta, Pat, Result, ReturnType, Signature, Type,
    TypeReference, Visibility,
};

/// Types whose values are inputs: behind a reference they are a mistake rather than a resource.
const INPUTS: [&str; 10] = [
    "Blob",
    "DataRef",
    "Latest",
    "LazyTable",
    "Maybe",
    "Partitions",
    "Pinned",
    "Shared",
    "Table",
    "TableStream",
];

/// A function whose body is not parsed: it may hold syntax that this crate does not know.
pub(crate) struct Source {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: TokenStream,
}

/// What a parameter asks for.
pub(crate) enum Parameter {
    /// `&AssetContext`
    Context,
    /// `&T`
    Resource(Type),
    /// `T`
    Input {
        name: LitStr,
        from: Option<LitStr>,
        /// Which partitions.
        mapping: Option<Expr>,
        /// Whether partitions that nobody stored are left out.
        allow_missing: bool,
        ty: Type,
    },
}

/// What a function returns.
pub(crate) struct Returns {
    /// Whether it is a `Result`.
    pub(crate) fallible: bool,
    /// The type of the value, unless it hides in an alias of `Result`.
    pub(crate) value: Option<Type>,
    /// The type of the error, where it is written.
    pub(crate) error: Option<Type>,
}

const NOT_A_FUNCTION: &str = "an asset is a function: put the attribute on an `async fn` or a `fn`";

impl Parse for Source {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let start = input.fork();
        let sig: Signature = input.parse().map_err(|error| {
            if is_function(&start) {
                error
            } else {
                start.error(NOT_A_FUNCTION)
            }
        })?;
        if !input.peek(syn::token::Brace) {
            return Err(Error::new(
                sig.ident.span(),
                "an asset needs a body that computes its value",
            ));
        }
        Ok(Self {
            attrs,
            vis,
            sig,
            body: input.parse()?,
        })
    }
}

impl Source {
    /// The hash of everything but name, visibility and documentation.
    ///
    /// `outputs` says in which asset each value goes: a function that swaps them makes other assets.
    pub(crate) fn hash(&self, outputs: &[String]) -> String {
        let (attrs, body, sig) = (&self.attrs, &self.body, &self.sig);
        let (constness, asyncness, output) = (sig.constness, sig.asyncness, &sig.output);
        let (inputs, generics) = (&sig.inputs, &sig.generics);
        let bounds = &generics.where_clause;
        hash(quote!(#(#attrs)* #constness #asyncness fn #generics (#inputs) #output #bounds #body #(#outputs)*))
    }

    /// The function as it was, without the attributes that only the macro reads.
    pub(crate) fn plain(&self) -> TokenStream {
        let mut sig = self.sig.clone();
        for input in &mut sig.inputs {
            if let FnArg::Typed(parameter) = input {
                parameter
                    .attrs
                    .retain(|attr| !OWN.iter().any(|own| attr.path().is_ident(own)));
            }
        }
        let (attrs, vis, body) = (&self.attrs, &self.vis, &self.body);
        quote!(#(#attrs)* #vis #sig #body)
    }

    /// The documentation, one line for each of the comment's.
    pub(crate) fn docs(&self) -> String {
        let lines: Vec<String> = self.attrs.iter().filter_map(doc_line).collect();
        lines.join("\n").trim().to_owned()
    }

    /// Says what the parameters and the return type ask for.
    ///
    /// # Errors
    /// Every part of the signature that an asset cannot have.
    pub(crate) fn analyse(&self) -> Result<(Vec<Parameter>, Returns)> {
        let mut errors = Errors::default();
        self.check_kind(&mut errors);
        let mut parameters: Vec<Parameter> = Vec::new();
        for argument in &self.sig.inputs {
            let Some(parameter) = errors.take(parameter(argument)) else {
                continue;
            };
            if let Parameter::Input { name, .. } = &parameter {
                let twice =
                    |other: &Parameter| matches!(other, Parameter::Input { name: n, .. } if n.value() == name.value());
                if parameters.iter().any(twice) {
                    let message = format!("two parameters stand for the input `{}`: rename one", name.value());
                    errors.at(name.span(), message);
                }
            }
            parameters.push(parameter);
        }
        let returns = errors.take(returns(&self.sig.output));
        errors.finish()?;
        returns
            .map(|returns| (parameters, returns))
            .ok_or_else(|| Error::new(self.sig.ident.span(), "the return type was refused"))
    }

    fn check_kind(&self, errors: &mut Errors) {
        let sig = &self.sig;
        for param in &sig.generics.params {
            let message = match param {
                GenericParam::Lifetime(_) => continue,
                GenericParam::Type(_) => "an asset has concrete types: remove the type parameter",
                GenericParam::Const(_) => "an asset has concrete types: remove the const parameter",
            };
            errors.at(param.span(), message);
        }
        if let Some(token) = &sig.unsafety {
            errors.at(
                token.span,
                "an asset is run by larder and cannot be unsafe: wrap the call in a safe function",
            );
        }
        if let Some(abi) = &sig.abi {
            errors.at(abi.span(), "an asset is a Rust function: remove `extern`");
        }
    }
}

/// Whether `fn` stands among the words at the start: then the parser's own error says more.
fn is_function(start: ParseStream<'_>) -> bool {
    let tokens = start.fork().parse::<TokenStream>().unwrap_or_default();
    tokens
        .into_iter()
        .take_while(|token| matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_)))
        .any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"))
}

fn doc_line(attr: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attr.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(literal) if attr.path().is_ident("doc") => match &literal.lit {
            Lit::Str(text) => {
                let text = text.value();
                Some(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}

fn parameter(argument: &FnArg) -> Result<Parameter> {
    let argument = match argument {
        FnArg::Typed(argument) => argument,
        FnArg::Receiver(receiver) => {
            let message = "an asset has no `self`: make it a free function, and take what it needs as `&T`, a resource";
            return Err(Error::new_spanned(receiver, message));
        }
    };
    let from = from(argument)?;
    let (mapping, allow_missing) = (mapping(argument)?, allow_missing(argument)?);
    if let Some(word) = word_in(&argument.ty.to_token_stream(), "impl") {
        return Err(Error::new(
            word,
            "a parameter of an asset has a concrete type: name it instead of `impl`",
        ));
    }
    match bare(&argument.ty) {
        Type::Reference(reference) => {
            if let Some(attr) = argument
                .attrs
                .iter()
                .find(|attr| OWN[1..].iter().any(|own| attr.path().is_ident(own)))
            {
                let message = "only an input has partitions, and a reference is a resource or the context: remove it";
                return Err(Error::new_spanned(attr, message));
            }
            by_reference(reference, from)
        }
        ty => {
            if last_name(ty).as_deref() == Some("AssetContext") {
                return Err(Error::new_spanned(
                    ty,
                    "the context is lent to the asset: take `&AssetContext`",
                ));
            }
            owned(ty, "an input")?;
            let name = input_name(&argument.pat)?;
            Ok(Parameter::Input {
                name,
                from,
                mapping,
                allow_missing,
                ty: ty.clone(),
            })
        }
    }
}

fn by_reference(reference: &TypeReference, from: Option<LitStr>) -> Result<Parameter> {
    if let Some(from) = from {
        let message = "`#[from]` names an input, and a reference is a resource or the context: take the input by value";
        return Err(Error::new(from.span(), message));
    }
    if let Some(token) = &reference.mutability {
        let message = "others use the same resource: take `&T`, and keep what changes behind a `Mutex`";
        return Err(Error::new(token.span, message));
    }
    let ty = bare(&reference.elem);
    let name = last_name(ty);
    if name.as_deref() == Some("AssetContext") {
        return Ok(Parameter::Context);
    }
    if let Some(name) = name.filter(|name| INPUTS.contains(&name.as_str())) {
        let message = format!("a reference is a resource, but `{name}` is an input: take it by value");
        return Err(Error::new_spanned(reference, message));
    }
    let unsized_name = matches!(ty, Type::Path(path) if path.path.is_ident("str"));
    if unsized_name || matches!(ty, Type::Slice(_) | Type::TraitObject(_)) {
        let message = "a resource is found by its type: name one that has a size, such as `&Settings` or `&Arc<dyn Trait>`; take an input by value";
        return Err(Error::new_spanned(reference, message));
    }
    Ok(Parameter::Resource(ty.clone()))
}

/// The name of an input: the argument's, without the underscores that say it is not used.
fn input_name(pat: &Pat) -> Result<LitStr> {
    let message = "the name of a parameter names the input: write a plain name";
    let ident = match pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => &pat.ident,
        other => return Err(Error::new_spanned(other, message)),
    };
    match plain(ident).trim_start_matches('_') {
        "" => Err(Error::new(ident.span(), message)),
        name => Ok(LitStr::new(name, ident.span())),
    }
}

fn returns(output: &ReturnType) -> Result<Returns> {
    let ty = match output {
        ReturnType::Default => {
            let unit = Type::Tuple(syn::TypeTuple {
                paren_token: Default::default(),
                elems: Punctuated::new(),
            });
            return Ok(Returns {
                fallible: false,
                value: Some(unit),
                error: None,
            });
        }
        ReturnType::Type(_, ty) => bare(ty),
    };
    if let Some(word) = word_in(&ty.to_token_stream(), "impl") {
        let message = "the value of an asset has a concrete type: name it instead of `impl`, such as `TableStream`";
        return Err(Error::new(word, message));
    }
    let fallible = last_name(ty).as_deref() == Some("Result");
    let mut types = if fallible { arguments(ty) } else { vec![ty.clone()] }.into_iter();
    let (value, error) = (types.next(), types.next());
    if let Some(value) = &value {
        owned(value, "the value of an asset")?;
    }
    Ok(Returns { fallible, value, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(code: &str) -> Source {
        syn::parse_str(code).expect("a function")
    }

    #[test]
    fn name_visibility_and_docs_do_not_count() {
        let plain = source("async fn a(x: Table) -> Table { x }").hash(&[]);
        let same = source("/// docs\n#[allow(unused)] pub(crate) async fn b(x: Table,) -> Table { x /* so */ }");
        assert_eq!(plain, same.hash(&[]));
        for other in [
            "fn a(x: Table) -> Table { x }",
            "async fn a(y: Table) -> Table { y }",
            "async fn a(#[from(\"x\")] x: Table) -> Table { x }",
            "async fn a(x: Table) -> Result<Table> { x }",
        ] {
            assert_ne!(plain, source(other).hash(&[]), "{other}");
        }
        assert_ne!(plain, same.hash(&["a".to_owned()]));
    }

    #[test]
    fn docs_keep_their_lines() {
        let docs = source("/// One.\n///\n///   - two  \n/** Three. */\nfn a() {}").docs();
        assert_eq!(docs, "One.\n\n  - two\nThree.");
    }

    #[test]
    fn the_rest_of_the_function_stays() {
        let code = "#[must_use] pub async fn a(#[from(\"x\")] mut x: u8) -> u8 { x }";
        let kept = "#[must_use] pub async fn a(mut x: u8) -> u8 { x }";
        let kept: TokenStream = kept.parse().expect("tokens");
        assert_eq!(source(code).plain().to_string(), kept.to_string());
    }
}
