//! Which settings a type has, for schemas and for names that would mean two things.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// Names of the fields of a struct that derives `Deserialize`; none of anything else.
pub(super) fn fields<S: DeserializeOwned>() -> &'static [&'static str] {
    let mut known = None;
    // It always fails: there is nothing to read.
    let _ = S::deserialize(Asked(&mut known));
    known.unwrap_or_default()
}

/// Is told which fields a type would like to read, and gives none.
struct Asked<'k>(&'k mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is nothing to read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = Some(fields);
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::fields;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Pool {
        url: String,
        #[serde(default, rename = "most")]
        size: u32,
    }

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Wrapped(Pool);

    #[test]
    fn a_struct_tells_its_fields_and_nothing_else_does() {
        assert_eq!(fields::<Pool>(), ["url", "most"]);
        assert_eq!(fields::<Wrapped>(), ["url", "most"]);
        assert!(fields::<()>().is_empty());
        assert!(fields::<std::collections::BTreeMap<String, String>>().is_empty());
    }
}
