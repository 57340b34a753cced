//! The attributes of a parameter: which asset, which partitions of it.

use crate::names::check_key;
use syn::{Error, Expr, LitStr, Meta, PatType, Result};

/// Attributes of parameters that only the macro reads.
pub(crate) const OWN: [&str; 3] = ["from", "mapping", "allow_missing"];

/// The key in `#[from("group/name")]`.
pub(crate) fn from(argument: &PatType) -> Result<Option<LitStr>> {
    let mut found = None;
    for attr in argument.attrs.iter().filter(|attr| attr.path().is_ident("from")) {
        if found.is_some() {
            return Err(Error::new_spanned(
                attr,
                "a parameter comes from one asset: remove one `#[from]`",
            ));
        }
        let key: LitStr = attr.parse_args().map_err(|_| {
            Error::new_spanned(
                attr,
                "`#[from]` takes the key of an asset: write `#[from(\"clean/flights\")]`",
            )
        })?;
        check_key("key", &key)?;
        found = Some(key);
    }
    Ok(found)
}

/// The expression in `#[mapping(Mapping::Previous)]`.
pub(crate) fn mapping(argument: &PatType) -> Result<Option<Expr>> {
    let mut found = None;
    for attr in argument.attrs.iter().filter(|attr| attr.path().is_ident("mapping")) {
        if found.is_some() {
            return Err(Error::new_spanned(
                attr,
                "a parameter is mapped once: remove one `#[mapping]`",
            ));
        }
        let mapping: Expr = attr.parse_args().map_err(|_| {
            let message = "`#[mapping]` takes an expression: write `#[mapping(Mapping::Previous)]`";
            Error::new_spanned(attr, message)
        })?;
        found = Some(mapping);
    }
    Ok(found)
}

/// Whether `#[allow_missing]` stands there.
pub(crate) fn allow_missing(argument: &PatType) -> Result<bool> {
    let mut found = false;
    for attr in argument
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("allow_missing"))
    {
        if !matches!(attr.meta, Meta::Path(_)) {
            return Err(Error::new_spanned(attr, "`#[allow_missing]` takes nothing"));
        }
        found = true;
    }
    Ok(found)
}
