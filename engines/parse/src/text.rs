//! Lines and columns of a text as bytes, and back.

use larder_io_core::Position;
use sqlparser::tokenizer::{Location, Span};
use std::ops::Range;

/// The bytes of a part, as the parser tells it; `None` where it tells nothing.
pub(crate) fn bytes(text: &str, span: Span) -> Option<Range<usize>> {
    let range = byte(text, span.start)?..byte(text, span.end)?;
    (range.start < range.end).then_some(range)
}

fn byte(text: &str, at: Location) -> Option<usize> {
    if at.line == 0 {
        return None;
    }
    let line = usize::try_from(at.line - 1).ok()?;
    let column = usize::try_from(at.column.checked_sub(1)?).ok()?;
    let start = match line {
        0 => 0,
        line => text.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let mut letters = text[start..].char_indices();
    match letters.nth(column) {
        Some((offset, _)) => Some(start + offset),
        // Just behind the last letter.
        None => (text[start..].chars().count() == column).then_some(text.len()),
    }
}

/// The line and column of a byte; of one within a letter, those of the letter.
pub(crate) fn position(text: &str, byte: usize) -> Position {
    let before = text
        .char_indices()
        .take_while(|(at, _)| *at < byte)
        .map(|(_, letter)| letter);
    let start = Position { line: 1, column: 1 };
    before.fold(start, |at, letter| match letter {
        '\n' => Position {
            line: at.line + 1,
            column: 1,
        },
        _ => Position {
            column: at.column + 1,
            ..at
        },
    })
}
