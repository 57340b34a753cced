//! Which type of PostgreSQL a column gets, so that each value goes both ways exactly.

use crate::names;
use arrow_cast::can_cast_types;
use arrow_schema::{DataType, Field, IntervalUnit, Schema, TimeUnit};
use larder_io_core::{Error, ErrorKind, Result};

/// Digits of a decimal up to which it can be read back with 256 bits.
const MOST_DIGITS: u8 = 70;
/// Columns of a table: <https://www.postgresql.org/docs/current/limits.html>.
const MOST_COLUMNS: usize = 1600;

/// One column of a table, as it is made.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its name in PostgreSQL.
    pub(crate) name: String,
    /// Its type there.
    pub(crate) sql: String,
    pub(crate) nullable: bool,
}

/// The columns of a table.
///
/// # Errors
/// `Unsupported` for a type that cannot be kept exactly, with what to do.
pub(crate) fn columns(schema: &Schema) -> Result<Vec<Column>> {
    if schema.fields().len() > MOST_COLUMNS {
        let message = format!(
            "the table has {} columns, and PostgreSQL takes {MOST_COLUMNS}; part it, or bind the asset to a manager of files",
            schema.fields().len()
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let names = names::columns(schema).into_iter();
    names
        .zip(schema.fields())
        .map(|(name, field)| column(name, field))
        .collect()
}

fn column(name: String, field: &Field) -> Result<Column> {
    let data_type = field.data_type();
    match (sql_type(values(data_type)), encoding_comes_back(data_type)) {
        (Some(sql), true) => Ok(Column {
            name,
            sql,
            nullable: field.is_nullable(),
        }),
        _ => {
            let message = format!(
                "column `{}` has the type {data_type}, which PostgreSQL cannot keep exactly; cast or flatten it, or bind the asset to a manager of files",
                field.name()
            );
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// The type of the values of a dictionary, any other as it is.
pub(crate) fn values(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

/// Values of a dictionary are kept plain, and made a dictionary again.
fn encoding_comes_back(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => {
            can_cast_types(values, data_type) && can_cast_types(data_type, values) && **values != DataType::Null
        }
        _ => true,
    }
}

/// The type in SQL; `None` where there is none that keeps every value.
fn sql_type(data_type: &DataType) -> Option<String> {
    use DataType as T;
    let name = match data_type {
        // Every value is null.
        T::Null => "text",
        T::Boolean => "boolean",
        T::Int8 | T::UInt8 | T::Int16 => "smallint",
        T::UInt16 | T::Int32 => "integer",
        T::UInt32 | T::Int64 => "bigint",
        T::UInt64 => "numeric(20,0)",
        T::Float32 => "real",
        T::Float64 => "double precision",
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "text",
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "bytea",
        T::Date32 => "date",
        T::Date64 => "timestamp",
        T::Time32(_) | T::Time64(TimeUnit::Microsecond) => "time",
        // PostgreSQL counts microseconds, so that nanoseconds are kept as what they are: a count.
        T::Time64(_) | T::Timestamp(TimeUnit::Nanosecond, _) | T::Duration(_) => "bigint",
        T::Timestamp(_, None) => "timestamp",
        T::Timestamp(_, Some(_)) => "timestamptz",
        T::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime | IntervalUnit::MonthDayNano) => "interval",
        T::Decimal32(digits, scale)
        | T::Decimal64(digits, scale)
        | T::Decimal128(digits, scale)
        | T::Decimal256(digits, scale) => {
            if *digits > MOST_DIGITS {
                return None;
            }
            // Before version 15 a scale is from 0 to the precision.
            return Some(match u8::try_from(*scale) {
                Ok(scale) if scale <= *digits => format!("numeric({digits},{scale})"),
                _ => "numeric".to_owned(),
            });
        }
        _ => return None,
    };
    Some(name.to_owned())
}

/// Whether PostgreSQL's type has the same values, so that its own SQL means what it says and sees what does not fit.
pub(crate) fn is_natural(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Boolean | T::Int16 | T::Int32 | T::Int64 | T::Float32 | T::Float64 | T::Date32 => true,
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Binary | T::LargeBinary | T::BinaryView => true,
        T::Time64(TimeUnit::Microsecond) | T::Timestamp(TimeUnit::Microsecond, _) => true,
        T::Decimal128(digits, scale) | T::Decimal256(digits, scale) => {
            *digits <= MOST_DIGITS && u8::try_from(*scale).is_ok_and(|scale| scale <= *digits)
        }
        _ => false,
    }
}

/// The columns as `CREATE TABLE` has them.
pub(crate) fn definition(columns: &[Column]) -> String {
    let one = |column: &Column| {
        let not_null = if column.nullable { "" } else { " NOT NULL" };
        format!("{} {}{not_null}", names::quoted(&column.name), column.sql)
    };
    columns.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn columns_are_made_for_what_can_be_kept() {
        let schema = Schema::new(vec![
            Field::new("id", DataType::UInt64, false),
            Field::new(
                "at",
                DataType::Timestamp(TimeUnit::Microsecond, Some("+02:00".into())),
                true,
            ),
            Field::new("fine", DataType::Timestamp(TimeUnit::Nanosecond, None), true),
            Field::new(
                "a\"b",
                DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
                true,
            ),
            Field::new("price", DataType::Decimal128(15, 2), true),
            Field::new("millions", DataType::Decimal128(5, -6), true),
        ]);
        let columns = columns(&schema).expect("can be kept");
        assert_eq!(
            definition(&columns),
            "\"id\" numeric(20,0) NOT NULL, \"at\" timestamptz, \"fine\" bigint, \"a\"\"b\" text, \"price\" numeric(15,2), \"millions\" numeric"
        );
    }

    #[test]
    fn what_cannot_be_kept_is_refused_by_name() {
        let list = DataType::List(Arc::new(Field::new("item", DataType::Int8, true)));
        for data_type in [
            list,
            DataType::Struct(Vec::<Field>::new().into()),
            DataType::Float16,
            DataType::Decimal256(76, 0),
        ] {
            let error = columns(&Schema::new(vec![Field::new("odd one", data_type, true)])).expect_err("is refused");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains("`odd one`"), "{error}");
        }
        let many: Vec<Field> = (0..1601)
            .map(|n| Field::new(format!("c{n}"), DataType::Int8, true))
            .collect();
        assert!(columns(&Schema::new(many)).is_err());
    }
}
