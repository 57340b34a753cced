//! Tables on a terminal: plain columns for what larder tells, boxes for data.

use crate::cells;
use crate::text::{cut, escape};
use comfy_table::{Attribute, Cell as Drawn, CellAlignment, ContentArrangement, presets};
use larder_io_core::{Result, Table};

/// Characters of a cell that are shown at most.
const LONGEST_CELL: usize = 48;
/// Characters of a type that are shown at most; a nested one can be as long as its whole schema.
const LONGEST_TYPE: usize = 32;

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl Side {
    fn alignment(self) -> CellAlignment {
        match self {
            Self::Left => CellAlignment::Left,
            Self::Right => CellAlignment::Right,
        }
    }
}

/// Columns without lines, parted by two spaces; columns without any text are left out.
pub(crate) fn columns<const N: usize>(header: [(&str, Side); N], rows: &[[String; N]]) -> String {
    let shown: Vec<usize> = (0..N)
        .filter(|column| rows.iter().any(|row| !row[*column].is_empty()))
        .collect();
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    let aligned = |text: &str, column: usize| Drawn::new(text).set_alignment(header[column].1.alignment());
    drawn.set_header(
        shown
            .iter()
            .map(|column| aligned(header[*column].0, *column))
            .collect::<Vec<_>>(),
    );
    for row in rows {
        drawn.add_row(
            shown
                .iter()
                .map(|column| aligned(&escape(&row[*column]), *column))
                .collect::<Vec<_>>(),
        );
    }
    drawn.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    drawn.trim_fmt()
}

/// One cell of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// A null, which is not the text `null`.
    pub(crate) null: bool,
}

/// One column of data.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    name: String,
    kind: String,
    side: Side,
    cells: Vec<Cell>,
}

impl Column {
    /// Characters of its widest line.
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.text.chars().count());
        cells
            .chain([self.name.chars().count(), self.kind.chars().count()])
            .max()
            .unwrap_or_default()
    }
}

/// Formats every cell of a table.
///
/// # Errors
/// `Unsupported` for a type that cannot be shown.
pub(crate) fn format(table: &Table) -> Result<Vec<Column>> {
    let fields = table.schema().fields().iter().enumerate();
    let format = |(index, field): (usize, &arrow_schema::FieldRef)| {
        let mut cells = Vec::with_capacity(table.rows());
        for batch in table.batches() {
            cells.extend(
                cells::texts(batch.column(index).as_ref())?
                    .into_iter()
                    .map(|cell| Cell {
                        text: cut(&escape(&cell.text), LONGEST_CELL).into_owned(),
                        ..cell
                    }),
            );
        }
        let kind = field.data_type();
        Ok(Column {
            name: cut(&escape(field.name()), LONGEST_CELL).into_owned(),
            kind: cut(&escape(&kind.to_string()), LONGEST_TYPE).into_owned(),
            side: if kind.is_numeric() { Side::Right } else { Side::Left },
            cells,
        })
    };
    fields.map(format).collect()
}

/// Draws a box. Of a table that is wider than `width`, the columns in the middle are left out; the second value tells
/// how many.
pub(crate) fn boxed(mut columns: Vec<Column>, width: Option<usize>, colour: bool) -> (String, usize) {
    let hidden = width.map_or(0, |width| hide(&mut columns, width));
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled);
    match colour {
        true => drawn.enforce_styling(),
        false => drawn.force_no_tty(),
    };
    let head = |column: &Column| {
        Drawn::new(format!("{}\n{}", column.name, column.kind)).set_alignment(column.side.alignment())
    };
    drawn.set_header(columns.iter().map(head).collect::<Vec<_>>());
    let rows = columns
        .iter()
        .map(|column| column.cells.len())
        .max()
        .unwrap_or_default();
    for row in 0..rows {
        drawn.add_row(columns.iter().map(|column| draw(column, row)).collect::<Vec<_>>());
    }
    (drawn.trim_fmt(), hidden)
}

fn draw(column: &Column, row: usize) -> Drawn {
    let Some(cell) = column.cells.get(row) else {
        return Drawn::new("");
    };
    let drawn = Drawn::new(&cell.text).set_alignment(column.side.alignment());
    if cell.null {
        drawn.add_attribute(Attribute::Dim)
    } else {
        drawn
    }
}

/// Replaces columns in the middle by one of dots until the box fits; keeps at least the first.
fn hide(columns: &mut Vec<Column>, width: usize) -> usize {
    // Padding and a line for each column, one more line in front.
    let widths: Vec<usize> = columns.iter().map(|column| column.width() + 3).collect();
    if widths.iter().sum::<usize>() < width {
        return 0;
    }
    let dots = 4;
    let (mut front, mut back, mut used) = (0, 0, 1 + dots);
    while front + back < columns.len() {
        // The first columns say most often what a row is, so they come first.
        let next = if back < front / 2 {
            columns.len() - 1 - back
        } else {
            front
        };
        if front > 0 && used + widths[next] > width {
            break;
        }
        used += widths[next];
        if next == front { front += 1 } else { back += 1 }
    }
    let hidden = columns.len() - front - back;
    if hidden > 0 {
        let cell = Cell {
            text: "…".to_owned(),
            null: false,
        };
        let cells = vec![cell; columns[0].cells.len()];
        let gap = Column {
            name: "…".to_owned(),
            kind: String::new(),
            side: Side::Left,
            cells,
        };
        columns.splice(front..columns.len() - back, [gap]);
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;

    fn data() -> Vec<Column> {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(1000)]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some(""), None, Some("a\x1b[2Jb")]));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).expect("fits");
        format(&Table::from(batch)).expect("can be shown")
    }

    #[test]
    fn nulls_empty_text_and_control_characters_can_be_told_apart() {
        let (text, hidden) = boxed(data(), None, false);
        assert_eq!(hidden, 0);
        let wanted = "\
┌───────┬─────────────┐
│     n ┆ t           │
│ Int64 ┆ Utf8        │
╞═══════╪═════════════╡
│     1 ┆ \"\"          │
│  null ┆ null        │
│  1000 ┆ a\\u{1b}[2Jb │
└───────┴─────────────┘";
        assert_eq!(text, wanted, "\n{text}");
        assert!(boxed(data(), None, true).0.contains("\x1b[2m"), "a null is dim");
    }

    #[test]
    fn a_wide_table_loses_its_middle() {
        let batch = RecordBatch::try_from_iter(
            (0..20).map(|n| (format!("column_{n}"), Arc::new(Int64Array::from(vec![n])) as ArrayRef)),
        );
        let columns = format(&Table::from(batch.expect("fits"))).expect("can be shown");
        for width in [20, 60, 80, 120, 200] {
            let (text, hidden) = boxed(columns.clone(), Some(width), false);
            assert!(
                text.lines().all(|line| line.chars().count() <= width),
                "{width}\n{text}"
            );
            assert!(hidden > 0 && text.contains("column_0 "), "{width}\n{text}");
        }
        assert_eq!(boxed(columns, Some(500), false).1, 0);
    }

    #[test]
    fn columns_without_text_are_left_out() {
        let rows = [
            ["a".to_owned(), String::new(), "1".to_owned()],
            ["bb".to_owned(), String::new(), "22".to_owned()],
        ];
        let text = columns([("name", Side::Left), ("none", Side::Left), ("n", Side::Right)], &rows);
        assert_eq!(text, "name   n\na      1\nbb    22");
    }

    #[test]
    fn no_rows_and_no_columns() {
        let empty = Table::new(Arc::new(arrow_schema::Schema::empty()), Vec::new()).expect("fits");
        assert_eq!(boxed(format(&empty).expect("can be shown"), Some(80), false).1, 0);
    }
}
