//! The file as a tree whose every part knows its place.

use super::place::{Place, Places};
use larder_io_core::Result;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and its place. It has no `Debug`: it may be a secret.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Clone)]
pub(crate) enum Value {
    /// A string, before variables are put in.
    Text(String),
    /// A number, boolean or date as text, and what it is.
    Scalar(String, &'static str),
    List(Vec<Item>),
    Table(Vec<Entry>),
}

/// A key with its own place, and what it stands for.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) item: Item,
}

impl Item {
    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a string",
            Value::Scalar(_, kind) => kind,
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    pub(crate) fn text(self, what: &str) -> Result<(String, Place)> {
        match self.value {
            Value::Text(text) => Ok((text, self.place)),
            _ => Err(self
                .place
                .wrong(format_args!("{what} is a string, not {}", self.kind()))),
        }
    }

    /// A number of bytes up to a limit.
    pub(crate) fn size(self, what: &str, most: usize) -> Result<usize> {
        let wrong = |found: &str| {
            self.place.wrong(format_args!(
                "{what} is a number of bytes from 0 to {most}, not {found}"
            ))
        };
        match &self.value {
            Value::Scalar(number, "an integer") => match number.parse() {
                Ok(bytes) if bytes <= most => Ok(bytes),
                _ => Err(wrong(number)),
            },
            _ => Err(wrong(self.kind())),
        }
    }

    pub(crate) fn table(self, what: &str) -> Result<Vec<Entry>> {
        match self.value {
            Value::Table(entries) => Ok(entries),
            _ => Err(self.place.wrong(format_args!("{what} is a table, not {}", self.kind()))),
        }
    }
}

/// Parses a document.
///
/// # Errors
/// `InvalidConfig` with the place of what is no TOML.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Entry>> {
    let places = Places::new(file, text);
    let document = DeTable::parse(text).map_err(|error| {
        // The error itself would show the line, which may hold a secret.
        let at = error.span().map_or(text.len(), |span| span.start);
        places
            .at(at)
            .wrong(format_args!("this is no TOML: {}", error.message()))
    })?;
    entries(document.get_ref(), &places)
}

fn entries(table: &DeTable<'_>, places: &Places<'_>) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        entries.push((
            key.span().start,
            Entry {
                key: key.get_ref().to_string(),
                place: places.at(key.span().start),
                item: item(value, places)?,
            },
        ));
    }
    // The parser sorts by name; people read from top to bottom.
    entries.sort_by_key(|(at, _)| *at);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn item(value: &Spanned<DeValue<'_>>, places: &Places<'_>) -> Result<Item> {
    let place = places.at(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Scalar(number.to_string(), "an integer"),
            Err(_) => return Err(place.wrong("this integer is too large")),
        },
        DeValue::Float(number) => Value::Scalar(number.as_str().to_owned(), "a number"),
        DeValue::Boolean(truth) => Value::Scalar(truth.to_string(), "a boolean"),
        DeValue::Datetime(time) => Value::Scalar(time.to_string(), "a date or time"),
        DeValue::Array(items) => {
            let items: Result<Vec<Item>> = items.iter().map(|value| item(value, places)).collect();
            Value::List(items?)
        }
        DeValue::Table(table) => Value::Table(entries(table, places)?),
    };
    Ok(Item { place, value })
}
