//! A hasher that is fed whole blocks, whatever it is given.

/// Bytes that are hashed in one go. BLAKE3 hashes 16 pieces of 1 KiB side by side, but only where what it was given before is a multiple of
/// them: after a slice of any length it works through smaller and smaller ones, several times slower.
pub(super) const BLOCK: usize = 64 << 10;

/// The hash of all that it was given, as of one piece.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    hasher: blake3::Hasher,
    /// Less than a block, after each call.
    rest: Vec<u8>,
}

impl Blocks {
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let taken = bytes.len().min(BLOCK - self.rest.len());
            self.rest.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            self.flush();
        }
        // Nothing is left here, or all of the bytes were taken.
        let whole = bytes.len() / BLOCK * BLOCK;
        self.hasher.update(&bytes[..whole]);
        self.rest.extend_from_slice(&bytes[whole..]);
    }

    /// Where bytes that are made one by one are appended. To be followed by [`Blocks::flush`].
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        &mut self.rest
    }

    /// Adds numbers, 4 bytes each, no more than a block of them.
    pub(super) fn numbers(&mut self, numbers: impl ExactSizeIterator<Item = u32>) {
        let at = self.rest.len();
        self.rest.resize(at + 4 * numbers.len(), 0);
        for (place, number) in self.rest[at..].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        self.flush();
    }

    /// Hashes the whole blocks of what was appended.
    pub(super) fn flush(&mut self) {
        let whole = self.rest.len() / BLOCK * BLOCK;
        if whole > 0 {
            self.hasher.update(&self.rest[..whole]);
            self.rest.drain(..whole);
        }
    }

    pub(super) fn finish(mut self) -> blake3::Hash {
        self.hasher.update(&self.rest);
        self.hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_the_hash_of_one_piece(
            lengths in proptest::collection::vec(prop_oneof![0..100_usize, 60_000..70_000_usize, 0..300_000_usize], 0..8),
            appended in any::<bool>(),
        ) {
            let (mut blocks, mut all) = (Blocks::default(), Vec::new());
            for (at, length) in lengths.iter().enumerate() {
                let piece: Vec<u8> = (0..*length).map(|byte| (byte * 7 + at) as u8).collect();
                match appended && at % 2 == 0 {
                    true => {
                        blocks.room().extend_from_slice(&piece);
                        blocks.flush();
                    }
                    false => blocks.update(&piece),
                }
                prop_assert!(blocks.rest.len() < BLOCK);
                all.extend(piece);
            }
            prop_assert_eq!(blocks.finish(), blake3::hash(&all));
        }
    }
}
