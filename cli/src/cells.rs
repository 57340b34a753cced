//! Cells of tables as text for people; as JSON for programs the executor has them.

use crate::table::Cell;
use arrow_array::Array;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};
use larder_executor::cells::in_utc;
use larder_io_core::{Error, ErrorKind, Result};

pub(crate) use larder_executor::cells::rows;

/// What stands for a null.
const NULL: &str = "null";

/// Every cell as text. Text that would look like nothing or like a null is quoted; a value that its type cannot show,
/// such as a date out of range, says so in its cell.
pub(crate) fn texts(array: &dyn Array) -> Result<Vec<Cell>> {
    let options = FormatOptions::new().with_null(NULL).with_display_error(true);
    let in_utc = in_utc(array);
    let array = in_utc.as_deref().unwrap_or(array);
    let shown = ArrayFormatter::try_new(array, &options).map_err(|error| cannot_show(array.data_type(), error))?;
    let nulls = array.logical_nulls();
    let text = is_text(array.data_type());
    let cell = |row: usize| {
        let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let shown = shown.value(row).to_string();
        match text && !null && ambiguous(&shown) {
            true => Cell {
                text: format!("\"{shown}\""),
                null,
            },
            false => Cell { text: shown, null },
        }
    };
    Ok((0..array.len()).map(cell).collect())
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

fn ambiguous(text: &str) -> bool {
    text.is_empty() || text == NULL || text.starts_with('"') || text.trim() != text
}

fn cannot_show(kind: &DataType, error: ArrowError) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("a column of type {kind} cannot be shown: {error}"),
    )
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{NullArray, StringArray};

    #[test]
    fn instants_of_a_named_zone_are_shown_in_utc() {
        let array = arrow_array::TimestampMicrosecondArray::from(vec![1_356_998_400_000_000]);
        for zone in ["UTC", "Europe/Berlin"] {
            let cells = texts(&array.clone().with_timezone(zone)).expect("can be shown");
            assert_eq!(cells[0].text, "2013-01-01T00:00:00Z");
        }
    }

    fn shown(array: &dyn Array) -> Vec<String> {
        texts(array)
            .expect("can be shown")
            .into_iter()
            .map(|cell| cell.text)
            .collect()
    }

    #[test]
    fn text_that_looks_like_something_else_is_quoted() {
        let array = StringArray::from(vec![Some("null"), None, Some(" x"), Some("\"x"), Some("x")]);
        assert_eq!(shown(&array), ["\"null\"", "null", "\" x\"", "\"\"x\"", "x"]);
        let cells = texts(&array).expect("can be shown");
        assert_eq!(
            cells.iter().map(|cell| cell.null).collect::<Vec<_>>(),
            [false, true, false, false, false]
        );
        assert!(texts(&NullArray::new(1)).expect("can be shown")[0].null);
    }
}
