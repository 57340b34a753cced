//! Tests of the hash of objects.

use super::object::*;
use crate::value::AssetValue;
use std::collections::HashMap;

fn digest<T: AssetValue>(value: T) -> ObjectDigest {
    digest_object(&value.into_value()).expect("hashes")
}

#[test]
fn maps_hash_by_their_entries_and_integers_by_value() {
    let forward: HashMap<u32, u8> = (0..100).map(|n| (n, 1)).collect();
    let backward: HashMap<u32, u8> = (0..100).rev().map(|n| (n, 1)).collect();
    assert_eq!(digest(forward), digest(backward));
    assert_eq!(digest(7_u8), digest(7_i64));
    assert_ne!(digest(7_u8), digest(-7_i8));
    assert_ne!(digest(vec![vec![1], vec![]]), digest(vec![vec![], vec![1]]));
    assert_ne!(digest(None::<Option<u8>>), digest(Some(None::<u8>)));
}

#[test]
fn finds_what_a_format_may_lose() {
    assert!(digest(Some(None::<u8>)).losses.nested_null);
    assert!(digest(vec![Some(())]).losses.nested_null);
    assert!(!digest((Some(Some(1)), None::<u8>, ())).losses.nested_null);
    assert!(digest(HashMap::from([(1_u8, f64::NAN)])).losses.non_finite);
}

/// Hashes are stored with values: changing how they are made would make every stored value look changed.
#[test]
fn the_hash_of_a_value_is_fixed() {
    let map = HashMap::from([("a".to_owned(), 1)]);
    let value = (
        1_u8,
        -2_i64,
        "text".to_owned(),
        0.5,
        Some(true),
        None::<u8>,
        vec![1, 2],
        map,
    );
    assert_eq!(
        digest(value).hash.to_string(),
        "fa5e47e681ebdd666379dd3b9406392fefac63b7318ae2295d23b0cf26975ea8"
    );
}
