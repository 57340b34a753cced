//! Arrow's types and Spark's.

use arrow_schema::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};
use larder_io_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use spark_connect_proto as proto;
use spark_connect_proto::data_type::Kind;
use std::sync::Arc;

/// How deep types may be nested: what comes from the server is never trusted.
const DEEPEST: usize = 64;

/// Arrow's columns for Spark's, as Spark itself sends them.
///
/// # Errors
/// `Unsupported` for a type that has none, with the column's name; `InvalidData` for what is no list of columns.
pub fn arrow_schema(of: &proto::DataType) -> Result<Schema> {
    let Some(Kind::Struct(columns)) = &of.kind else {
        return Err(Error::new(
            ErrorKind::InvalidData,
            "Spark told columns that are no list",
        ));
    };
    Ok(Schema::new(fields(columns, 0)?))
}

fn fields(of: &proto::data_type::Struct, depth: usize) -> Result<Fields> {
    of.fields
        .iter()
        .map(|field| {
            let kind = field.data_type.as_ref().and_then(|kind| kind.kind.as_ref());
            Ok(Field::new(
                &field.name,
                arrow(kind, &field.name, depth)?,
                field.nullable,
            ))
        })
        .collect()
}

fn arrow(of: Option<&Kind>, column: &str, depth: usize) -> Result<DataType> {
    let refuse = |what: &str| {
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("the column `{column}` is {what}, which Arrow does not have; cast it in the query"),
        ))
    };
    if depth > DEEPEST {
        return refuse("nested too deeply");
    }
    Ok(match of {
        Some(Kind::Null(_)) => DataType::Null,
        Some(Kind::Binary(_)) => DataType::Binary,
        Some(Kind::Boolean(_)) => DataType::Boolean,
        Some(Kind::Byte(_)) => DataType::Int8,
        Some(Kind::Short(_)) => DataType::Int16,
        Some(Kind::Integer(_)) => DataType::Int32,
        Some(Kind::Long(_)) => DataType::Int64,
        Some(Kind::Float(_)) => DataType::Float32,
        Some(Kind::Double(_)) => DataType::Float64,
        Some(Kind::Decimal(decimal)) => {
            let precision = u8::try_from(decimal.precision.unwrap_or(10))
                .ok()
                .filter(|precision| (1..=38).contains(precision));
            match (precision, i8::try_from(decimal.scale.unwrap_or(0))) {
                (Some(precision), Ok(scale)) => DataType::Decimal128(precision, scale),
                _ => return refuse("a decimal of more than 38 digits"),
            }
        }
        Some(Kind::String(_) | Kind::Char(_) | Kind::VarChar(_)) => DataType::Utf8,
        Some(Kind::Date(_)) => DataType::Date32,
        Some(Kind::Timestamp(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Some(Kind::TimestampNtz(_)) => DataType::Timestamp(TimeUnit::Microsecond, None),
        Some(Kind::CalendarInterval(_)) => DataType::Interval(IntervalUnit::MonthDayNano),
        Some(Kind::YearMonthInterval(_)) => DataType::Interval(IntervalUnit::YearMonth),
        Some(Kind::DayTimeInterval(_)) => DataType::Duration(TimeUnit::Microsecond),
        Some(Kind::Array(array)) => {
            let inner = array.element_type.as_ref().and_then(|kind| kind.kind.as_ref());
            let element = Field::new("element", arrow(inner, column, depth + 1)?, array.contains_null);
            DataType::List(Arc::new(element))
        }
        Some(Kind::Struct(inner)) => DataType::Struct(fields(inner, depth + 1)?),
        Some(Kind::Map(map)) => {
            let kind = |of: &Option<Box<proto::DataType>>| {
                arrow(of.as_ref().and_then(|kind| kind.kind.as_ref()), column, depth + 1)
            };
            let entries = vec![
                Field::new("key", kind(&map.key_type)?, false),
                Field::new("value", kind(&map.value_type)?, map.value_contains_null),
            ];
            DataType::Map(
                Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)),
                false,
            )
        }
        _ => return refuse("of a type of Spark's own"),
    })
}

/// Spark's columns for Arrow's, as JSON, for files of Parquet that have these columns.
///
/// # Errors
/// `Unsupported` for a type that Spark does not read from Parquet as what it is, with the column's name.
pub fn spark_schema(of: &Schema) -> Result<String> {
    Ok(spark_struct(of.fields())?.to_string())
}

fn spark_struct(fields: &Fields) -> Result<Value> {
    let fields = fields
        .iter()
        .map(|field| {
            let kind = spark(field.data_type(), field.name())?;
            Ok(json!({"name": field.name(), "type": kind, "nullable": field.is_nullable(), "metadata": {}}))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(json!({"type": "struct", "fields": fields}))
}

fn spark(of: &DataType, column: &str) -> Result<Value> {
    let refuse = || {
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the column `{column}` is {of}, which Spark does not read from Parquet as what it is; cast it where it is made"
            ),
        ))
    };
    Ok(match of {
        DataType::Boolean => json!("boolean"),
        DataType::Int8 => json!("byte"),
        DataType::Int16 | DataType::UInt8 => json!("short"),
        DataType::Int32 | DataType::UInt16 => json!("integer"),
        DataType::Int64 | DataType::UInt32 => json!("long"),
        DataType::UInt64 => json!("decimal(20,0)"),
        DataType::Float32 => json!("float"),
        DataType::Float64 => json!("double"),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale >= 0 && *precision <= 38 =>
        {
            json!(format!("decimal({precision},{scale})"))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => json!("string"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            json!("binary")
        }
        DataType::Date32 => json!("date"),
        DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond, Some(_)) => json!("timestamp"),
        DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond, None) => json!("timestamp_ntz"),
        DataType::Dictionary(_, values) => spark(values, column)?,
        DataType::List(inner) | DataType::LargeList(inner) => {
            json!({"type": "array", "elementType": spark(inner.data_type(), column)?, "containsNull": inner.is_nullable()})
        }
        DataType::Struct(fields) => spark_struct(fields)?,
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => json!({
                "type": "map",
                "keyType": spark(pair[0].data_type(), column)?,
                "valueType": spark(pair[1].data_type(), column)?,
                "valueContainsNull": pair[1].is_nullable(),
            }),
            _ => return refuse(),
        },
        _ => return refuse(),
    })
}

#[cfg(test)]
mod tests {
    use super::{arrow_schema, spark_schema};
    use arrow_schema::{DataType, Field, Schema, TimeUnit};
    use larder_io_core::ErrorKind;
    use spark_connect_proto as proto;
    use spark_connect_proto::data_type::{Array, Kind, Struct, StructField, Variant};

    #[test]
    fn names_of_columns_are_data() {
        let schema = Schema::new(vec![
            Field::new("a\", `b`; --", DataType::Int64, false),
            Field::new(
                "t",
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                true,
            ),
        ]);
        let json: serde_json::Value = serde_json::from_str(&spark_schema(&schema).expect("is right")).expect("is JSON");
        assert_eq!(json["fields"][0]["name"], "a\", `b`; --");
        assert_eq!(json["fields"][1]["type"], "timestamp");
    }

    #[test]
    fn what_would_be_read_as_something_else_is_refused() {
        for kind in [
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            DataType::Timestamp(TimeUnit::Second, None),
            DataType::Date64,
            DataType::Decimal256(76, 0),
            DataType::Decimal128(10, -2),
            DataType::Float16,
        ] {
            let error =
                spark_schema(&Schema::new(vec![Field::new("bad", kind.clone(), true)])).expect_err("is refused");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains("`bad`"), "{error}");
        }
    }

    fn columns(kind: Kind) -> proto::DataType {
        let field = StructField {
            name: "c".to_owned(),
            data_type: Some(proto::DataType { kind: Some(kind) }),
            nullable: true,
            metadata: None,
        };
        let fields = Struct {
            fields: vec![field],
            type_variation_reference: 0,
        };
        proto::DataType {
            kind: Some(Kind::Struct(fields)),
        }
    }

    #[test]
    fn what_the_server_tells_is_not_trusted() {
        let mut nested = Kind::Null(Default::default());
        for _ in 0..200 {
            nested = Kind::Array(Box::new(Array {
                element_type: Some(Box::new(proto::DataType { kind: Some(nested) })),
                ..Default::default()
            }));
        }
        for kind in [nested, Kind::Variant(Variant::default())] {
            let error = arrow_schema(&columns(kind)).expect_err("is refused");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains("`c`"), "{error}");
        }
        assert_eq!(
            arrow_schema(&proto::DataType::default())
                .expect_err("is refused")
                .kind(),
            ErrorKind::InvalidData
        );
    }
}
