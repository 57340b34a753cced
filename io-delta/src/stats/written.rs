//! Statistics as the log has them, from a Parquet footer.

use super::{Scalar, compare};
use arrow_schema::{DataType, Schema};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, json};

/// Columns that get statistics: those that stand first, as other writers do.
const INDEXED_COLUMNS: usize = 32;

/// The statistics of a file as the log has them. Floats get no bounds, because Parquet's leave NaN out; texts that are cut
/// off stay bounds.
pub(crate) fn written(metadata: &ParquetMetaData, schema: &Schema) -> String {
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    let described = metadata.file_metadata().schema_descr();
    for field in schema.fields().iter().take(INDEXED_COLUMNS) {
        let leaf = (0..described.num_columns())
            .find(|index| described.column(*index).path().parts() == [field.name().as_str()]);
        let Some(leaf) = leaf else { continue };
        let chunks = metadata
            .row_groups()
            .iter()
            .map(|group| Some((group.column(leaf).statistics()?, group.num_rows())));
        let Some(chunks) = chunks.collect::<Option<Vec<_>>>().filter(|chunks| !chunks.is_empty()) else {
            continue;
        };
        if let Some(count) = chunks
            .iter()
            .map(|(chunk, _)| chunk.null_count_opt())
            .sum::<Option<u64>>()
        {
            nulls.insert(field.name().clone(), json!(count));
        }
        // A group of nulls alone has no bounds, and the others' stay true for it.
        let empty = |chunk: &Statistics, rows: i64| chunk.null_count_opt() == Some(rows.unsigned_abs());
        let complete = chunks
            .iter()
            .all(|(chunk, rows)| chunk.min_bytes_opt().is_some() || empty(chunk, *rows));
        let bounded = || {
            chunks
                .iter()
                .map(|(chunk, _)| chunk)
                .filter(|chunk| chunk.min_bytes_opt().is_some())
        };
        let lowest = bounded()
            .filter_map(|chunk| scalar(chunk, field.data_type(), false))
            .min_by(compare);
        let highest = bounded()
            .filter_map(|chunk| scalar(chunk, field.data_type(), true))
            .max_by(compare);
        if let (true, Some(lowest), Some(highest)) = (complete, lowest, highest) {
            min.insert(field.name().clone(), lowest.json(field.data_type()));
            max.insert(field.name().clone(), highest.json(field.data_type()));
        }
    }
    let rows = metadata.file_metadata().num_rows();
    json!({ "numRecords": rows, "minValues": min, "maxValues": max, "nullCount": nulls }).to_string()
}

fn scalar(chunk: &Statistics, data_type: &DataType, upper: bool) -> Option<Scalar> {
    fn pick<T>(upper: bool, min: T, max: T) -> T {
        if upper { max } else { min }
    }
    match (chunk, data_type) {
        (Statistics::Boolean(values), DataType::Boolean) => {
            Some(Scalar::Bool(*pick(upper, values.min_opt()?, values.max_opt()?)))
        }
        (Statistics::Int32(values), DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Date32) => Some(
            Scalar::Int(i64::from(*pick(upper, values.min_opt()?, values.max_opt()?))),
        ),
        (Statistics::Int64(values), DataType::Int64 | DataType::Timestamp(..)) => {
            Some(Scalar::Int(*pick(upper, values.min_opt()?, values.max_opt()?)))
        }
        (Statistics::ByteArray(values), DataType::Utf8) => {
            let bytes = pick(upper, values.min_opt()?, values.max_opt()?);
            Some(Scalar::Text(std::str::from_utf8(bytes.data()).ok()?.to_owned()))
        }
        _ => None,
    }
}
