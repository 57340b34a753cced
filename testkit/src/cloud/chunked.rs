//! The `aws-chunked` encoding in which signed streams arrive: `<length in hex>[;signature]`, the bytes, at last trailers.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>

use bytes::{Buf, Bytes};

/// Takes the frame lines out of a body, buffer by buffer.
#[derive(Default)]
pub(super) struct Chunked {
    line: Vec<u8>,
    left: u64,
    /// The line break after a chunk's bytes is still to come.
    ending: bool,
    done: bool,
}

impl Chunked {
    pub(super) fn feed(&mut self, mut bytes: Bytes) -> Vec<Bytes> {
        let mut found = Vec::new();
        while bytes.has_remaining() && !self.done {
            if self.left > 0 {
                let take = bytes.split_to(bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
                self.left -= take.len() as u64;
                self.ending = self.left == 0;
                found.push(take);
                continue;
            }
            let byte = bytes.get_u8();
            if byte != b'\n' {
                self.line.push(byte);
            } else if std::mem::take(&mut self.ending) {
                self.line.clear();
            } else {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                let length = line.trim().split(';').next().unwrap_or_default();
                self.left = u64::from_str_radix(length, 16).unwrap_or(0);
                self.done = self.left == 0;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_out_wherever_a_buffer_ends() {
        let body = b"5;chunk-signature=ab\r\nhello\r\n3\r\n\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        for size in 1..body.len() {
            let mut chunked = Chunked::default();
            let parts = body.chunks(size).map(Bytes::copy_from_slice);
            let found: Vec<_> = parts.flat_map(|part| chunked.feed(part)).collect();
            assert_eq!(found.concat(), b"hello\r\n!", "buffers of {size}");
        }
    }
}
