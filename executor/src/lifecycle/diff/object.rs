//! Objects beside each other, as JSON.

use larder_io_core::object::AsObject;
use larder_io_core::{Error, ErrorKind, Result, Value};
use serde::Serialize;
use serde_json::Value as Json;

/// Where objects differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ObjectDifference {
    /// The first places.
    pub places: Vec<Place>,
    /// How many places there are in all.
    pub count: u64,
}

/// One place of an object that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// A JSON pointer: `/carriers/0/name`; empty for the whole.
    pub at: String,
    /// What was there; `None` for nothing.
    pub was: Option<Json>,
    /// What is there; `None` for nothing.
    pub is: Option<Json>,
}

/// `None` for the same object.
pub(super) fn compare(one: &Value, other: &Value, limit: usize) -> Result<Option<ObjectDifference>> {
    let json = |value: &Value| {
        serde_json::to_value(AsObject(value)).map_err(|cause| {
            let message = format!("the value cannot be shown as JSON, so that it cannot be compared: {cause}");
            Error::new(ErrorKind::Unsupported, message).with_source(cause)
        })
    };
    let mut found = ObjectDifference {
        places: Vec::new(),
        count: 0,
    };
    found.walk(&mut String::new(), &json(one)?, &json(other)?, limit);
    Ok((found.count > 0).then_some(found))
}

impl ObjectDifference {
    fn walk(&mut self, at: &mut String, was: &Json, is: &Json, limit: usize) {
        match (was, is) {
            (Json::Object(was), Json::Object(is)) => {
                for (name, was) in was {
                    self.below(at, &escaped(name), Some(was), is.get(name), limit);
                }
                for (name, is) in is.iter().filter(|(name, _)| !was.contains_key(*name)) {
                    self.below(at, &escaped(name), None, Some(is), limit);
                }
            }
            (Json::Array(was), Json::Array(is)) => {
                for index in 0..was.len().max(is.len()) {
                    self.below(at, &index.to_string(), was.get(index), is.get(index), limit);
                }
            }
            (was, is) if was == is => {}
            (was, is) => self.add(at, Some(was), Some(is), limit),
        }
    }

    fn below(&mut self, at: &mut String, name: &str, was: Option<&Json>, is: Option<&Json>, limit: usize) {
        let length = at.len();
        at.push('/');
        at.push_str(name);
        match (was, is) {
            (Some(was), Some(is)) => self.walk(at, was, is, limit),
            _ => self.add(at, was, is, limit),
        }
        at.truncate(length);
    }

    fn add(&mut self, at: &str, was: Option<&Json>, is: Option<&Json>, limit: usize) {
        self.count += 1;
        if self.places.len() < limit {
            self.places.push(Place {
                at: at.to_owned(),
                was: was.cloned(),
                is: is.cloned(),
            });
        }
    }
}

/// A name within a pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_io_core::AssetValue;
    use serde_json::json;

    fn found(one: Json, other: Json) -> Vec<(String, Option<Json>, Option<Json>)> {
        let found = compare(&one.into_value(), &other.into_value(), 10).expect("compares");
        let places = found.map(|found| found.places).unwrap_or_default();
        places
            .into_iter()
            .map(|place| (place.at, place.was, place.is))
            .collect()
    }

    #[test]
    fn places_are_pointers() {
        let one = json!({ "a": 1, "b": [1, 2, { "c/d": null }], "gone": true });
        let other = json!({ "a": 1, "b": [1, 3, { "c/d": 0 }, 4], "new": "x" });
        assert_eq!(
            found(one.clone(), other),
            [
                ("/b/1".to_owned(), Some(json!(2)), Some(json!(3))),
                ("/b/2/c~1d".to_owned(), Some(Json::Null), Some(json!(0))),
                ("/b/3".to_owned(), None, Some(json!(4))),
                ("/gone".to_owned(), Some(json!(true)), None),
                ("/new".to_owned(), None, Some(json!("x"))),
            ]
        );
        assert_eq!(found(one.clone(), one), []);
        assert_eq!(
            found(json!(1), json!([1])),
            [(String::new(), Some(json!(1)), Some(json!([1])))]
        );
    }

    #[test]
    fn all_are_counted_and_some_are_told() {
        let numbers = |from: u64| Json::from((from..from + 100).collect::<Vec<_>>());
        let found = compare(&numbers(0).into_value(), &numbers(1).into_value(), 3).expect("compares");
        let found = found.expect("differ");
        assert_eq!((found.count, found.places.len()), (100, 3));
    }
}
