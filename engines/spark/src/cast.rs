//! What the result has, and the casts to what is declared, in Spark's SQL.

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use larder_io_core::{Error, ErrorKind, Query, Result};
use std::sync::Arc;

/// A name as Spark's SQL has it.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The columns of a query's result, cast to what is declared.
///
/// # Errors
/// `InvalidDefinition` for a column that comes twice, is missing or not declared; `Unsupported` for a declared type that Spark has not.
pub(crate) fn shaped(found: &Schema, query: Query<'_>) -> Result<(SchemaRef, String)> {
    let names: Vec<&str> = found.fields().iter().map(|field| field.name().as_str()).collect();
    query.check_columns(&names)?;
    let Some(declared) = query.columns else {
        let list: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        // What Spark knows to hold no null today is no promise of the asset: the next query may give some.
        let fields = found
            .fields()
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(true));
        return Ok((Arc::new(Schema::new(fields.collect::<Vec<_>>())), list.join(", ")));
    };
    let list: Vec<String> = declared
        .fields()
        .iter()
        .map(|field| cast(field))
        .collect::<Result<_>>()?;
    Ok((Arc::clone(declared), list.join(", ")))
}

fn cast(field: &Field) -> Result<String> {
    let name = quoted(field.name());
    let Some(kind) = kind(field.data_type()) else {
        let message = format!(
            "the asset declares the column `{}` as {}, which Spark does not have; declare another type",
            field.name(),
            field.data_type()
        );
        return Err(Error::new(ErrorKind::Unsupported, message));
    };
    let value = format!("cast({name} as {kind})");
    Ok(match field.is_nullable() {
        true => format!("{value} as {name}"),
        // Spark's files take a null in every column.
        false => {
            let told = format!(
                "column {} may not be null, as the asset declares it, and the query gives rows where it is",
                field.name()
            );
            let told = told.replace('\\', "\\\\").replace('\'', "\\'");
            format!("if({name} is null, cast(raise_error('{told}') as {kind}), {value}) as {name}")
        }
    })
}

/// The type in Spark's SQL; `None` where it has none with the same values.
fn kind(data_type: &DataType) -> Option<String> {
    use DataType as T;
    Some(match data_type {
        T::Boolean => "boolean".to_owned(),
        T::Int8 => "tinyint".to_owned(),
        T::Int16 => "smallint".to_owned(),
        T::Int32 => "int".to_owned(),
        T::Int64 => "bigint".to_owned(),
        T::Float32 => "float".to_owned(),
        T::Float64 => "double".to_owned(),
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "string".to_owned(),
        T::Binary | T::LargeBinary | T::BinaryView => "binary".to_owned(),
        T::Date32 => "date".to_owned(),
        T::Timestamp(TimeUnit::Microsecond, None) => "timestamp_ntz".to_owned(),
        T::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".to_owned(),
        T::Decimal128(digits, scale) if *digits <= 38 && (0..=38).contains(scale) => {
            format!("decimal({digits},{scale})")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_io_core::Prepared;
    use std::collections::BTreeMap;

    fn shaped(found: &Schema, columns: Option<&SchemaRef>) -> Result<(SchemaRef, String)> {
        let prepared = Prepared {
            sql: String::new(),
            normal: String::new(),
            tables: Vec::new(),
            parameters: Vec::new(),
            explains: false,
        };
        let query = Query {
            prepared: &prepared,
            values: &BTreeMap::new(),
            columns,
        };
        super::shaped(found, query)
    }

    #[test]
    fn columns_are_cast_by_name() {
        let found = Schema::new(vec![
            Field::new("b", DataType::Int32, false),
            Field::new("a`x", DataType::Utf8, true),
        ]);
        let declared: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("a`x", DataType::Utf8, true),
            Field::new("b", DataType::Decimal128(12, 2), false),
        ]));
        let (schema, list) = shaped(&found, Some(&declared)).expect("fits");
        assert_eq!(schema, declared);
        assert!(
            list.starts_with("cast(`a``x` as string) as `a``x`, if(`b` is null, cast(raise_error('column b may not"),
            "{list}"
        );
        let (schema, list) = shaped(&found, None).expect("fits");
        assert_eq!(list, "`b`, `a``x`");
        assert!(schema.fields().iter().all(|field| field.is_nullable()));
        let other: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", DataType::UInt8, true)]));
        let error = shaped(&found, Some(&other)).expect_err("is refused");
        assert!(error.message().contains("`c` is missing"), "{error}");
    }
}
