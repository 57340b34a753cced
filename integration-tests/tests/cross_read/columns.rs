//! What another reader must find in a column: type by kind, nulls, and checksums over all values.
//!
//! Both sides take a column apart the same way: a list into its lengths and items, a structure into its fields, a
//! dictionary into its values. What is left is a column of numbers (little-endian, 0 for a null), floats (likewise) or
//! bytes (each with its length before it), and a byte for each row that tells nulls.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array};
use arrow_cast::cast;
use arrow_schema::DataType;
use flate2::Crc;
use serde::Serialize;
use std::sync::Arc;

/// One simple column.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    name: String,
    kind: &'static str,
    rows: usize,
    nulls: usize,
    valid: u32,
    values: u32,
    /// Of numbers, wrapped at 64 bits: for people who look for a difference.
    sum: i64,
}

/// Takes a column apart.
pub(crate) fn columns(name: &str, array: &ArrayRef, found: &mut Vec<Column>) {
    match array.data_type() {
        DataType::Dictionary(_, values) => columns(name, &cast(array, values).expect("a dictionary has values"), found),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let lengths = list.offsets().windows(2).map(|pair| i64::from(pair[1] - pair[0]));
            let lengths: Int64Array = lengths
                .enumerate()
                .map(|(row, length)| list.is_valid(row).then_some(length))
                .collect();
            let (from, to) = (list.offsets()[0] as usize, list.offsets()[list.len()] as usize);
            assert_eq!(
                lengths.iter().flatten().sum::<i64>() as usize,
                to - from,
                "null lists hold nothing"
            );
            columns(&format!("{name}.lengths"), &(Arc::new(lengths) as ArrayRef), found);
            columns(&format!("{name}.items"), &list.values().slice(from, to - from), found);
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct();
            assert_eq!(parts.null_count(), 0, "the test's structures are not null");
            for (field, part) in fields.iter().zip(parts.columns()) {
                columns(&format!("{name}.{}", field.name()), part, found);
            }
        }
        _ => found.push(simple(name, array)),
    }
}

fn simple(name: &str, array: &ArrayRef) -> Column {
    let (mut values, mut sum) = (Crc::new(), 0_i64);
    let kind = match array.data_type() {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let floats = cast(array, &DataType::Float64).expect("is a float");
            floats
                .as_primitive::<Float64Type>()
                .iter()
                .for_each(|x| values.update(&x.unwrap_or(0.0).to_le_bytes()));
            "float"
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Decimal128(..) => {
            let texts = cast(array, &DataType::LargeUtf8).expect("is a text");
            texts
                .as_string::<i64>()
                .iter()
                .for_each(|text| with_length(&mut values, text.unwrap_or("").as_bytes()));
            "text"
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let bytes = cast(array, &DataType::LargeBinary).expect("is binary");
            bytes
                .as_binary::<i64>()
                .iter()
                .for_each(|bytes| with_length(&mut values, bytes.unwrap_or(b"")));
            "bytes"
        }
        DataType::UInt64 => {
            // As text: half of them are no signed integers.
            let texts = cast(array, &DataType::LargeUtf8).expect("is a number");
            texts
                .as_string::<i64>()
                .iter()
                .for_each(|text| with_length(&mut values, text.unwrap_or("").as_bytes()));
            "text"
        }
        other => {
            let numbers = match other {
                DataType::Date32 | DataType::Time32(_) => {
                    cast(array, &DataType::Int32).and_then(|days| cast(&days, &DataType::Int64))
                }
                _ => cast(array, &DataType::Int64),
            };
            for number in numbers.expect("is a number").as_primitive::<Int64Type>() {
                values.update(&number.unwrap_or(0).to_le_bytes());
                sum = sum.wrapping_add(number.unwrap_or(0));
            }
            "number"
        }
    };
    let mut valid = Crc::new();
    let flags: Vec<u8> = (0..array.len()).map(|row| u8::from(array.is_valid(row))).collect();
    valid.update(&flags);
    Column {
        name: name.to_owned(),
        kind,
        rows: array.len(),
        nulls: array.null_count(),
        valid: valid.sum(),
        values: values.sum(),
        sum,
    }
}

fn with_length(crc: &mut Crc, bytes: &[u8]) {
    crc.update(&(bytes.len() as u64).to_le_bytes());
    crc.update(bytes);
}
