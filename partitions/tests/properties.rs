//! Properties of keys, windows and sets that hold for every definition.

mod common;

use common::{any_space, windows};
use larder_io_core::PartitionKey;
use larder_partitions::{Keyspace, PartitionSet, Selection};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// More would only take longer.
const MANY: usize = 3_000;

fn set_of(space: &Keyspace, picks: &[prop::sample::Index]) -> (PartitionSet, BTreeSet<u64>) {
    let len = space.len().min(MANY as u64) as usize;
    if len == 0 {
        return (space.none(), BTreeSet::new());
    }
    // Ranges from one pick to the next but one, and single ones.
    let places: Vec<u64> = picks.iter().map(|pick| pick.index(len) as u64).collect();
    let mut model: BTreeSet<u64> = places.iter().copied().collect();
    for pair in places.chunks_exact(2).take(2) {
        model.extend(pair[0].min(pair[1])..=pair[0].max(pair[1]));
    }
    let keys: Vec<PartitionKey> = model.iter().map(|place| space.nth(*place).expect("exists")).collect();
    (space.set(&keys).expect("are keys"), model)
}

fn indices(set: &PartitionSet) -> BTreeSet<u64> {
    set.iter()
        .map(|key| set.keyspace().index_of(&key).expect("is a key"))
        .collect()
}

proptest! {
    #[test]
    fn numbers_and_keys_are_inverse_and_counted(definition in any_space()) {
        let space = definition.space();
        let mut seen = BTreeSet::new();
        for (place, key) in space.iter().enumerate().take(MANY) {
            let place = place as u64;
            prop_assert_eq!(space.index_of(&key).expect("is a key"), place);
            prop_assert_eq!(space.nth(place), Some(key.clone()));
            prop_assert!(space.contains(&key));
            prop_assert!(seen.insert(key.clone()), "{} comes twice", key);
        }
        if space.len() <= MANY as u64 {
            prop_assert_eq!(space.iter().count() as u64, space.len());
        }
        prop_assert_eq!(space.nth(space.len()), None);
        prop_assert_eq!(space.iter().next(), space.first());
    }

    #[test]
    fn a_key_written_and_read_is_the_key(definition in any_space(), pick in any::<prop::sample::Index>()) {
        let space = definition.space();
        prop_assume!(!space.is_empty());
        let key = space.nth(pick.index(space.len() as usize) as u64).expect("exists");
        let text = space.set([&key]).expect("is a key").to_string();
        prop_assert_eq!(space.parse(&text).expect("is read"), key.clone());
        let json = serde_json::to_string(&key).expect("is written");
        prop_assert_eq!(serde_json::from_str::<PartitionKey>(&json).expect("is read"), key);
    }

    #[test]
    fn sets_behave_as_sets(
        definition in any_space(),
        first in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        second in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let space = definition.space();
        let ((a, model_a), (b, model_b)) = (set_of(&space, &first), set_of(&space, &second));
        prop_assert_eq!(indices(&a), model_a.clone());
        prop_assert_eq!(a.len(), model_a.len() as u64);
        let union: BTreeSet<u64> = model_a.union(&model_b).copied().collect();
        prop_assert_eq!(indices(&a.union(&b).expect("one space")), union.clone());
        let both: BTreeSet<u64> = model_a.intersection(&model_b).copied().collect();
        prop_assert_eq!(indices(&a.intersection(&b).expect("one space")), both);
        let rest: BTreeSet<u64> = model_a.difference(&model_b).copied().collect();
        prop_assert_eq!(indices(&a.difference(&b).expect("one space")), rest);
        for place in union {
            let key = space.nth(place).expect("exists");
            prop_assert_eq!(a.contains(&key), model_a.contains(&place));
        }
        // However a set came about, it is the same set.
        let again = a.union(&b).expect("one space").difference(&b).expect("one space");
        let again = again.union(&a.intersection(&b).expect("one space")).expect("one space");
        prop_assert_eq!(&again, &a);
        let ends = (model_a.first().map(|place| space.nth(*place)), model_a.last().map(|place| space.nth(*place)));
        prop_assert_eq!((a.first(), a.last()), (ends.0.flatten(), ends.1.flatten()));
    }

    #[test]
    fn a_set_written_and_read_is_the_set(
        definition in any_space(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let space = definition.space();
        let (set, _) = set_of(&space, &picks);
        prop_assert_eq!(&space.select(&set.to_string()).expect("is read"), &set);
        let json = serde_json::to_string(&set).expect("is written");
        let selection: Selection = serde_json::from_str(&json).expect("is read");
        prop_assert_eq!(selection.of(&space).expect("resolves"), set);
    }

    #[test]
    fn chunks_are_the_set(
        definition in any_space(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        size in 1..5_usize,
    ) {
        let space = definition.space();
        let (set, model) = set_of(&space, &picks);
        let mut rebuilt = space.none();
        let mut sizes = Vec::new();
        for chunk in set.chunks(size) {
            prop_assert!(rebuilt.intersection(&chunk).expect("one space").is_empty());
            rebuilt = rebuilt.union(&chunk).expect("one space");
            sizes.push(chunk.len() as usize);
        }
        prop_assert_eq!(rebuilt, set);
        prop_assert_eq!(sizes.len(), model.len().div_ceil(size));
        prop_assert!(sizes.iter().rev().skip(1).all(|full| *full == size));
    }

    #[test]
    fn windows_tile_and_hold_their_instants(definition in windows(40), within in 0.0..1.0_f64) {
        let space = definition.space();
        let mut last_end = None;
        for key in space.iter().take(MANY) {
            let window = space.window(&key).expect("has a window");
            prop_assert!(window.start < window.end);
            prop_assert!(last_end.is_none_or(|end| end == window.start), "a gap or overlap before {}", key);
            last_end = Some(window.end);
            let nanos = (window.end.as_nanosecond() - window.start.as_nanosecond()) as f64;
            let inside = window.start + jiff::SignedDuration::from_nanos((nanos * within) as i64);
            for instant in [window.start, inside, window.end - jiff::SignedDuration::from_nanos(1)] {
                prop_assert_eq!(space.key_for(instant).expect("is of time"), Some(key.clone()));
            }
        }
        if let Some(first) = space.first() {
            let before = space.window(&first).expect("has a window").start - jiff::SignedDuration::from_nanos(1);
            prop_assert_eq!(space.key_for(before).expect("is of time"), None);
        }
    }

    #[test]
    fn later_there_are_the_same_and_more(definition in windows(20), hours in 0..300_i64) {
        let (space, mut later) = (definition.space(), definition.clone());
        later.now += jiff::SignedDuration::from_hours(hours);
        let later = later.space();
        prop_assert!(later.len() >= space.len());
        prop_assert!(space.iter().take(MANY).zip(later.iter()).all(|(one, other)| one == other));
    }

    #[test]
    fn hours_sort_as_text(definition in windows(60)) {
        let space = definition.space();
        let text = definition.partitioning.to_string();
        // Within a repeated hour, minutes of the two cannot sort by any text that shows the clock.
        prop_assume!(!text.contains("*/20"));
        let keys: Vec<PartitionKey> = space.iter().take(MANY).collect();
        prop_assert!(keys.is_sorted(), "{:?}", keys);
    }

    #[test]
    fn any_text_is_a_selection_or_refused_in_words(text in r#"[0-9a-z,;|=*?"\\. -]{0,16}"#, definition in any_space()) {
        let space = definition.space();
        match space.select(&text) {
            Ok(set) => prop_assert_eq!(space.select(&set.to_string()).expect("is read"), set),
            Err(error) => prop_assert!(error.message().len() > 20, "{}", error),
        }
    }
}
