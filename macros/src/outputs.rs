//! One function that makes several assets: a tuple or a struct taken apart.

use crate::attribute::{Options, OutputOptions, Outputs};
use crate::expand::{Made, declared, own_settings, storage};
use crate::function::Returns;
use crate::names::at;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Error, Index, Result, ReturnType, Type, TypeTuple};

/// What the function makes, as a tuple of values with one specification for each.
///
/// # Errors
/// When the return type is no tuple of as many values, and no struct.
pub(crate) fn several(
    options: &Options,
    outputs: &Outputs,
    written: &ReturnType,
    returns: &Returns,
    call: &TokenStream,
) -> Result<Made> {
    let list = &outputs.list;
    let advice = format!(
        "return a tuple of {} values, or a struct with the fields {}",
        list.len(),
        list.iter()
            .map(|output| format!("`{}`", output.name))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let (types, result) = match &returns.value {
        Some(Type::Tuple(tuple)) => {
            check_length(tuple, outputs, written, &advice)?;
            (
                tuple.elems.iter().map(ToTokens::to_token_stream).collect(),
                call.clone(),
            )
        }
        Some(Type::Path(_)) => fields(list, call),
        Some(other) => return Err(Error::new_spanned(other, advice)),
        None => {
            let message = format!("write out what is in the `Result<..>`: {advice}");
            return Err(Error::new_spanned(written, message));
        }
    };
    let values: Vec<Ident> = (0..list.len()).map(|index| format_ident!("__Value{index}")).collect();
    let specs = list
        .iter()
        .zip(&values)
        .map(|(output, value)| spec(options, output, value));
    let indices = (0..list.len()).map(Index::from);
    Ok(Made {
        bounds: values.iter().map(|value| quote!(#value: ::larder::Output)).collect(),
        types,
        value: quote!((#(#values,)*)),
        finish: quote!(functions),
        before: quote!(::std::vec![#(#specs),*],),
        body: quote! {
            let made = made?;
            ::core::result::Result::<_, ::larder::Error>::Ok(::std::vec![
                #(::larder::Output::into_made(made.#indices)),*
            ])
        },
        result,
    })
}

fn check_length(tuple: &TypeTuple, outputs: &Outputs, written: &ReturnType, advice: &str) -> Result<()> {
    let (wanted, found) = (outputs.list.len(), tuple.elems.len());
    if wanted == found {
        return Ok(());
    }
    let message = format!("`outputs(..)` names {wanted} and the function returns {found}: {advice}");
    // Without a return type there is no place for the error but the option.
    match written {
        ReturnType::Default => Err(Error::new(outputs.span, message)),
        ReturnType::Type(..) => Err(Error::new_spanned(tuple, message)),
    }
}

/// The fields of a struct, as a tuple. Their types are inferred, and shown where the attribute names the field.
fn fields(list: &[OutputOptions], call: &TokenStream) -> (Vec<TokenStream>, TokenStream) {
    let made = Ident::new("made", Span::mixed_site());
    let types = list
        .iter()
        .map(|output| quote_spanned!(at(output.name.span())=> _))
        .collect();
    let fields = list.iter().map(|output| {
        let field = &output.name;
        quote_spanned!(at(field.span())=> #made.#field)
    });
    (types, quote!(#call.map(|#made| (#(#fields,)*))))
}

/// One output: its key, its form, and where it is kept. What the attribute says for all of them is said here for each.
fn spec(options: &Options, output: &OutputOptions, value: &Ident) -> TokenStream {
    let key = options.key_of(&output.name, output.key.as_ref());
    let io_manager = output.io_manager.as_ref().or(options.io_manager.as_ref());
    let extension = output.extension.as_ref().or(options.extension.as_ref());
    let retention = output.retention.as_ref().or(options.retention.as_ref());
    let storage = storage(io_manager, extension, retention);
    let settings = own_settings(match output.settings.is_empty() {
        true => &options.settings,
        false => &output.settings,
    });
    let columns = declared(output.columns.as_ref());
    quote!(::larder::OutputSpec::new(#key).form_of::<#value>() #storage #settings #columns)
}
