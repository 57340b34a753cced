//! Which rows: comparisons of a column with a literal, and what can be made of them.

use super::scan::column_index;
use crate::error::{Error, ErrorKind, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, LargeStringArray, PrimitiveArray, RecordBatch,
    Scalar, StringArray, StringViewArray,
};
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType, Schema, TimeUnit};
use arrow_select::filter::filter_record_batch;
use std::sync::Arc;

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Literal {
    /// A truth value.
    Bool(bool),
    /// An integer; for a date or timestamp column, its raw count of units.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

macro_rules! literals {
    ($($from:ty => $make:expr),*) => {$(
        impl From<$from> for Literal {
            fn from(value: $from) -> Self {
                $make(value)
            }
        }
    )*};
}
literals!(bool => Literal::Bool, i32 => |n| Literal::Int(i64::from(n)), i64 => Literal::Int, f64 => Literal::Float,
    &str => |text: &str| Literal::Text(text.to_owned()), String => Literal::Text, Vec<u8> => Literal::Bytes);

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

/// Which rows. Nulls follow SQL: a comparison with a null is neither true nor false, and only true rows stay. Floats
/// compare as numbers; NaN equals itself and is greater than all of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Predicate {
    Compare {
        column: String,
        comparison: Comparison,
        literal: Literal,
    },
    IsNull(String),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// Begins a predicate: `col("delay").gt(15)`.
pub fn col(name: impl Into<String>) -> Column {
    Column(name.into())
}

/// A column's name on its way into a [`Predicate`].
#[derive(Clone, Debug)]
pub struct Column(String);

macro_rules! comparisons {
    ($($method:ident => $comparison:ident),*) => {$(
        #[doc = concat!("The comparison `", stringify!($comparison), "` with a literal.")]
        #[allow(clippy::should_implement_trait)]
        pub fn $method(self, literal: impl Into<Literal>) -> Predicate {
            Predicate::Compare { column: self.0, comparison: Comparison::$comparison, literal: literal.into() }
        }
    )*};
}

impl Column {
    comparisons!(eq => Eq, not_eq => NotEq, lt => Lt, lt_eq => LtEq, gt => Gt, gt_eq => GtEq);

    /// Rows where the column is null.
    pub fn is_null(self) -> Predicate {
        Predicate::IsNull(self.0)
    }

    /// Rows where the column is not null.
    pub fn is_not_null(self) -> Predicate {
        Predicate::IsNull(self.0).negate()
    }
}

impl Predicate {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    /// The opposite; what is neither true nor false stays so.
    #[must_use]
    pub fn negate(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Whether it fits a schema.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown column, or a literal that does not fit its column.
    pub fn check(&self, schema: &Schema) -> Result<()> {
        match self {
            Self::Compare { column, literal, .. } => {
                let field = schema.field(column_index(schema, column)?);
                literal
                    .array(field.data_type())
                    .map(drop)
                    .ok_or_else(|| misfit(column, field.data_type(), literal))
            }
            Self::IsNull(column) => column_index(schema, column).map(drop),
            Self::Not(inner) => inner.check(schema),
            Self::And(left, right) | Self::Or(left, right) => left.check(schema).and_then(|()| right.check(schema)),
        }
    }

    /// Predicates that all hold where this one does, and the other way round.
    pub fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::And(left, right) => [left.conjuncts(), right.conjuncts()].concat(),
            other => vec![other],
        }
    }

    /// The names of the columns it looks at.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Compare { column, .. } | Self::IsNull(column) => vec![column],
            Self::Not(inner) => inner.columns(),
            Self::And(left, right) | Self::Or(left, right) => [left.columns(), right.columns()].concat(),
        }
    }

    /// Keeps the rows that match.
    ///
    /// # Errors
    /// As [`Predicate::check`].
    pub fn filter(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mask = self.evaluate(batch)?;
        filter_record_batch(batch, &mask).map_err(kernel)
    }

    /// Which rows match: true, or false where it is false or neither. Has no nulls.
    ///
    /// # Errors
    /// As [`Predicate::check`].
    pub fn mask(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let mask = self.evaluate(batch)?;
        Ok(mask.iter().map(|value| Some(value == Some(true))).collect())
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        match self {
            Self::Compare {
                column,
                comparison,
                literal,
            } => {
                let values = ordered(batch.column(column_index(batch.schema_ref(), column)?));
                let literal = literal
                    .array(values.data_type())
                    .ok_or_else(|| misfit(column, values.data_type(), literal))?;
                let literal = Scalar::new(ordered(&literal));
                let compare = match comparison {
                    Comparison::Eq => cmp::eq,
                    Comparison::NotEq => cmp::neq,
                    Comparison::Lt => cmp::lt,
                    Comparison::LtEq => cmp::lt_eq,
                    Comparison::Gt => cmp::gt,
                    Comparison::GtEq => cmp::gt_eq,
                };
                compare(&values, &literal).map_err(kernel)
            }
            Self::IsNull(column) => {
                let values = batch.column(column_index(batch.schema_ref(), column)?);
                let nulls = values.logical_nulls();
                Ok((0..values.len())
                    .map(|row| Some(nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))))
                    .collect())
            }
            Self::Not(inner) => Ok(inner
                .evaluate(batch)?
                .iter()
                .map(|value| value.map(|value| !value))
                .collect()),
            Self::And(left, right) => Ok(kleene(left.evaluate(batch)?, &right.evaluate(batch)?, false)),
            Self::Or(left, right) => Ok(kleene(left.evaluate(batch)?, &right.evaluate(batch)?, true)),
        }
    }
}

/// Floats such that their total order is that of numbers: one zero, and one NaN, which is the greatest.
pub(super) fn ordered(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Float64 => {
            let number = |x: f64| if x.is_nan() { f64::NAN } else { x + 0.0 };
            Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(number))
        }
        DataType::Float32 => {
            let number = |x: f32| if x.is_nan() { f32::NAN } else { x + 0.0 };
            Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(number))
        }
        _ => Arc::clone(values),
    }
}

/// Three-valued logic: `decisive` on either side decides, whatever the other side is.
fn kleene(left: BooleanArray, right: &BooleanArray, decisive: bool) -> BooleanArray {
    let pairs = left.iter().zip(right.iter());
    pairs
        .map(|pair| match pair {
            (Some(value), _) | (_, Some(value)) if value == decisive => Some(decisive),
            (Some(_), Some(other)) if other == decisive => Some(decisive),
            (Some(_), Some(_)) => Some(!decisive),
            _ => None,
        })
        .collect()
}

fn misfit(column: &str, data_type: &DataType, literal: &Literal) -> Error {
    let message = format!("the column `{column}` of type {data_type} cannot be compared with {literal:?}");
    Error::new(ErrorKind::InvalidDefinition, message)
}

fn kernel(error: ArrowError) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("cannot evaluate the predicate: {error}"),
    )
    .with_source(error)
}

impl Literal {
    /// One value of a column's type; `None` when it does not fit exactly.
    pub fn array(&self, data_type: &DataType) -> Option<ArrayRef> {
        fn of<T: ArrowPrimitiveType>(value: Option<T::Native>, data_type: &DataType) -> Option<ArrayRef> {
            let array = PrimitiveArray::<T>::new(vec![value?].into(), None);
            Some(Arc::new(array.with_data_type(data_type.clone())))
        }
        let wanted = match data_type {
            DataType::Dictionary(_, value) => value.as_ref(),
            other => other,
        };
        match (self, wanted) {
            (Self::Bool(value), DataType::Boolean) => Some(Arc::new(BooleanArray::from(vec![*value]))),
            (Self::Text(text), DataType::Utf8) => Some(Arc::new(StringArray::from(vec![text.as_str()]))),
            (Self::Text(text), DataType::LargeUtf8) => Some(Arc::new(LargeStringArray::from(vec![text.as_str()]))),
            (Self::Text(text), DataType::Utf8View) => Some(Arc::new(StringViewArray::from(vec![text.as_str()]))),
            (Self::Bytes(bytes), DataType::Binary) => Some(Arc::new(BinaryArray::from(vec![bytes.as_slice()]))),
            (Self::Int(n), DataType::Int8) => of::<Int8Type>(i8::try_from(*n).ok(), wanted),
            (Self::Int(n), DataType::Int16) => of::<Int16Type>(i16::try_from(*n).ok(), wanted),
            (Self::Int(n), DataType::Int32) => of::<Int32Type>(i32::try_from(*n).ok(), wanted),
            (Self::Int(n), DataType::Int64) => of::<Int64Type>(Some(*n), wanted),
            (Self::Int(n), DataType::UInt8) => of::<UInt8Type>(u8::try_from(*n).ok(), wanted),
            (Self::Int(n), DataType::UInt16) => of::<UInt16Type>(u16::try_from(*n).ok(), wanted),
            (Self::Int(n), DataType::UInt32) => of::<UInt32Type>(u32::try_from(*n).ok(), wanted),
            (Self::Int(n), DataType::UInt64) => of::<UInt64Type>(u64::try_from(*n).ok(), wanted),
            (Self::Int(n), DataType::Date32) => of::<Date32Type>(i32::try_from(*n).ok(), wanted),
            (Self::Int(n), DataType::Date64) => of::<Date64Type>(Some(*n), wanted),
            (Self::Int(n), DataType::Timestamp(TimeUnit::Second, _)) => of::<TimestampSecondType>(Some(*n), wanted),
            (Self::Int(n), DataType::Timestamp(TimeUnit::Millisecond, _)) => {
                of::<TimestampMillisecondType>(Some(*n), wanted)
            }
            (Self::Int(n), DataType::Timestamp(TimeUnit::Microsecond, _)) => {
                of::<TimestampMicrosecondType>(Some(*n), wanted)
            }
            (Self::Int(n), DataType::Timestamp(TimeUnit::Nanosecond, _)) => {
                of::<TimestampNanosecondType>(Some(*n), wanted)
            }
            // 2^53 is the last integer below which every integer is a float.
            (Self::Int(n), DataType::Float64) => {
                of::<Float64Type>((n.unsigned_abs() <= 1 << 53).then_some(*n as f64), wanted)
            }
            (Self::Float(x), DataType::Float64) => of::<Float64Type>(Some(*x), wanted),
            (Self::Float(x), DataType::Float32) => {
                of::<Float32Type>((x.is_nan() || f64::from(*x as f32) == *x).then_some(*x as f32), wanted)
            }
            _ => None,
        }
    }
}
