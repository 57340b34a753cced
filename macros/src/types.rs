//! Questions about types as they are written: a macro sees names, not what they stand for.

use crate::names::plain;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, GenericArgument, PathArguments, Result, Type};

/// The type without the parentheses, and without the invisible ones that `macro_rules!` adds.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        other => other,
    }
}

pub(crate) fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| plain(&segment.ident)),
        _ => None,
    }
}

/// The types between the angle brackets of the last segment.
pub(crate) fn arguments(ty: &Type) -> Vec<Type> {
    let Type::Path(path) = ty else {
        return Vec::new();
    };
    match path.path.segments.last().map(|segment| &segment.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) => arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(bare(ty).clone()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Refuses a type that borrows: a value crosses to storage and back, and outlives the call.
pub(crate) fn owned(ty: &Type, what: &str) -> Result<()> {
    let message = format!("{what} is owned: a type that borrows cannot be stored, but `String` and `Vec<T>` can");
    match borrow_in(ty.to_token_stream()) {
        Some(span) => Err(Error::new(span, message)),
        None => Ok(()),
    }
}

fn borrow_in(tokens: TokenStream) -> Option<Span> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == '&' => return Some(punct.span()),
            TokenTree::Punct(punct) if punct.as_char() == '\'' => match tokens.peek() {
                Some(TokenTree::Ident(name)) if name == "static" => {}
                _ => return Some(punct.span()),
            },
            TokenTree::Group(group) => {
                if let Some(span) = borrow_in(group.stream()) {
                    return Some(span);
                }
            }
            _ => {}
        }
    }
    None
}

pub(crate) fn word_in(tokens: &TokenStream, word: &str) -> Option<Span> {
    tokens.clone().into_iter().find_map(|token| match &token {
        TokenTree::Ident(ident) if ident == word => Some(ident.span()),
        TokenTree::Group(group) => word_in(&group.stream(), word),
        _ => None,
    })
}
