//! Blocks of states: which state is where, and how blocks grow and part.

use crate::state::{Packed, Slot, damaged};
use larder_io_core::Result;
use std::ops::Range;

/// What fits into a page with the rest of its row: some 64 states. It is read and written whole: little enough for one change, much enough
/// to read a million states quickly.
const MAX_BYTES: usize = 8_000;

/// What becomes of a block.
#[derive(Debug, PartialEq)]
pub(crate) enum Changed {
    Nothing,
    Empty,
    One(Vec<u8>),
    /// The second begins with this partition.
    Two(Vec<u8>, String, Vec<u8>),
}

fn places(block: &[u8]) -> Result<Vec<(&str, Range<usize>)>> {
    let (mut places, mut rest) = (Vec::with_capacity(128), block);
    while !rest.is_empty() {
        let start = block.len() - rest.len();
        let packed = Packed::read(&mut rest).ok_or_else(damaged)?;
        places.push((packed.partition, start..block.len() - rest.len()));
    }
    Ok(places)
}

/// Changes the state of a partition: `change` gets what there is, and says what shall be.
pub(crate) fn change(
    block: &[u8],
    partition: &str,
    change: impl FnOnce(Option<Slot>) -> Option<Slot>,
) -> Result<Changed> {
    let places = places(block)?;
    let found = places.binary_search_by(|(known, _)| (*known).cmp(partition));
    let old = match &found {
        Ok(place) => Packed::read(&mut &block[places[*place].1.clone()]).map(Packed::to_slot),
        Err(_) => None,
    };
    let new = change(old.clone());
    if new == old {
        return Ok(Changed::Nothing);
    }
    let replaced = match found {
        Ok(place) => places[place].1.clone(),
        Err(place) => {
            let start = places.get(place).map_or(block.len(), |(_, range)| range.start);
            start..start
        }
    };
    let mut bytes = Vec::with_capacity(block.len() + 128);
    bytes.extend_from_slice(&block[..replaced.start]);
    if let Some(new) = new {
        new.write(partition, &mut bytes);
    }
    bytes.extend_from_slice(&block[replaced.end..]);
    if bytes.is_empty() {
        return Ok(Changed::Empty);
    }
    // Partitions mostly come in their order: then blocks stay full.
    let at_end = found == Err(places.len());
    let places = self::places(&bytes)?;
    if bytes.len() <= MAX_BYTES || places.len() < 2 {
        return Ok(Changed::One(bytes));
    }
    let (first, range) = &places[if at_end { places.len() - 1 } else { places.len() / 2 }];
    let (first, start) = ((*first).to_owned(), range.start);
    let second = bytes.split_off(start);
    Ok(Changed::Two(bytes, first, second))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn slot(at: i64) -> Slot {
        // Of many sizes: a change makes a block larger, too.
        let code_version = Some("c".repeat(at as usize * 37 % 300));
        Slot {
            at,
            event: at + 1,
            code_version,
            ..Slot::default()
        }
    }

    proptest! {
        /// Against a map; blocks by their first partition, as the database keeps them.
        #[test]
        fn blocks_are_a_map(steps in prop::collection::vec((0_u16..300, any::<bool>(), prop::bool::weighted(0.2)), 0..600)) {
            let mut oracle: BTreeMap<String, Slot> = BTreeMap::new();
            let mut blocks: BTreeMap<String, Vec<u8>> = BTreeMap::new();
            for (at, (number, ordered, remove)) in steps.into_iter().enumerate() {
                let key = if ordered { format!("z={at:05}") } else { format!("k={number}") };
                let new = (!remove).then(|| slot(at as i64));
                let (first, block) = blocks
                    .range(..=key.clone())
                    .next_back()
                    .map_or_else(Default::default, |(first, block)| (first.clone(), block.clone()));
                let old = oracle.get(&key).cloned();
                match new.clone() {
                    Some(new) => oracle.insert(key.clone(), new),
                    None => oracle.remove(&key),
                };
                match change(&block, &key, |found| { assert_eq!(found, old); new }).unwrap() {
                    Changed::Nothing => {}
                    Changed::Empty => drop(blocks.remove(&first)),
                    Changed::One(bytes) => drop(blocks.insert(first, bytes)),
                    Changed::Two(a, second, b) => {
                        blocks.insert(first, a);
                        prop_assert!(blocks.insert(second, b).is_none());
                    }
                }
            }
            let mut all = BTreeMap::new();
            for (first, block) in &blocks {
                let places = places(block).unwrap();
                prop_assert!(block.len() <= MAX_BYTES && !places.is_empty());
                prop_assert!(places[0].0 >= first.as_str());
                for (key, range) in places {
                    all.insert(key.to_owned(), Packed::read(&mut &block[range]).unwrap().to_slot());
                }
            }
            prop_assert_eq!(all, oracle);
        }
    }
}
