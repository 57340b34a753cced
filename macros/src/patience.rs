//! Readers of `retries` and `timeout`.

use crate::read::text;
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::ParseStream;
use syn::{Error, Expr, Ident, LitInt, LitStr, Result, Token};

/// Reads `= 3`.
pub(crate) fn retries(name: &Ident, input: ParseStream<'_>) -> Result<u32> {
    let message = "`retries` is a whole number: write `retries = 3`, or `retries = 0` for never";
    if input.parse::<Option<Token![=]>>()?.is_none() || input.is_empty() {
        return Err(Error::new(name.span(), message));
    }
    if input.peek(LitInt) {
        let number: LitInt = input.parse()?;
        let parsed = number.base10_parse::<u32>().ok().filter(|_| number.suffix().is_empty());
        return parsed
            .filter(|retries| *retries < u32::MAX)
            .ok_or_else(|| Error::new(number.span(), message));
    }
    match input.parse::<Expr>() {
        Ok(expression) => Err(Error::new_spanned(expression, message)),
        Err(_) => Err(Error::new(name.span(), message)),
    }
}

/// Reads `= "5m"`, in milliseconds.
pub(crate) fn timeout(name: &Ident, input: ParseStream<'_>) -> Result<u64> {
    let literal: LitStr = text(name, input)?;
    let written = literal.value();
    let message = match milliseconds(&written) {
        Some(0) => "`timeout` is 0, so that it could never run: give it some time, or remove the option".to_owned(),
        Some(time) => return Ok(time),
        None => {
            format!("`{written}` is no duration: write whole numbers with a unit, as in `500ms`, `30s`, `5m`, `1h 30m`")
        }
    };
    Err(Error::new(literal.span(), message))
}

/// `1h 30m` in milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let mut total: Option<u64> = None;
    for part in text.split_ascii_whitespace() {
        let unit = part.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, unit) = part.split_at(unit);
        let each = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let time = number.parse::<u64>().ok()?.checked_mul(each)?;
        total = Some(total.unwrap_or(0).checked_add(time)?);
    }
    total
}

/// What the builder is told.
pub(crate) fn settings(retries: Option<u32>, timeout: Option<u64>) -> TokenStream {
    let retries = retries.map(|retries| quote!(.retries(#retries)));
    let timeout = timeout.map(|timeout| quote!(.timeout(::core::time::Duration::from_millis(#timeout))));
    quote!(#retries #timeout)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn reads_durations() {
        for (text, wanted) in [
            ("500ms", Some(500)),
            ("5m", Some(300_000)),
            ("1h 30m", Some(5_400_000)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("m", None),
            ("-5s", None),
            ("1.5s", None),
            ("5 m", None),
            ("5 parsecs", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(milliseconds(text), wanted, "{text}");
        }
    }
}
