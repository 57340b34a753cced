//! Columns of a table by the fields of a row struct.

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A row of a table, whose fields are the columns; `#[derive(TableSchema)]` implements it.
///
/// ```text
/// #[derive(TableSchema)]
/// struct Delay {
///     carrier: String,
///     day: jiff::civil::Date,
///     mean_minutes: Option<f64>,
/// }
///
/// #[asset(columns = Delay)]
/// async fn delays(flights: Table) -> Result<Table> { .. }
/// ```
pub trait TableSchema {
    /// The columns, in the order of the fields. A column may be null where its field is an `Option`.
    fn schema() -> SchemaRef;
}

/// A type of which a column can be.
///
/// | Rust | Arrow |
/// |---|---|
/// | `bool`, `i8` to `i64`, `u8` to `u64`, `f32`, `f64` | the same |
/// | `String` | Utf8 |
/// | `Vec<u8>` | Binary |
/// | `Vec<T>` | List |
/// | `Option<T>` | `T`, may be null |
/// | `jiff::civil::Date`, `Time`, `DateTime` | Date32, Time64 and Timestamp in microseconds |
/// | `jiff::Timestamp` | Timestamp in microseconds, UTC |
/// | `BTreeMap<String, T>` | Map |
/// | a struct with `#[derive(TableSchema)]` | Struct |
pub trait ColumnType {
    /// Whether a value may be null.
    const NULLABLE: bool = false;

    /// The type of the column.
    fn data_type() -> DataType;

    /// The type of a column of many of them.
    fn list_type() -> DataType
    where
        Self: Sized,
    {
        DataType::List(Arc::new(column::<Self>(Field::LIST_FIELD_DEFAULT_NAME)))
    }
}

/// What derived code names. Not for people.
#[doc(hidden)]
pub mod derived {
    pub use super::{column, columns, struct_type};
    pub use arrow_schema::{DataType, SchemaRef};
}

/// The column of a type.
pub fn column<T: ColumnType>(name: &str) -> Field {
    Field::new(name, T::data_type(), T::NULLABLE)
}

/// The schema of columns.
pub fn columns(fields: impl IntoIterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(fields.into_iter().map(Arc::new).collect::<Vec<FieldRef>>()))
}

/// The type of a column of rows.
pub fn struct_type<T: TableSchema>() -> DataType {
    DataType::Struct(T::schema().fields().clone())
}

macro_rules! of {
    ($($type:ty => $data_type:expr,)*) => {$(
        impl ColumnType for $type {
            fn data_type() -> DataType {
                $data_type
            }
        }
    )*};
}

of! {
    bool => DataType::Boolean,
    i8 => DataType::Int8,
    i16 => DataType::Int16,
    i32 => DataType::Int32,
    i64 => DataType::Int64,
    u16 => DataType::UInt16,
    u32 => DataType::UInt32,
    u64 => DataType::UInt64,
    f32 => DataType::Float32,
    f64 => DataType::Float64,
    String => DataType::Utf8,
    jiff::civil::Date => DataType::Date32,
    jiff::civil::Time => DataType::Time64(TimeUnit::Microsecond),
    jiff::civil::DateTime => DataType::Timestamp(TimeUnit::Microsecond, None),
    jiff::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
}

impl ColumnType for u8 {
    fn data_type() -> DataType {
        DataType::UInt8
    }

    fn list_type() -> DataType {
        DataType::Binary
    }
}

impl<T: ColumnType> ColumnType for Option<T> {
    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        T::data_type()
    }
}

impl<T: ColumnType> ColumnType for Vec<T> {
    fn data_type() -> DataType {
        T::list_type()
    }
}

impl<T: ColumnType> ColumnType for Box<T> {
    const NULLABLE: bool = T::NULLABLE;

    fn data_type() -> DataType {
        T::data_type()
    }
}

impl<T: ColumnType> ColumnType for BTreeMap<String, T> {
    fn data_type() -> DataType {
        let entries: Fields = vec![column::<String>("keys"), column::<T>("values")].into();
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
    }
}
