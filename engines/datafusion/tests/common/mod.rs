//! Rows as JSON.
#![allow(dead_code)]

use arrow_array::{Array, RecordBatch};
use larder_io_core::{AssetValue, Table, Value};
use serde_json::{Value as Json, json};

/// Every row; what is no number stands as its text.
pub(crate) async fn rows_of(value: Value) -> Vec<Vec<Json>> {
    let table = Table::from_value(value).await.expect("is a table");
    let cell = |batch: &RecordBatch, column: usize, row: usize| {
        let text = arrow_cast::display::array_value_to_string(batch.column(column), row).expect("is shown");
        match batch.column(column).is_null(row) {
            true => Json::Null,
            false => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        }
    };
    let of = |batch: &RecordBatch| -> Vec<Vec<Json>> {
        let row = |row| {
            (0..batch.num_columns())
                .map(|column| cell(batch, column, row))
                .collect()
        };
        (0..batch.num_rows()).map(row).collect()
    };
    table.batches().iter().flat_map(of).collect()
}
