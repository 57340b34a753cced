//! Bytes of objects: kept as they came, or only counted.

use bytes::Bytes;
use std::ops::Range;

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

#[derive(Clone, Debug)]
enum Piece {
    Kept(Bytes),
    /// Bytes that were counted and dropped; they are read as zeros.
    Zeros(u64),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Kept(bytes) => bytes.len() as u64,
            Self::Zeros(length) => *length,
        }
    }

    fn slice(&self, range: Range<u64>) -> Self {
        match self {
            Self::Kept(bytes) => Self::Kept(bytes.slice(range.start as usize..range.end as usize)),
            Self::Zeros(_) => Self::Zeros(range.end - range.start),
        }
    }
}

/// A sequence of pieces, so that parts are joined without being copied.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pieces: Vec<Piece>,
    length: u64,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        self.add(Piece::Kept(bytes));
    }

    /// Drops what is kept and remembers only how long it was.
    pub(super) fn discard(&mut self) {
        self.pieces = vec![Piece::Zeros(self.length)];
    }

    pub(super) fn append(&mut self, other: &Self) {
        other.pieces.iter().cloned().for_each(|piece| self.add(piece));
    }

    fn add(&mut self, piece: Piece) {
        self.length += piece.len();
        self.pieces.push(piece);
    }

    /// Takes a part; what lies past the end is left out.
    pub(super) fn slice(&self, range: Range<u64>) -> Self {
        let mut part = Self::default();
        let mut begin = 0;
        for piece in &self.pieces {
            let end = begin + piece.len();
            let (from, to) = (range.start.max(begin), range.end.min(end));
            if from < to {
                part.add(piece.slice(from - begin..to - begin));
            }
            begin = end;
        }
        part
    }

    /// Everything in one buffer.
    pub(super) fn bytes(&self) -> Bytes {
        match self.pieces.as_slice() {
            [Piece::Kept(bytes)] => bytes.clone(),
            _ => self.frames().collect::<Vec<_>>().concat().into(),
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Everything in buffers of at most 64 KiB each where it was dropped, else as it came.
    pub(super) fn frames(&self) -> impl Iterator<Item = Bytes> + Send + use<> {
        self.pieces.clone().into_iter().flat_map(|piece| {
            let (kept, mut zeros) = match piece {
                Piece::Kept(bytes) => (Some(bytes), 0),
                Piece::Zeros(length) => (None, length),
            };
            let zeros = std::iter::from_fn(move || {
                let next = zeros.min(ZEROS.len() as u64);
                zeros -= next;
                (next > 0).then(|| Bytes::from_static(&ZEROS[..next as usize]))
            });
            kept.into_iter().chain(zeros)
        })
    }

    pub(super) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        self.frames().for_each(|frame| {
            hasher.update(&frame);
        });
        short(&hasher)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        let mut content = Self::default();
        content.push(bytes.into());
        content
    }
}

/// 32 hexadecimal digits, which is what clients expect of an ETag.
pub(super) fn short(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cross_pieces_and_zeros_are_read_back() {
        let mut dropped = Content::from(b"abc".to_vec());
        dropped.discard();
        let mut content = Content::from(b"abcd".to_vec());
        content.append(&dropped);
        content.push(Bytes::from_static(b"xyz"));
        assert_eq!(content.len(), 10);
        assert_eq!(&content.slice(2..9).bytes()[..], b"cd\0\0\0xy");
        assert_eq!(content.slice(9..100).len(), 1);
        assert_eq!(content.slice(5..5).len(), 0);
        assert_eq!(content.digest(), Content::from(content.bytes().to_vec()).digest());
    }
}
