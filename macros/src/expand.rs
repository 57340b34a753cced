//! What the attributes write beside the function: the asset of the same name, and the hash of its code.

use crate::attribute::Options;
use crate::function::{Parameter, Returns, Source};
use crate::names::{Errors, at, code_const, plain};
use crate::outputs;
use crate::patience;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Path, Visibility};

/// Expands `#[asset(..)]`, and with `several` `#[assets(..)]`, which must have `outputs(..)`.
pub(crate) fn asset(options: TokenStream, item: TokenStream, several: bool) -> TokenStream {
    let read = |errors: &mut Errors| {
        let options = errors.take(Options::parse(options));
        if several && options.as_ref().is_some_and(|options| options.outputs.is_none()) {
            let message =
                "name what the function makes: `#[assets(outputs(clean, rejected))]`; one asset is `#[asset]`";
            errors.at(Span::call_site(), message);
        }
        options
    };
    written(item, read, build, |source, options| Item {
        implements: quote!(AssetFn),
        method: quote!(asset),
        gives: quote!(Asset),
        hash: Some(source.hash(&options.map_or_else(Vec::new, Options::output_keys))),
    })
}

/// What an attribute writes for the function that it stands on: the function, the item beside it, and every mistake.
pub(crate) fn written<O>(
    item: TokenStream,
    read: impl FnOnce(&mut Errors) -> Option<O>,
    build: impl FnOnce(&Source, &O, &[Parameter], &Returns) -> syn::Result<TokenStream>,
    stands_beside: impl FnOnce(&Source, Option<&O>) -> Item,
) -> TokenStream {
    let source = match syn::parse2::<Source>(item.clone()) {
        Ok(source) => source,
        Err(error) => {
            let error = error.into_compile_error();
            return quote!(#error #item);
        }
    };
    let mut errors = Errors::default();
    let options = read(&mut errors);
    let signature = errors.take(source.analyse());
    let mut definition = None;
    if let (Some(options), Some((parameters, returns))) = (&options, &signature) {
        definition = errors.take(build(&source, options, parameters, returns));
    }
    let definition = definition.unwrap_or_else(|| quote!(::core::unreachable!()));
    let errors = errors.finish().err().map(syn::Error::into_compile_error);
    let beside = match source.sig.receiver() {
        // An associated function: no item of its own can stand beside it.
        Some(_) => TokenStream::new(),
        None => beside(&source, &definition, &stands_beside(&source, options.as_ref())),
    };
    let function = source.plain();
    quote!(#function #beside #errors)
}

/// The item beside the function: what it implements, and how it says what it is.
pub(crate) struct Item {
    pub(crate) implements: TokenStream,
    pub(crate) method: TokenStream,
    pub(crate) gives: TokenStream,
    /// The hash of the code, where it has one.
    pub(crate) hash: Option<String>,
}

/// The items beside the function. They are there after an error too: what names the asset needs no second error.
fn beside(source: &Source, definition: &TokenStream, item: &Item) -> TokenStream {
    let (vis, name) = (&source.vis, &source.sig.ident);
    let Item {
        implements,
        method,
        gives,
        hash,
    } = item;
    let conditions: Vec<&Attribute> = source.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect();
    let constant = hash.as_ref().map(|hash| code_constant(&conditions, vis, name, hash));
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, unreachable_pub)]
        #[derive(::core::fmt::Debug)]
        #vis struct #name {}

        #(#conditions)*
        #[automatically_derived]
        impl ::larder::#implements for #name {
            fn #method() -> ::larder::#gives {
                #definition
            }
        }

        #constant
    }
}

/// The constant through which `uses(..)` finds the hash of an item.
pub(crate) fn code_constant(conditions: &[&Attribute], vis: &Visibility, name: &Ident, hash: &str) -> TokenStream {
    let constant = code_const(name);
    quote! {
        #(#conditions)*
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals, unreachable_pub)]
        #vis const #constant: &str = #hash;
    }
}

fn settings(source: &Source, options: &Options) -> TokenStream {
    let mut settings = TokenStream::new();
    let docs = source.docs();
    let description = match &options.description {
        Some(text) => Some(text.to_token_stream()),
        None => (!docs.is_empty()).then(|| quote!(#docs)),
    };
    if let Some(description) = description {
        settings.extend(quote!(.description(#description)));
    }
    if let Some(group) = &options.group {
        settings.extend(quote!(.group(#group)));
    }
    if options.outputs.is_none() {
        settings.extend(storage(
            options.io_manager.as_ref(),
            options.extension.as_ref(),
            options.retention.as_ref(),
        ));
        settings.extend(own_settings(&options.settings));
        settings.extend(declared(options.columns.as_ref()));
    }
    if let Some(partitions) = &options.partitions {
        settings.extend(quote!(.partitions(#partitions)));
    }
    if let Some(memory) = &options.memory {
        settings.extend(quote!(.memory(#memory)));
    }
    settings.extend(patience::settings(options.retries, options.timeout));
    for (tag, value) in &options.tags {
        settings.extend(quote!(.tag(#tag, #value)));
    }
    let version = match &options.code_version {
        Some(version) => quote!(::larder::CodeVersion::manual(#version)),
        None => {
            let hash = code_const(&source.sig.ident);
            let uses = options.uses.iter().map(used);
            quote!(::larder::CodeVersion::tokens(#hash, &[#(#uses),*]))
        }
    };
    settings.extend(quote!(.code_version(#version)));
    settings
}

/// Where, how and how long a value is kept, on an asset or on one output.
pub(crate) fn storage(
    io_manager: Option<&LitStr>,
    extension: Option<&LitStr>,
    retention: Option<&LitStr>,
) -> TokenStream {
    let io_manager = io_manager.map(|name| quote!(.io_manager(#name)));
    let extension = extension.map(|name| quote!(.extension(#name)));
    let retention = retention.map(|text| quote!(.retention(#text)));
    quote!(#io_manager #extension #retention)
}

/// Settings of the manager for one asset, on an asset or on one output.
pub(crate) fn own_settings(settings: &[(LitStr, LitStr)]) -> TokenStream {
    settings
        .iter()
        .map(|(name, value)| quote!(.setting(#name, #value)))
        .collect()
}

/// The columns of a table, on an asset or on one output.
pub(crate) fn declared(columns: Option<&Path>) -> TokenStream {
    columns.map_or_else(
        TokenStream::new,
        |row| quote!(.columns(<#row as ::larder::TableSchema>::schema())),
    )
}

/// The name and the hash of what `uses(..)` names: the constant stands in the module of the item.
fn used(path: &Path) -> TokenStream {
    let names: Vec<String> = path.segments.iter().map(|segment| plain(&segment.ident)).collect();
    let name = names.join("::");
    let mut constant = path.clone();
    if let Some(last) = constant.segments.last_mut() {
        last.ident = code_const(&last.ident);
    }
    quote!((#name, #constant))
}

/// The body of `AssetFn::asset`.
///
/// What the asset needs of the types stands once, on a function that is generic over them: so a type that will not do
/// is one error at its place in the user's code, and not one for each call that needs it.
fn build(source: &Source, options: &Options, parameters: &[Parameter], returns: &Returns) -> syn::Result<TokenStream> {
    let name = &source.sig.ident;
    let result = call(source, parameters, returns);
    let (unit, made) = match &options.outputs {
        Some(list) => {
            // The unit is no asset and has no key of its own: its name only has to be readable.
            let unit = LitStr::new(&plain(name), name.span());
            let made = outputs::several(options, list, &source.sig.output, returns, &result)?;
            (unit, made)
        }
        None => (options.key_of(name, options.key.as_ref()), one(source, returns, result)),
    };
    let settings = settings(source, options);
    let begin = quote!(::larder::Asset::builder(#unit) #settings);
    Ok(define(source, parameters, made, &quote!(::larder::Asset), &begin))
}

/// A generic function that makes `what` by the builder that `begin` begins, and its call with the user's types.
pub(crate) fn define(
    source: &Source,
    parameters: &[Parameter],
    made: Made,
    what: &TokenStream,
    begin: &TokenStream,
) -> TokenStream {
    let name = &source.sig.ident;
    let taken: Vec<Taken> = parameters
        .iter()
        .enumerate()
        .map(|(index, p)| Taken::new(index, p))
        .collect();
    let bounds = taken.iter().filter_map(|taken| taken.bound.as_ref());
    let types = taken.iter().filter_map(|taken| taken.ty.as_ref());
    let passed = taken.iter().map(|taken| &taken.passed);
    let wants = taken.iter().map(|taken| &taken.want);
    let fetch = taken.iter().map(|taken| &taken.fetch);
    let locals: Vec<Ident> = (0..taken.len()).map(local).collect();
    let args = if parameters.iter().any(|p| matches!(p, Parameter::Input { .. })) {
        quote!(mut args)
    } else if parameters.is_empty() {
        quote!(_)
    } else {
        quote!(args)
    };
    let Made {
        bounds: value_bounds,
        types: value_types,
        value,
        finish,
        before,
        body,
        result,
    } = made;
    // Errors about the function as a whole, such as a future that is not `Send`, belong at its name.
    let run = quote_spanned! {at(name.span())=>
        __larder_define::<#(#types,)* #(#value_types,)* _, _>(|#(#locals),*| async move { #result })
    };
    quote! {
        fn __larder_define<#(#bounds,)* #(#value_bounds,)* __Call, __Future>(call: __Call) -> #what
        where
            __Call: ::core::ops::Fn(#(#passed),*) -> __Future
                + ::core::marker::Copy + ::core::marker::Send + ::core::marker::Sync + 'static,
            __Future: ::core::future::Future<Output = ::core::result::Result<#value, ::larder::Error>>
                + ::core::marker::Send + 'static,
        {
            #begin #(#wants)*
                .#finish(#before move |#args: ::larder::__private::Args| async move {
                    #(#fetch)*
                    let made = call(#(#locals),*).await;
                    #body
                })
        }
        #run
    }
}

/// What the function makes, as the generic function sees it.
pub(crate) struct Made {
    /// Its type parameters, with bounds.
    pub(crate) bounds: Vec<TokenStream>,
    /// What the user wrote for each.
    pub(crate) types: Vec<TokenStream>,
    /// The type that the call's future gives inside `Result`.
    pub(crate) value: TokenStream,
    /// The builder's last call, which takes a closure.
    pub(crate) finish: TokenStream,
    /// The arguments before the closure.
    pub(crate) before: TokenStream,
    /// Turns `made` into the closure's result.
    pub(crate) body: TokenStream,
    /// The user's call, as a `Result` of `value`.
    pub(crate) result: TokenStream,
}

fn one(source: &Source, returns: &Returns, result: TokenStream) -> Made {
    single(source, returns, result, quote!(::larder::Output))
}

/// One value, which has to be so.
pub(crate) fn single(source: &Source, returns: &Returns, result: TokenStream, bound: TokenStream) -> Made {
    let ty = match &returns.value {
        Some(ty) => ty.to_token_stream(),
        None => quote_spanned!(at(source.sig.output.span())=> _),
    };
    Made {
        bounds: vec![quote!(__Value: #bound)],
        types: vec![ty],
        value: quote!(__Value),
        finish: quote!(function),
        before: TokenStream::new(),
        body: quote!(made),
        result,
    }
}

/// One parameter, in every place where it appears.
struct Taken {
    /// The type parameter of the generic function.
    bound: Option<TokenStream>,
    /// What the user wrote for it.
    ty: Option<TokenStream>,
    /// The type in which it is passed on.
    passed: TokenStream,
    /// The builder's call.
    want: TokenStream,
    /// Takes it out of the arguments.
    fetch: TokenStream,
}

impl Taken {
    fn new(index: usize, parameter: &Parameter) -> Self {
        let local = local(index);
        let generic = format_ident!("__Type{index}");
        match parameter {
            Parameter::Context => Self {
                bound: None,
                ty: None,
                passed: quote!(::std::sync::Arc<::larder::AssetContext>),
                want: TokenStream::new(),
                fetch: quote!(let #local = args.context();),
            },
            Parameter::Resource(ty) => Self {
                bound: Some(quote!(#generic: ::core::marker::Send + ::core::marker::Sync + 'static)),
                ty: Some(quote!(#ty)),
                passed: quote!(::std::sync::Arc<#generic>),
                want: quote!(.resource::<#generic>()),
                fetch: quote!(let #local = args.resource::<#generic>()?;),
            },
            Parameter::Input {
                name,
                from,
                mapping,
                allow_missing,
                ty,
            } => Self {
                bound: Some(quote!(#generic: ::larder::Input)),
                ty: Some(quote!(#ty)),
                passed: quote!(#generic),
                want: {
                    let input = match from {
                        Some(from) => quote!(.input_from::<#generic>(#name, #from)),
                        None => quote!(.input::<#generic>(#name)),
                    };
                    let mapping = mapping.as_ref().map(|mapping| quote!(.mapping(#mapping)));
                    let allow_missing = allow_missing.then(|| quote!(.allow_missing()));
                    quote!(#input #mapping #allow_missing)
                },
                fetch: quote!(let #local = args.input::<#generic>().await?;),
            },
        }
    }
}

/// The variable of a parameter. Of the macro's own hygiene: it hides no function of the user's.
fn local(index: usize) -> Ident {
    format_ident!("a{index}", span = Span::mixed_site())
}

/// The call of the user's function: an expression of type `Result<value, larder::Error>`.
pub(crate) fn call(source: &Source, parameters: &[Parameter], returns: &Returns) -> TokenStream {
    let name = &source.sig.ident;
    let span = at(name.span());
    let arguments = parameters.iter().enumerate().map(|(index, parameter)| {
        let local = local(index);
        match parameter {
            Parameter::Input { .. } => quote!(#local),
            Parameter::Context | Parameter::Resource(_) => quote!(&#local),
        }
    });
    let called = quote_spanned!(span=> #name(#(#arguments),*));
    // An error that cannot become larder's is shown where its type is written.
    let error = returns.error.as_ref().map_or(span, |ty| at(ty.span()));
    let convert = quote_spanned!(error=> .map_err(::larder::Error::from_asset));
    match (source.sig.asyncness.is_some(), returns.fallible) {
        (true, true) => quote_spanned!(span=> #called.await #convert),
        (true, false) => quote_spanned!(span=> ::core::result::Result::<_, ::larder::Error>::Ok(#called.await)),
        (false, true) => quote_spanned!(span=> ::larder::__private::blocking(move || #called).await? #convert),
        (false, false) => quote_spanned!(span=> ::larder::__private::blocking(move || #called).await),
    }
}
