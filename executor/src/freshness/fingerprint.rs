//! The hash of all that a value is computed from.

use larder_catalog::InputVersions;

/// Hashes the version of the code, where and how the value is kept, and the data versions of the inputs. 32 hexadecimal digits: no two
/// computations of one asset meet by chance, and it fits into the metadata of an object.
pub(crate) fn fingerprint(code: &str, config: &str, inputs: &[InputVersions]) -> String {
    let mut text = Vec::with_capacity(256);
    let mut add = |part: &str| {
        text.extend_from_slice(&(part.len() as u64).to_le_bytes());
        text.extend_from_slice(part.as_bytes());
    };
    add(code);
    add(config);
    for input in inputs {
        add(input.asset.as_str());
        add(&input.digest);
    }
    let mut hash = larder_io_core::ContentHash::of(&text).to_string();
    hash.truncate(32);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(asset: &str, version: &str) -> InputVersions {
        InputVersions::new(asset.parse().expect("is a key"), [(None, version.to_owned())])
    }

    #[test]
    fn everything_counts() {
        let base = fingerprint("1", "here", &[input("a", "x"), input("b", "y")]);
        assert_eq!(base.len(), 32);
        assert_eq!(base, fingerprint("1", "here", &[input("a", "x"), input("b", "y")]));
        for other in [
            fingerprint("2", "here", &[input("a", "x"), input("b", "y")]),
            fingerprint("1", "there", &[input("a", "x"), input("b", "y")]),
            fingerprint("1h", "ere", &[input("a", "x"), input("b", "y")]),
            fingerprint("1", "here", &[input("a", "x"), input("b", "z")]),
            fingerprint("1", "here", &[input("a", "x")]),
            fingerprint("1", "here", &[input("c", "x"), input("b", "y")]),
        ] {
            assert_ne!(base, other);
        }
    }
}
