//! The `hive` layout: a tree that other tools read as partitioned tables.

use larder_io_core::location::MAX_SEGMENT_BYTES;
use larder_io_core::{AssetKey, Error, ErrorKind, Layout, Location, PartitionKey, Result};

/// `reports/carrier_delays` and `clean/flights/date=2024-01-01/data`: a tree that DuckDB, Spark and Polars read as
/// Hive-partitioned tables.
///
/// Everything but ASCII letters, digits, `-`, `_`, `+`, `,`, `@` and (in the last segment of an asset's key) `.` is
/// percent-encoded by its UTF-8 bytes, as are a leading `.` or `_`, which readers of directories skip, and the first
/// letter of names that Windows reserves. So a file is never also a directory, a partition never another asset, and
/// the key can be read back.
#[derive(Clone, Copy, Debug, Default)]
pub struct HiveLayout;

/// The file of a partition inside of its directory.
const DATA: &str = "data";

impl Layout for HiveLayout {
    fn name(&self) -> &str {
        "hive"
    }

    fn locate(&self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Result<Location> {
        let last = asset.segments().count() - 1;
        let mut stem = String::with_capacity(asset.as_str().len());
        for (index, segment) in asset.segments().enumerate() {
            if index > 0 {
                stem.push('/');
            }
            // A directory has no dot and a file has one before its suffix, so that they never meet.
            escape(&mut stem, segment, index == last && partition.is_none(), true);
        }
        for (name, value) in partition.map_or(&[][..], PartitionKey::dimensions) {
            stem.push('/');
            escape(&mut stem, name, false, true);
            stem.push('=');
            escape(&mut stem, value, false, false);
        }
        if partition.is_some() {
            stem.push('/');
            stem.push_str(DATA);
        }
        if let Some(long) = stem.split('/').find(|segment| segment.len() > MAX_SEGMENT_BYTES) {
            let shown: String = long.chars().take(40).collect();
            let message = format!(
                "a segment of the key becomes {} bytes (`{shown}...`), the limit is {MAX_SEGMENT_BYTES}: shorten it",
                long.len()
            );
            return Err(Error::new(ErrorKind::InvalidDefinition, message).with_context("asset", asset));
        }
        stem.parse::<Location>()
            .map_err(|error| error.with_context("asset", asset))
    }

    fn parse(&self, stem: &Location) -> Option<(AssetKey, Option<PartitionKey>)> {
        let segments: Vec<&str> = stem.segments().collect();
        let asset_segments = segments.iter().take_while(|segment| !segment.contains('=')).count();
        let asset = |segments: &[&str]| -> Option<AssetKey> {
            AssetKey::new(
                segments
                    .iter()
                    .map(|segment| unescape(segment))
                    .collect::<Option<Vec<_>>>()?,
            )
            .ok()
        };
        if asset_segments == segments.len() {
            return Some((asset(&segments)?, None));
        }
        let (data, dimensions) = segments[asset_segments..].split_last()?;
        let dimension = |segment: &&str| {
            let (name, value) = segment.split_once('=')?;
            Some((unescape(name)?, unescape(value)?))
        };
        let partition = PartitionKey::new(dimensions.iter().map(dimension).collect::<Option<Vec<_>>>()?).ok()?;
        (*data == DATA).then_some((asset(&segments[..asset_segments])?, Some(partition)))
    }
}

/// Writes a segment, or part of one.
fn escape(out: &mut String, text: &str, dots: bool, name: bool) {
    for (index, byte) in text.bytes().enumerate() {
        let plain = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => !(name && index == 0 && reserved(text)),
            b'-' | b'+' | b',' | b'@' => true,
            b'_' => !name || index > 0,
            b'.' => dots && index > 0,
            _ => false,
        };
        match plain {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Names that Windows gives to devices, with any suffix.
fn reserved(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or_default().as_bytes();
    let is_one_of = |stem: &[u8], names: &[&str]| names.iter().any(|name| stem.eq_ignore_ascii_case(name.as_bytes()));
    match stem {
        [name @ .., digit] if name.len() == 3 => digit.is_ascii_digit() && is_one_of(name, &["COM", "LPT"]),
        name => is_one_of(name, &["CON", "PRN", "AUX", "NUL"]),
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stem(key: &str) -> String {
        HiveLayout
            .locate(&key.parse().expect("is a key"), None)
            .expect("fits")
            .to_string()
    }

    #[test]
    fn ordinary_keys_stay_as_they_are() {
        assert_eq!(stem("reports/carrier_delays"), "reports/carrier_delays");
        let partition = PartitionKey::new([("date", "2024-01-01"), ("zone", "EU")]).expect("is valid");
        let at = HiveLayout
            .locate(&"clean/flights".parse().expect("is a key"), Some(&partition))
            .expect("fits");
        assert_eq!(at.as_str(), "clean/flights/date=2024-01-01/zone=EU/data");
    }

    #[test]
    fn hostile_keys_stay_inside() {
        assert_eq!(stem(".."), "%2E.");
        assert_eq!(stem("../../etc"), "%2E%2E/%2E%2E/etc");
        assert_eq!(stem("CON"), "%43ON");
        assert_eq!(stem("a%2Fb"), "a%252Fb");
        assert_eq!(stem(".larder/tmp"), "%2Elarder/tmp");
        let error = HiveLayout
            .locate(&"é".repeat(200).parse().expect("is a key"), None)
            .expect_err("is too long");
        assert!(error.message().contains("shorten"), "{error}");
    }

    fn segment() -> impl Strategy<Value = String> {
        let hostile = prop::sample::select(vec![
            "..",
            ".",
            "a",
            "A",
            "a.b",
            "CON",
            "con",
            "=",
            "a=b",
            "%2F",
            "%",
            "\0",
            "\n",
            "😀",
            "é",
            "e\u{301}",
            " ",
            "data",
            ".larder",
            "_x",
            "~",
            "a.parquet",
            "data.parquet",
            "x\\y",
        ]);
        prop_oneof![hostile.prop_map(str::to_owned), "\\PC{1,20}", any::<String>()]
            .prop_map(|text| text.replace('/', "_"))
            .prop_filter("not empty", |text| !text.is_empty())
    }

    type Keys = (AssetKey, Option<PartitionKey>);

    fn keys() -> impl Strategy<Value = Keys> {
        let asset = prop::collection::vec(segment(), 1..4);
        let partition = prop::option::of(prop::collection::btree_map(segment(), segment(), 1..3));
        (asset, partition).prop_filter_map("valid", |(asset, partition)| {
            let partition = match partition {
                Some(dimensions) => Some(PartitionKey::new(dimensions).ok()?),
                None => None,
            };
            Some((AssetKey::new(asset).ok()?, partition))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_key_can_be_read_back((asset, partition) in keys()) {
            if let Ok(location) = HiveLayout.locate(&asset, partition.as_ref()) {
                prop_assert_eq!(HiveLayout.parse(&location), Some((asset, partition)));
                prop_assert!(location.as_str().is_ascii());
            }
        }

        #[test]
        fn two_keys_never_meet(a in keys(), b in keys()) {
            prop_assume!(a != b);
            if let (Ok(left), Ok(right)) = (HiveLayout.locate(&a.0, a.1.as_ref()), HiveLayout.locate(&b.0, b.1.as_ref())) {
                prop_assert_ne!(&left, &right);
                // With a suffix a value is a file, which must not be a directory of the other.
                if let (Ok(file), Ok(other)) = (left.with_suffix("parquet"), right.with_suffix("json")) {
                    prop_assert!(!other.is_within(&file));
                }
            }
        }
    }
}
