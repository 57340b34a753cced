//! A query with others in the places of its tables and parameters.

use crate::walk::What;
use crate::{Parsed, text};
use larder_io_core::Position;
use std::ops::Range;

/// A query's text with parts replaced.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// The text.
    pub sql: String,
    original: String,
    /// What was replaced: in the new text, in the original.
    parts: Vec<(Range<usize>, Range<usize>)>,
    /// Which table stands where in the new text.
    tables: Vec<(Range<usize>, usize)>,
}

impl Parsed {
    /// The query with `table(n)` for the n-th table, in the order of [`Prepared::tables`](larder_io_core::Prepared::tables), asked once for each of its
    /// places, and `parameter(n)` for
    /// the n-th parameter. `quoted` makes a name one of the dialect: a table that has no alias gets the last part of its name as one,
    /// or all of it where others have the same. What ends the query, `;`, goes.
    pub fn rewritten(
        &self,
        mut table: impl FnMut(usize) -> String,
        parameter: impl Fn(usize) -> String,
        quoted: impl Fn(&str) -> String,
    ) -> Rewritten {
        let original = &self.prepared.sql;
        let named = |number: usize| quoted(self.names.get(number).map_or("", String::as_str));
        let (mut sql, mut parts, mut from) = (String::with_capacity(original.len()), Vec::new(), 0);
        let mut tables = Vec::new();
        for mark in &self.marks {
            // One within another does not occur: names and parameters are leaves.
            if mark.bytes.start < from {
                continue;
            }
            sql.push_str(&original[from..mark.bytes.start]);
            let start = sql.len();
            match &mark.what {
                What::Table(number, has_alias) => {
                    sql.push_str(&table(*number));
                    tables.push((start..sql.len(), *number));
                    if !has_alias {
                        sql.push_str(&format!(" as {}", named(*number)));
                    }
                }
                What::Prefix(number) => sql.push_str(&named(*number)),
                What::End => {}
                What::Parameter(number) => sql.push_str(&parameter(*number)),
            }
            parts.push((start..sql.len(), mark.bytes.clone()));
            from = mark.bytes.end;
        }
        sql.push_str(&original[from..]);
        Rewritten {
            sql,
            original: original.clone(),
            parts,
            tables,
        }
    }
}

impl Rewritten {
    /// Where the user wrote what stands at this byte; within what was replaced, its beginning.
    pub fn origin(&self, byte: usize) -> Position {
        let mut shift = (0, 0);
        for (new, old) in &self.parts {
            if byte < new.start {
                break;
            }
            if byte < new.end {
                return text::position(&self.original, old.start);
            }
            shift = (new.end, old.end);
        }
        text::position(&self.original, byte - shift.0 + shift.1)
    }

    /// Which table this byte belongs to, in the order of [`Prepared::tables`](larder_io_core::Prepared::tables): where what stands for it is wrong, the
    /// user's text is not.
    pub fn table_at(&self, byte: usize) -> Option<usize> {
        let mut tables = self.tables.iter();
        tables
            .find(|(range, _)| range.contains(&byte))
            .map(|(_, number)| *number)
    }

    /// The same for a line and a column, from 1.
    pub fn origin_of(&self, at: Position) -> Position {
        let line = usize::try_from(at.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = match line {
            0 => Some(0),
            line => self.sql.match_indices('\n').nth(line - 1).map(|(at, _)| at + 1),
        };
        let start = start.unwrap_or(self.sql.len());
        let column = usize::try_from(at.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let rest = &self.sql[start..];
        let offset = rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
        self.origin(start + offset)
    }
}
