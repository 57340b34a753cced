//! Whether a row comes back as it was: the deserializer of a load, against the cell that was stored.

use super::cell::Cell;
use super::{Refused, refused};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Takes what a deserializer gives if it is this cell.
#[derive(Clone, Copy)]
pub(super) struct Expect<'c>(pub(super) &'c Cell);

impl Expect<'_> {
    fn differs<T, E: Error>(self, found: impl fmt::Debug) -> Result<T, E> {
        Err(E::custom(format!("{:?} comes back as {found:?}", self.0)))
    }

    fn integer<E: Error>(self, found: i128) -> Result<(), E> {
        match self.0 {
            Cell::Int(_, value) if *value == found => Ok(()),
            _ => self.differs(found),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Expect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// NaN has many encodings of bits, all of which are kept.
fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

impl<'de> Visitor<'de> for Expect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }

    fn visit_bool<E: Error>(self, found: bool) -> Result<(), E> {
        match self.0 {
            Cell::Bool(value) if *value == found => Ok(()),
            _ => self.differs(found),
        }
    }

    fn visit_i64<E: Error>(self, found: i64) -> Result<(), E> {
        self.integer(i128::from(found))
    }

    fn visit_u64<E: Error>(self, found: u64) -> Result<(), E> {
        self.integer(i128::from(found))
    }

    fn visit_f32<E: Error>(self, found: f32) -> Result<(), E> {
        match self.0 {
            Cell::F32(value) if same(f64::from(*value), f64::from(found)) => Ok(()),
            _ => self.differs(found),
        }
    }

    fn visit_f64<E: Error>(self, found: f64) -> Result<(), E> {
        match self.0 {
            Cell::F64(value) if same(*value, found) => Ok(()),
            Cell::F32(value) if same(f64::from(*value), found) => Ok(()),
            _ => self.differs(found),
        }
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<(), E> {
        match self.0 {
            Cell::Text(value) if value == found => Ok(()),
            _ => self.differs(found),
        }
    }

    fn visit_bytes<E: Error>(self, found: &[u8]) -> Result<(), E> {
        match self.0 {
            Cell::Bytes(value) if value == found => Ok(()),
            _ => self.differs(found),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.0 {
            Cell::Null => Ok(()),
            _ => self.differs("null"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut found: A) -> Result<(), A::Error> {
        let Cell::List(items) = self.0 else {
            return self.differs("a sequence");
        };
        for item in items {
            if found.next_element_seed(Expect(item))?.is_none() {
                return self.differs("a shorter sequence");
            }
        }
        match found.next_element_seed(Ignored)? {
            None => Ok(()),
            Some(()) => self.differs("a longer sequence"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut found: A) -> Result<(), A::Error> {
        match self.0 {
            Cell::Entries(entries) if entries.iter().any(|(key, _)| !matches!(key, Cell::Text(_))) => {
                for (key, value) in entries {
                    if found.next_key_seed(Expect(key))?.is_none() {
                        return self.differs("a smaller map");
                    }
                    found.next_value_seed(Expect(value))?;
                }
                match found.next_key_seed(Ignored)? {
                    None => Ok(()),
                    Some(()) => self.differs("a larger map"),
                }
            }
            Cell::Fields(_) | Cell::Entries(_) => {
                let cells = super::shape::cells_of(self.0).map_err(A::Error::custom)?;
                let mut count = 0;
                while let Some(name) = found.next_key::<Cow<'_, str>>()? {
                    let here = cells.get(count).filter(|(known, _)| *known == name);
                    let cell = here.or_else(|| cells.iter().find(|(known, _)| *known == name));
                    let Some((_, cell)) = cell else {
                        return self.differs(name);
                    };
                    found.next_value_seed(Expect(cell))?;
                    count += 1;
                }
                match count == cells.len() {
                    true => Ok(()),
                    false => self.differs("other fields"),
                }
            }
            _ => self.differs("a map"),
        }
    }
}

/// Takes whatever is left over.
struct Ignored;

impl<'de> DeserializeSeed<'de> for Ignored {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        IgnoredAny::deserialize(deserializer).map(drop)
    }
}

/// Compares the rows of a chunk with what a load would give.
pub(super) fn rows(cells: &[Cell], batch: &arrow_array::RecordBatch) -> Result<(), Refused> {
    let view = super::read::View::of_batch(batch)?;
    if batch.num_rows() != cells.len() {
        return refused("rows were lost");
    }
    for (row, cell) in cells.iter().enumerate() {
        Expect(cell).deserialize(super::read::Item { view: &view, row })?;
    }
    Ok(())
}
