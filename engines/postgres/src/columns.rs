//! What the result has, and the casts to what is declared.

use arrow_schema::{DataType, Field, IntervalUnit, Schema, SchemaRef, TimeUnit};
use larder_io_core::{Error, ErrorKind, PlaceColumn, Query, Result};
use larder_io_postgres::wire::{self, quoted};
use std::sync::Arc;
use tokio_postgres::Column;
use tokio_postgres::types::Type;

/// The columns of the result, and how each is made of the query's own.
pub(crate) struct Shape {
    pub(crate) schema: SchemaRef,
    pub(crate) columns: Vec<PlaceColumn>,
    /// An expression for each column, over a query called `q`.
    pub(crate) casts: Vec<String>,
}

impl Shape {
    /// As the query has it, cast to what is declared.
    ///
    /// # Errors
    /// `InvalidDefinition` for a column that comes twice, that is missing or not declared, or whose type is not known exactly.
    pub(crate) fn of(found: &[Column], query: Query<'_>) -> Result<Self> {
        let names: Vec<&str> = found.iter().map(Column::name).collect();
        query.check_columns(&names)?;
        let schema = match query.columns {
            Some(declared) => Arc::clone(declared),
            None => Arc::new(Schema::new(found.iter().map(field).collect::<Result<Vec<_>>>()?)),
        };
        let columns = wire::columns(&schema)?;
        let casts = schema.fields().iter().zip(&columns).map(|(field, column)| {
            let source = found.iter().find(|found| found.name() == field.name());
            let name = format!("q.{}", quoted(field.name()));
            let float = source.is_some_and(|found| [Type::FLOAT4, Type::FLOAT8].contains(found.type_()));
            let numeric = source.is_some_and(|found| *found.type_() == Type::NUMERIC);
            let (whole, decimal) = (field.data_type().is_integer(), column.sql.starts_with("numeric"));
            // PostgreSQL would round to a whole number, where every other engine cuts off; and of a float its `numeric` has 15 digits at most, by way of
            // the text all.
            let value = match (float, numeric, whole, decimal) {
                (true, _, true, false) => format!("trunc({name}::float8)"),
                (true, _, true, true) => format!("trunc({name}::text::numeric)"),
                (true, _, false, true) => format!("{name}::text::numeric"),
                (_, true, true, _) => format!("trunc({name})"),
                _ => name,
            };
            // A table of the manager has the database's own order of texts, whatever the query compared them by.
            let collated = match column.sql.as_str() {
                "text" => " COLLATE \"default\"",
                _ => "",
            };
            format!("CAST({value} AS {}){collated}", column.sql)
        });
        Ok(Self {
            casts: casts.collect(),
            columns,
            schema,
        })
    }

    /// The query with the casts around it; column names are those of the place.
    pub(crate) fn over(&self, sql: &str) -> (String, usize) {
        let one = |(cast, column): (&String, &PlaceColumn)| format!("{cast} AS {}", quoted(&column.name));
        let list: Vec<String> = self.casts.iter().zip(&self.columns).map(one).collect();
        let head = format!("SELECT {} FROM (", list.join(", "));
        // A comment may end the query.
        (format!("{head}{sql}\n) AS q"), head.len())
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidDefinition, message)
}

/// The type of a column that nobody declared.
fn field(column: &Column) -> Result<Field> {
    use DataType as T;
    let data_type = match *column.type_() {
        Type::BOOL => T::Boolean,
        Type::INT2 => T::Int16,
        Type::INT4 => T::Int32,
        Type::INT8 => T::Int64,
        Type::FLOAT4 => T::Float32,
        Type::FLOAT8 => T::Float64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => T::Utf8,
        Type::BYTEA => T::Binary,
        Type::DATE => T::Date32,
        Type::TIME => T::Time64(TimeUnit::Microsecond),
        Type::TIMESTAMP => T::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::INTERVAL => T::Interval(IntervalUnit::MonthDayNano),
        Type::NUMERIC => decimal(column)?,
        ref other => {
            return Err(wrong(format!(
                "the column `{}` has the type {other}, which no table of larder has; cast it, as in `::text`",
                column.name()
            )));
        }
    };
    Ok(Field::new(column.name(), data_type, true))
}

/// Digits and scale of a number, which stand in its modifier.
/// <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/utils/adt/numeric.c> (`make_numeric_typmod`)
fn decimal(column: &Column) -> Result<DataType> {
    let modifier = column.type_modifier() - 4;
    let (digits, scale) = ((modifier >> 16) & 0xffff, ((modifier & 0x7ff) ^ 1024) - 1024);
    match (u8::try_from(digits), i8::try_from(scale)) {
        (Ok(digits @ 1..=38), Ok(scale)) if modifier >= 0 && scale >= 0 => Ok(DataType::Decimal128(digits, scale)),
        (Ok(digits @ 39..=70), Ok(scale)) if modifier >= 0 && scale >= 0 => Ok(DataType::Decimal256(digits, scale)),
        _ => Err(wrong(format!(
            "the column `{0}` is a number of any length (numeric), which no table of larder has; declare the asset's columns, or cast it, as in `{0}::numeric(38, 6)`",
            column.name()
        ))),
    }
}
