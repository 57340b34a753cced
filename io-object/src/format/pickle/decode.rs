//! Reads the texts and integers of a pickle from their bytes.

use super::value::Node;
use super::{Error, shown};

/// Reads text as Python keeps it: UTF-8, except that Python lets half a surrogate pair stand alone.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    str::from_utf8(bytes).map_err(|error| match bytes.get(error.valid_up_to()..) {
        Some([0xed, 0xa0..=0xbf, ..]) => lone_surrogate(),
        _ => Error::new("a text is not UTF-8"),
    })
}

fn lone_surrogate() -> Error {
    Error::new("a text has a lone surrogate, which no UTF-8 text can hold")
}

/// Reads the text of protocol 0: Latin-1, in which `\uXXXX` and `\UXXXXXXXX` stand for other characters.
pub(super) fn raw_unicode_escape(line: &[u8]) -> Result<String, Error> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        let (digits, after) = match rest {
            [] => return Ok(text),
            [b'\\', b'u', after @ ..] => (4, after),
            [b'\\', b'U', after @ ..] => (8, after),
            // A backslash takes the character after it along, so that in `\\u0041` nothing is escaped.
            [b'\\', next, after @ ..] => {
                text.extend(['\\', char::from(*next)]);
                rest = after;
                continue;
            }
            [byte, after @ ..] => {
                text.push(char::from(*byte));
                rest = after;
                continue;
            }
        };
        let (code, after) = after
            .split_at_checked(digits)
            .ok_or_else(|| Error::new("a text ends within an escape"))?;
        text.push(escaped(code)?);
        rest = after;
    }
}

/// The character of a code in hexadecimal digits.
fn escaped(digits: &[u8]) -> Result<char, Error> {
    let code = hex(digits).ok_or_else(|| Error::new("a text has a broken escape"))?;
    match char::from_u32(code) {
        Some(char) => Ok(char),
        None if (0xd800..0xe000).contains(&code) => Err(lone_surrogate()),
        None => Err(Error::new("a text has an escape of no character")),
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |code, digit| {
        code.checked_mul(16)?.checked_add(char::from(*digit).to_digit(16)?)
    })
}

/// Reads the quoted `str` of Python 2 in protocol 0, which must be ASCII: Python 3 cannot know its encoding either.
pub(super) fn python2_string(line: &[u8]) -> Result<String, Error> {
    let mut rest = match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        _ => return Err(Error::new("a text of Python 2 is not in quotes")),
    };
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        let (byte, after) = match rest {
            [] => return python2_text(&bytes).map(str::to_owned),
            [b'\\', b'n', after @ ..] => (b'\n', after),
            [b'\\', b'r', after @ ..] => (b'\r', after),
            [b'\\', b't', after @ ..] => (b'\t', after),
            [b'\\', b'x', high, low, after @ ..] => {
                let code = hex(&[*high, *low]).and_then(|code| u8::try_from(code).ok());
                (code.ok_or_else(|| Error::new("a text has a broken escape"))?, after)
            }
            [b'\\', quoted @ (b'\\' | b'\'' | b'"'), after @ ..] => (*quoted, after),
            [b'\\', ..] => return Err(Error::new("a text has an escape that Python 2 does not write")),
            [byte, after @ ..] => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
}

/// Reads the `str` of Python 2, as ASCII.
pub(super) fn python2_text(bytes: &[u8]) -> Result<&str, Error> {
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Ok(text),
        _ => Err(Error::new(
            "a `str` of Python 2 is not ASCII, and nothing says what encoding it has",
        )),
    }
}

/// Reads an integer in decimal digits. Like Python, it takes no zeros in front.
pub(super) fn decimal(digits: &str) -> Result<Node, Error> {
    let number = digits.strip_prefix('-').unwrap_or(digits);
    let padded = digits.len() > 1 && number.starts_with('0');
    if number.is_empty() || padded || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::new(format!("`{}` is no number", shown(digits))));
    }
    match (digits.parse(), digits.parse()) {
        (Ok(int), _) => Ok(Node::Int(int)),
        (_, Ok(int)) => Ok(Node::Unsigned(int)),
        _ => Err(too_large()),
    }
}

/// Reads a float in decimal digits; only `inf` itself is infinite.
pub(super) fn float(digits: &str) -> Result<Node, Error> {
    match digits.parse::<f64>() {
        Ok(float) if float.is_finite() || !digits.bytes().any(|byte| byte.is_ascii_digit()) => Ok(Node::Float(float)),
        _ => Err(Error::new(format!("`{}` is no float", shown(digits)))),
    }
}

/// Reads an integer in little-endian two's complement, in any number of bytes.
pub(super) fn long(bytes: &[u8]) -> Result<Node, Error> {
    let negative = bytes.last().is_some_and(|last| *last >= 0x80);
    let fill = if negative { 0xff } else { 0 };
    let mut low = [fill; 16];
    for (low, byte) in low.iter_mut().zip(bytes) {
        *low = *byte;
    }
    let int = i128::from_le_bytes(low);
    match (
        bytes.iter().skip(16).all(|byte| *byte == fill),
        (int < 0) == negative,
        negative,
    ) {
        (true, true, _) => Ok(Node::Int(int)),
        (true, false, false) => Ok(Node::Unsigned(u128::from_le_bytes(low))),
        _ => Err(too_large()),
    }
}

fn too_large() -> Error {
    Error::new("an integer is too large: only those of 128 bits, signed or not, are read")
}
