//! Damaged pickles: an error or another value, but never a panic, a hang or a full memory.

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};

use super::*;

/// Goes through a whole value, and counts what it meets.
struct Walk(u64);

impl<'de> Deserialize<'de> for Walk {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        macro_rules! leaves {
            ($($method:ident($type:ty);)*) => {
                $(fn $method<E>(self, _: $type) -> Result<Walk, E> {
                    Ok(Walk(1))
                })*
            };
        }
        impl<'de> Visitor<'de> for All {
            type Value = Walk;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }

            leaves! {
                visit_bool(bool);
                visit_i64(i64);
                visit_u64(u64);
                visit_i128(i128);
                visit_u128(u128);
                visit_f64(f64);
                visit_str(&str);
                visit_bytes(&[u8]);
            }

            fn visit_unit<E>(self) -> Result<Walk, E> {
                Ok(Walk(1))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Walk, A::Error> {
                let mut sum = 1;
                while let Some(Walk(count)) = items.next_element()? {
                    sum += count;
                }
                Ok(Walk(sum))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Walk, A::Error> {
                let mut sum = 1;
                while let Some((Walk(key), Walk(value))) = items.next_entry()? {
                    sum += key + value;
                }
                Ok(Walk(sum))
            }
        }
        deserializer.deserialize_any(All)
    }
}

/// A small generator of random numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Opcodes that are likely to do something.
const OPCODES: &[u8] = b"(.012NIJKMLFGSTUVXCB]lae)td}sughjpqrcRbioPQ\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98";

fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut data = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len());
        match random.below(7) {
            0 => data.truncate(at),
            1 | 2 if !data.is_empty() => data[at] ^= 1 << random.below(8),
            3 | 4 if !data.is_empty() => data[at] = OPCODES[random.below(OPCODES.len())],
            5 => data.insert(at, OPCODES[random.below(OPCODES.len())]),
            _ => {
                let other = &corpus[random.below(corpus.len())];
                data.truncate(at);
                data.extend(&other[random.below(other.len())..]);
            }
        }
    }
    data
}

/// Damaged goldens, the same ones for each caller of the same seed.
pub(super) fn damaged(seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    let corpus: Vec<_> = goldens()
        .map(|(.., data)| data)
        .filter(|data| data.len() < 2000)
        .collect();
    let mut random = Random(seed);
    (0..count).map(move |_| mutated(&mut random, &corpus))
}

#[test]
fn damaged_pickles_never_panic() {
    on_stack(256 << 10, || {
        let (mut read, mut refused) = (0, 0);
        for data in damaged(0x9e37_79b9_7f4a_7c15, 30_000) {
            match parse(&data) {
                Ok(pickled) => {
                    let Walk(count) = Walk::deserialize(&pickled).unwrap();
                    assert!(count > 0 && count < 2_000_000);
                    read += 1;
                }
                Err(error) => {
                    assert!(error.to_string().len() < 1000);
                    refused += 1;
                }
            }
        }
        assert!(read > 1000 && refused > 10_000, "{read} were read, {refused} refused");
    });
}
