//! The types of a csv file that somebody else wrote: the narrowest that every row fits.

use super::csv::{Texts, header};
use super::csv_tokens::Tokens;
use super::feed::Feed;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_cast::parse::Parser;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// Types in the order in which they are tried; text is what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    Boolean,
    Integer,
    Float,
    Date,
    Moment,
    MomentWithZone,
}

const GUESSES: [Guess; 6] = [
    Guess::Boolean,
    Guess::Integer,
    Guess::Float,
    Guess::Date,
    Guess::Moment,
    Guess::MomentWithZone,
];

impl Guess {
    fn fits(self, text: &str) -> bool {
        // A number with a zero before it is a code: reading it as a number would lose the zero.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let number = digits.starts_with(|c: char| c.is_ascii_digit())
            && !(digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit()));
        let zoned = || {
            let time = text.get(10..).unwrap_or_default();
            time.contains(['Z', 'z', '+', '-'])
        };
        match self {
            Self::Boolean => matches!(text, "true" | "false" | "True" | "False" | "TRUE" | "FALSE"),
            Self::Integer => number && text.parse::<i64>().is_ok(),
            // A whole number that is none of 64 bits would lose digits.
            Self::Float => {
                let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
                matches!(text, "NaN" | "nan" | "inf" | "-inf")
                    || number && text.parse::<f64>().is_ok() && (!whole || text.parse::<i64>().is_ok())
            }
            Self::Date => is_date(text) && Date32Type::parse(text).is_some(),
            Self::Moment => is_moment(text) && !zoned(),
            Self::MomentWithZone => is_moment(text) && zoned(),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Moment => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::MomentWithZone => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        }
    }
}

fn is_date(text: &str) -> bool {
    let shape = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.eq(*b"0000-00-00")
}

fn is_moment(text: &str) -> bool {
    // More digits than microseconds have would be cut.
    let fraction = text
        .split_once('.')
        .map_or(0, |(_, after)| after.bytes().take_while(u8::is_ascii_digit).count());
    text.get(..10).is_some_and(is_date)
        && text.get(10..11).is_some_and(|between| between == "T" || between == " ")
        && fraction <= 6
        && TimestampMicrosecondType::parse(text).is_some()
}

pub(super) fn infer(feed: Feed) -> Result<SchemaRef, String> {
    let mut tokens = Tokens::new(feed);
    let names = header(&mut tokens)?;
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return Err(format!("two columns are named `{name}`"));
        }
    }
    // What each column may still be; nothing for text. A column without a value is text.
    let mut open: Vec<Vec<Guess>> = vec![GUESSES.to_vec(); names.len()];
    let mut seen = vec![false; names.len()];
    let mut texts = Texts::new(tokens, names.len());
    while let Some(columns) = texts.next()? {
        for ((column, guesses), seen) in columns.iter().zip(&mut open).zip(&mut seen) {
            for text in column.iter().flatten() {
                *seen = true;
                guesses.retain(|guess| guess.fits(text));
                if guesses.is_empty() {
                    break;
                }
            }
        }
    }
    let fields = names.into_iter().zip(open).zip(seen).map(|((name, guesses), seen)| {
        let guess = guesses.first().filter(|_| seen);
        Field::new(name, guess.map_or(DataType::Utf8, |guess| guess.data_type()), true)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}
