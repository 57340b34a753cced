//! Names and texts as SQL has them.

use arrow_schema::Schema;
use larder_io_core::{Location, WriteId};

pub(crate) use larder_postgres::{MAX_NAME, literal, quoted};

/// What the names of everything begin with that is larder's own. No view is called so.
const OWN: &str = "larder_";
/// The bookkeeping table.
pub(crate) const VALUES: &str = "larder_values";
/// What the names of tables with rows begin with, staged ones and those of every version.
pub(crate) const DATA: &str = "larder_data_";
/// Hexadecimal digits of a hash in a name: 80 bits.
const HASH_DIGITS: usize = 20;
/// What a column cannot be called: PostgreSQL's own.
/// <https://www.postgresql.org/docs/current/ddl-system-columns.html>
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// A new name for a table with rows.
pub(crate) fn data_table() -> String {
    format!("{DATA}{}", WriteId::random())
}

/// The name of the view of an asset, by its location: `clean/flights` is `clean__flights`. Different locations have
/// different names of at most 63 bytes: one that is not made of lower-case letters, digits and single `_`, or is too long,
/// gets three `_` and a hash.
pub(crate) fn view(location: &Location) -> String {
    let text = location.as_str();
    let name = text.replace('/', "__");
    let plain = |segment: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        segment.bytes().all(allowed) && !segment.starts_with('_') && !segment.ends_with('_') && !segment.contains("__")
    };
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if begins && name.len() <= MAX_NAME && text.split('/').all(plain) && !name.starts_with(OWN) {
        return name;
    }
    let mut readable = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => readable.push(c),
            _ if readable.is_empty() || readable.ends_with('_') => {}
            _ => readable.push('_'),
        }
    }
    if !readable.starts_with(|c: char| c.is_ascii_lowercase()) || readable.starts_with(OWN) {
        readable.insert_str(0, "asset_");
    }
    readable.truncate(MAX_NAME - HASH_DIGITS - 3);
    let readable = readable.trim_end_matches('_');
    let hash = blake3::hash(text.as_bytes()).to_hex();
    format!("{readable}___{}", &hash[..HASH_DIGITS])
}

/// Names of a table's columns: the schema's own, but for those that PostgreSQL cannot have or that come twice.
pub(crate) fn columns(schema: &Schema) -> Vec<String> {
    let own: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut names: Vec<String> = Vec::with_capacity(own.len());
    for (index, name) in own.iter().enumerate() {
        let possible = !name.is_empty()
            && name.len() <= MAX_NAME
            && !name.contains('\0')
            && !SYSTEM_COLUMNS.contains(name)
            && !own[..index].contains(name);
        names.push(match possible {
            true => (*name).to_owned(),
            false => other_name(index, &own),
        });
    }
    names
}

/// A name that no column has, neither its own nor one that was given here.
fn other_name(index: usize, own: &[&str]) -> String {
    let mut name = format!("larder_column_{}", index + 1);
    while own.contains(&name.as_str()) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::{DataType, Field};
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn at(text: &str) -> Location {
        text.parse().expect("is a location")
    }

    #[test]
    fn plain_locations_are_readable() {
        for (location, name) in [
            ("flights", "flights"),
            ("clean/flights", "clean__flights"),
            ("raw_transactions", "raw_transactions"),
            ("a/b_c/d", "a__b_c__d"),
        ] {
            assert_eq!(view(&at(location)), name);
        }
        for odd in [
            "a__b",
            "_a",
            "a_/b",
            "A",
            "1a",
            "larder_values",
            "larder_data_x",
            "é",
            "date=2024-01-01/data",
            "'; drop table x; --",
        ] {
            let name = view(&at(odd));
            assert!(name.contains("___") && !name.starts_with("larder_"), "{odd}: {name}");
        }
    }

    proptest! {
        #[test]
        fn names_are_short_and_of_one_location(texts in proptest::collection::vec("[a-c_/A.é ]{1,9}|[ab_/]{50,70}", 2..60)) {
            let mut seen: HashMap<String, Location> = HashMap::new();
            for location in texts.iter().filter_map(|text| text.parse::<Location>().ok()) {
                let name = view(&location);
                prop_assert!(name.len() <= MAX_NAME && !name.starts_with(OWN));
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
                let before = seen.insert(name, location.clone());
                prop_assert!(before.is_none_or(|before| before == location));
            }
        }
    }

    #[test]
    fn every_column_has_a_name_of_its_own() {
        let long = "x".repeat(64);
        let names = ["a", "", "a", "ctid", "larder_column_2", &long, "é\"", "with\0nul"];
        let fields: Vec<Field> = names
            .iter()
            .map(|name| Field::new(*name, DataType::Int8, true))
            .collect();
        let found = columns(&Schema::new(fields));
        let wanted = [
            "a",
            "larder_column_2_",
            "larder_column_3",
            "larder_column_4",
            "larder_column_2",
            "larder_column_6",
            "é\"",
            "larder_column_8",
        ];
        assert_eq!(found, wanted);
    }
}
