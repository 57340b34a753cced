//! Where in an object the trouble is: its serialization failed, or a format would lose something of it.

use larder_io_core::Value;
use larder_io_core::object::serialize_object;
use serde::ser::{self, Serialize};
use std::fmt;

/// What is looked for, besides whatever the value's own types refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A NaN or an infinity.
    NonFinite,
    /// A null within an option that is there.
    NestedNull,
    /// A key of a map that is no text, number or bool.
    Key,
}

/// The first place of a trouble, with the type there: `orders[3].price (f64, in Order)`; `None` where none is found.
pub(super) fn find(value: &Value, trouble: Trouble) -> Option<String> {
    let mut search = Search {
        trouble,
        path: Vec::new(),
        types: Vec::new(),
        after_some: false,
        found: None,
    };
    // It ends with an error where the trouble is.
    let ended = serialize_object(value, At(&mut search));
    match (search.found.take(), ended) {
        (Some(found), _) => Some(found),
        // A type of the value refused: it did while the path led there.
        (None, Err(_)) => Some(search.place(None)),
        (None, Ok(())) => None,
    }
}

/// Characters of a place that are told.
const LONGEST: usize = 200;
/// Values that are nested deeper are refused everywhere, and could run the search out of stack.
const DEEPEST: usize = 128;

struct Search {
    trouble: Trouble,
    path: Vec<Step>,
    /// Structs and enums on the way.
    types: Vec<&'static str>,
    /// Whether an option was entered just now.
    after_some: bool,
    found: Option<String>,
}

enum Step {
    Field(&'static str),
    Index(usize),
    Key(String),
}

impl Search {
    fn place(&self, kind: Option<&str>) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) => text.extend([".", name]),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
                Step::Key(key) => text.push_str(&format!("[{key:?}]")),
            }
        }
        let place = match text.char_indices().nth(LONGEST) {
            _ if text.is_empty() => "the value itself".to_owned(),
            None => format!("`{text}`"),
            Some((end, _)) => format!("`{}…`", &text[..end]),
        };
        match (kind, self.types.last()) {
            (Some(kind), Some(within)) => format!("{place} ({kind}, in {within})"),
            (Some(kind), None) => format!("{place} ({kind})"),
            (None, Some(within)) => format!("{place} (in {within})"),
            (None, None) => place,
        }
    }

    fn here(&mut self, kind: &str) -> Stop {
        let place = self.place(Some(kind));
        self.found.get_or_insert(place);
        Stop
    }
}

/// The search is over.
#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the search is over")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Serializes a part of the value, at the end of the path.
struct At<'s>(&'s mut Search);

/// Serializes what a list, map or struct holds; takes the way back at its end.
struct Within<'s> {
    search: &'s mut Search,
    index: usize,
    /// How many types were entered.
    entered: usize,
    key: String,
}

impl<'s> Within<'s> {
    fn new(search: &'s mut Search, types: &[&'static str]) -> Self {
        search.types.extend(types);
        Self {
            search,
            index: 0,
            entered: types.len(),
            key: String::new(),
        }
    }

    fn part<T: Serialize + ?Sized>(&mut self, step: Step, value: &T) -> Result<(), Stop> {
        self.search.path.push(step);
        self.search.after_some = false;
        if self.search.path.len() > DEEPEST {
            return Err(Stop);
        }
        // On failure the path stays, to be told.
        value.serialize(At(self.search))?;
        self.search.path.pop();
        Ok(())
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        self.index += 1;
        self.part(Step::Index(self.index - 1), value)
    }

    fn left(self) -> Result<(), Stop> {
        let left = self.search.types.len().saturating_sub(self.entered);
        self.search.types.truncate(left);
        Ok(())
    }
}

macro_rules! plain {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, _: $type) -> Result<(), Stop> {
            Ok(())
        }
    )*};
}

impl<'s> ser::Serializer for At<'s> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Within<'s>;
    type SerializeTuple = Within<'s>;
    type SerializeTupleStruct = Within<'s>;
    type SerializeTupleVariant = Within<'s>;
    type SerializeMap = Within<'s>;
    type SerializeStruct = Within<'s>;
    type SerializeStructVariant = Within<'s>;

    plain!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_char: char, serialize_str: &str, serialize_bytes: &[u8]
    );

    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        match value.is_finite() || self.0.trouble != Trouble::NonFinite {
            true => Ok(()),
            false => Err(self.0.here(&format!("f32 {value}"))),
        }
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        match value.is_finite() || self.0.trouble != Trouble::NonFinite {
            true => Ok(()),
            false => Err(self.0.here(&format!("f64 {value}"))),
        }
    }

    fn serialize_none(self) -> Result<(), Stop> {
        match self.0.after_some && self.0.trouble == Trouble::NestedNull {
            true => Err(self.0.here("an option that holds nothing")),
            false => Ok(()),
        }
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        self.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        self.0.after_some = true;
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Stop> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let mut within = Within::new(self.0, &[name]);
        within.part(Step::Field(variant), value)?;
        within.left()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Within<'s>, Stop> {
        Ok(Within::new(self.0, &[]))
    }

    fn serialize_tuple(self, _: usize) -> Result<Within<'s>, Stop> {
        Ok(Within::new(self.0, &[]))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Within<'s>, Stop> {
        Ok(Within::new(self.0, &[name]))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Within<'s>, Stop> {
        Ok(Within::new(self.0, &[name]))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Within<'s>, Stop> {
        Ok(Within::new(self.0, &[]))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Within<'s>, Stop> {
        Ok(Within::new(self.0, &[name]))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Within<'s>, Stop> {
        Ok(Within::new(self.0, &[name]))
    }
}

/// Everything whose items have no names.
macro_rules! items {
    ($($trait:ident :: $method:ident),*) => {$(
        impl ser::$trait for Within<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
                self.item(value)
            }

            fn end(self) -> Result<(), Stop> {
                self.left()
            }
        }
    )*};
}
items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

impl ser::SerializeMap for Within<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        self.key = match text_of(key) {
            Ok(text) => text,
            Err(what) if self.search.trouble == Trouble::Key => {
                return Err(self.search.here(&format!("a map whose keys are {what}")));
            }
            Err(_) => "..".to_owned(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let key = std::mem::take(&mut self.key);
        self.part(Step::Key(key), value)
    }

    fn end(self) -> Result<(), Stop> {
        self.left()
    }
}

impl ser::SerializeStruct for Within<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Stop> {
        self.part(Step::Field(name), value)
    }

    fn end(self) -> Result<(), Stop> {
        self.left()
    }
}

impl ser::SerializeStructVariant for Within<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Stop> {
        self.part(Step::Field(name), value)
    }

    fn end(self) -> Result<(), Stop> {
        self.left()
    }
}

/// The text of a key, or what it is instead of one. Asks JSON: it has the words for it.
fn text_of<T: Serialize + ?Sized>(key: &T) -> Result<String, &'static str> {
    use serde_json::Value as Json;
    match serde_json::to_value(key) {
        Ok(Json::String(text)) => Ok(text),
        Ok(Json::Number(number)) => Ok(number.to_string()),
        Ok(Json::Bool(flag)) => Ok(flag.to_string()),
        Ok(Json::Null) => Err("null or NaN"),
        Ok(Json::Array(_)) => Err("lists or tuples"),
        Ok(Json::Object(_)) => Err("structs, maps or enums with values"),
        Err(_) => Err("of a type that refuses"),
    }
}
