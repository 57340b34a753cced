//! `#[derive(TableSchema)]`: the columns of a row struct.

use crate::names::{plain, unknown};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Path, Result, Token};

/// Options of a field.
const COLUMN: [&str; 1] = ["name"];

pub(crate) fn table_schema(input: TokenStream) -> TokenStream {
    let derived = syn::parse2::<DeriveInput>(input).and_then(|input| derive(&input));
    derived.unwrap_or_else(|error| error.to_compile_error())
}

fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            _ => {
                let message = "a row has a name for each column: write a struct with named fields";
                return Err(Error::new(input.ident.span(), message));
            }
        },
        Data::Enum(_) | Data::Union(_) => {
            let message =
                "a row has one set of columns: write a struct with named fields, and a column for the variant";
            return Err(Error::new(input.ident.span(), message));
        }
    };
    if let Some(parameter) = input.generics.params.first() {
        let message = "the columns of a row are known, so it takes no parameters";
        return Err(Error::new(parameter.span(), message));
    }
    let mut names: Vec<String> = Vec::new();
    let mut columns = Vec::new();
    for field in fields {
        let name = column_name(field)?;
        if names.contains(&name.value()) {
            return Err(Error::new(
                name.span(),
                format!("two columns are named `{}`", name.value()),
            ));
        }
        names.push(name.value());
        let ty = &field.ty;
        // At the type, so that one that is no column is told there.
        columns.push(quote_spanned!(ty.span()=> ::larder::__private::column::<#ty>(#name)));
    }
    let row = &input.ident;
    Ok(quote! {
        impl ::larder::TableSchema for #row {
            fn schema() -> ::larder::__private::SchemaRef {
                ::larder::__private::columns([#(#columns),*])
            }
        }

        impl ::larder::ColumnType for #row {
            fn data_type() -> ::larder::__private::DataType {
                ::larder::__private::struct_type::<Self>()
            }
        }
    })
}

/// The option `columns = Row`.
pub(crate) fn columns(name: &Ident, input: ParseStream<'_>) -> Result<Path> {
    let message = "`columns` names a type with `#[derive(TableSchema)]`: write `columns = Row`";
    if !input.peek(Token![=]) {
        return Err(Error::new(name.span(), message));
    }
    input.parse::<Token![=]>()?;
    let from = input.span();
    input.call(Path::parse_mod_style).map_err(|_| Error::new(from, message))
}

/// The name that `#[column(name = "..")]` gives, else the field's.
fn column_name(field: &Field) -> Result<LitStr> {
    let ident = field.ident.as_ref();
    let mut name = ident.map(|ident| LitStr::new(&plain(ident), ident.span()));
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("column"))
    {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                let option = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                return Err(meta.error(unknown("option", &option, &COLUMN)));
            }
            let text: LitStr = meta.value()?.parse()?;
            if text.value().is_empty() {
                return Err(Error::new(text.span(), "a column has a name"));
            }
            name = Some(text);
            Ok(())
        })?;
    }
    name.ok_or_else(|| Error::new(field.span(), "a column has a name"))
}
