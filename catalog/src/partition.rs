//! Partitions as text: for people to read, and to be found and sorted in a database.

use larder_io_core::{Error, ErrorKind, PartitionKey, Result};

/// Writes a partition as the catalogue keeps it: `date=2024-01-01,region=eu`, and nothing for an asset without partitions.
///
/// The text is the one of `Display`, but `,`, `=` and `\` within a name or a value have a `\` before them, and NUL is `\0`: different
/// keys have different texts, and every text gives its key back.
pub fn partition_text(partition: Option<&PartitionKey>) -> String {
    let mut text = String::new();
    for (index, (name, value)) in partition.map_or(&[][..], PartitionKey::dimensions).iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        escape(name, &mut text);
        text.push('=');
        escape(value, &mut text);
    }
    text
}

fn escape(part: &str, text: &mut String) {
    for c in part.chars() {
        match c {
            ',' | '=' | '\\' => text.extend(['\\', c]),
            '\0' => text.push_str("\\0"),
            c => text.push(c),
        }
    }
}

/// Reads what [`partition_text`] wrote.
///
/// # Errors
/// `InvalidData` for what it cannot have written.
pub fn partition_from_text(text: &str) -> Result<Option<PartitionKey>> {
    if text.is_empty() {
        return Ok(None);
    }
    let damaged = || {
        let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
        Error::new(
            ErrorKind::InvalidData,
            format!("the catalogue has the partition `{shown}`, which is none"),
        )
    };
    let mut dimensions: Vec<(String, Option<String>)> = vec![(String::new(), None)];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let (name, value) = dimensions.last_mut().ok_or_else(damaged)?;
        let c = match c {
            '=' if value.is_none() => {
                *value = Some(String::new());
                continue;
            }
            '=' => return Err(damaged()),
            ',' => {
                dimensions.push((String::new(), None));
                continue;
            }
            '\\' => match chars.next() {
                Some('0') => '\0',
                Some(c @ (',' | '=' | '\\')) => c,
                _ => return Err(damaged()),
            },
            c => c,
        };
        value.as_mut().unwrap_or(name).push(c);
    }
    let pairs: Option<Vec<(String, String)>> = dimensions.into_iter().map(|(n, v)| v.map(|v| (n, v))).collect();
    let key = PartitionKey::new(pairs.ok_or_else(damaged)?).map_err(|error| damaged().with_source(error))?;
    Ok(Some(key))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_no_partition() {
        for bad in ["x", "=", "a=", "a=1,", "a=1=2", "a=1\\", "a=\\x", "a=1,a=2", ",a=1"] {
            let error = partition_from_text(bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{bad}");
        }
        let key = PartitionKey::single("date", "2024-01-01").unwrap();
        assert_eq!(partition_text(Some(&key)), key.to_string());
    }

    proptest! {
        #[test]
        fn every_key_comes_back_and_no_two_share_a_text(
            a in prop::collection::vec(("[a-c=,\\\\\0|/%]{1,3}", "[0-2=,\\\\\0|/ ]{1,4}|\\PC{1,9}"), 1..3),
            b in prop::collection::vec(("[a-c=,\\\\\0|/%]{1,3}", "[0-2=,\\\\\0|/ ]{1,4}"), 1..3),
        ) {
            let keys: Vec<PartitionKey> = [a, b].into_iter().filter_map(|d| PartitionKey::new(d).ok()).collect();
            for key in &keys {
                let text = partition_text(Some(key));
                prop_assert!(!text.contains('\0'));
                prop_assert_eq!(partition_from_text(&text).unwrap(), Some(key.clone()));
            }
            if let [a, b] = &keys[..] {
                prop_assert_eq!(a == b, partition_text(Some(a)) == partition_text(Some(b)));
            }
        }
    }
}
