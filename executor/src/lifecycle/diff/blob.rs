//! Bytes beside bytes.

use futures_util::stream::TryStreamExt;
use larder_io_core::{Blob, BlobSource, Result};
use std::sync::Arc;

/// Where bytes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobDifference {
    /// Bytes of the one.
    pub from_bytes: u64,
    /// Bytes of the other.
    pub to_bytes: u64,
    /// How many bytes at the beginning are the same.
    pub same_bytes: u64,
}

/// `None` for the same bytes.
pub(super) async fn compare(one: &Arc<dyn BlobSource>, other: &Arc<dyn BlobSource>) -> Result<Option<BlobDifference>> {
    let (one, other) = (Blob::from_source(Arc::clone(one)), Blob::from_source(Arc::clone(other)));
    let (mut left, mut right) = (one.stream().await?, other.stream().await?);
    let (mut from, mut to) = (Default::default(), Default::default());
    let mut found = BlobDifference {
        from_bytes: 0,
        to_bytes: 0,
        same_bytes: 0,
    };
    let mut same = true;
    loop {
        from = more(from, &mut left).await?;
        to = more(to, &mut right).await?;
        let common = from.len().min(to.len());
        if common == 0 {
            break;
        }
        if same {
            let equal = std::iter::zip(&from[..common], &to[..common])
                .take_while(|(a, b)| a == b)
                .count();
            found.same_bytes += equal as u64;
            same = equal == common;
        }
        found.from_bytes += common as u64;
        found.to_bytes += common as u64;
        (from, to) = (from.split_off(common), to.split_off(common));
    }
    for (rest, stream, bytes) in [
        (from, &mut left, &mut found.from_bytes),
        (to, &mut right, &mut found.to_bytes),
    ] {
        *bytes += rest.len() as u64;
        while let Some(chunk) = stream.try_next().await? {
            *bytes += chunk.len() as u64;
        }
    }
    Ok((!same || found.from_bytes != found.to_bytes).then_some(found))
}

/// What is left of a chunk, or the next one that has something in it; empty at the end.
async fn more(left: bytes::Bytes, stream: &mut larder_io_core::ByteStream) -> Result<bytes::Bytes> {
    let mut left = left;
    while left.is_empty() {
        match stream.try_next().await? {
            Some(next) => left = next,
            None => break,
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_io_core::{AssetValue, Value};

    async fn found(one: &[u8], other: &[u8]) -> Option<(u64, u64, u64)> {
        let source = |bytes: &[u8]| match bytes.to_vec().into_value() {
            Value::Blob(source) => source,
            other => panic!("{}", other.form()),
        };
        let found = compare(&source(one), &source(other)).await.expect("compares");
        found.map(|found| (found.from_bytes, found.to_bytes, found.same_bytes))
    }

    #[tokio::test]
    async fn the_first_byte_that_differs_is_found() {
        assert_eq!(found(b"same", b"same").await, None);
        assert_eq!(found(b"", b"").await, None);
        assert_eq!(found(b"abcd", b"abXd").await, Some((4, 4, 2)));
        assert_eq!(found(b"ab", b"abc").await, Some((2, 3, 2)));
        assert_eq!(found(b"", b"abc").await, Some((0, 3, 0)));
    }
}
