//! Values of view columns, which lie scattered, in the order of their rows.

use arrow_buffer::Buffer;
use arrow_data::ByteView;

/// Bytes of a value that a view itself holds.
/// <https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout>
const INLINE_BYTES: usize = 12;

/// The lengths of all values.
pub(super) fn lengths_of(views: &[u128]) -> impl ExactSizeIterator<Item = u32> + '_ {
    // The length is what a view begins with.
    views.iter().map(|view| *view as u32)
}

/// Adds values until there are so many bytes, one value at least; gives their number.
pub(super) fn gather(views: &[u128], buffers: &[Buffer], into: &mut Vec<u8>, until: usize) -> usize {
    let mut at = 0;
    while let Some(raw) = views.get(at)
        && (at == 0 || into.len() < until)
    {
        let view = ByteView::from(*raw);
        let length = view.length as usize;
        at += 1;
        if length <= INLINE_BYTES {
            // All that a view can hold, and back: copying a constant number of bytes costs less.
            let end = into.len() + length;
            into.extend_from_slice(&raw.to_le_bytes()[16 - INLINE_BYTES..]);
            into.truncate(end);
            continue;
        }
        // Values that lie behind each other are copied at once.
        let from = view.offset as usize;
        let mut to = from + length;
        while let Some(next) = views.get(at).map(|raw| ByteView::from(*raw))
            && next.length as usize > INLINE_BYTES
            && (next.buffer_index, next.offset as usize) == (view.buffer_index, to)
            && to - from < until
        {
            to += next.length as usize;
            at += 1;
        }
        into.extend_from_slice(&buffers[view.buffer_index as usize][from..to]);
    }
    at
}
