//! Which of DataFusion's filters larder can take over.
//!
//! DataFusion evaluates every filter again over the rows it gets, so that one that is taken over need only leave out no row
//! that matches; what is not taken over costs time and nothing else.

use arrow_schema::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use larder_io_core::{Comparison, Literal, Predicate, col};

/// Values of one `IN (..)` that are taken over; a longer list is cheaper as one hash table.
const LONGEST_LIST: usize = 32;

/// The filter in larder's words.
pub(crate) fn predicate(filter: &Expr, schema: &Schema) -> Option<Predicate> {
    let found = match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => predicate(left, schema)?.and(predicate(right, schema)?),
            Operator::Or => predicate(left, schema)?.or(predicate(right, schema)?),
            op => match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _)) => {
                    compared(&column.name, comparison(*op)?, value, schema)?
                }
                (Expr::Literal(value, _), Expr::Column(column)) => {
                    compared(&column.name, comparison(op.swap()?)?, value, schema)?
                }
                _ => return None,
            },
        },
        Expr::IsNull(inner) => col(name(inner)?).is_null(),
        Expr::IsNotNull(inner) => col(name(inner)?).is_not_null(),
        // A column of booleans, and its opposite.
        Expr::Column(column) => truth(&column.name, true, schema)?,
        Expr::Not(inner) => truth(name(inner)?, false, schema)?,
        Expr::Between(between) if !between.negated => {
            let (column, low, high) = (name(&between.expr)?, value(&between.low)?, value(&between.high)?);
            compared(column, Comparison::GtEq, low, schema)?.and(compared(column, Comparison::LtEq, high, schema)?)
        }
        Expr::InList(InList {
            expr,
            list,
            negated: false,
        }) if list.len() <= LONGEST_LIST => {
            let column = name(expr)?;
            let one = |item| compared(column, Comparison::Eq, value(item)?, schema);
            let mut each = list.iter().map(one);
            let first = each.next()??;
            each.try_fold(first, |any, one| Some(any.or(one?)))?
        }
        _ => return None,
    };
    found.check(schema).is_ok().then_some(found)
}

fn name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        _ => None,
    }
}

fn value(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

fn truth(column: &str, wanted: bool, schema: &Schema) -> Option<Predicate> {
    let field = schema.field_with_name(column).ok()?;
    (field.data_type() == &DataType::Boolean).then(|| col(column).eq(wanted))
}

fn comparison(op: Operator) -> Option<Comparison> {
    Some(match op {
        Operator::Eq => Comparison::Eq,
        Operator::NotEq => Comparison::NotEq,
        Operator::Lt => Comparison::Lt,
        Operator::LtEq => Comparison::LtEq,
        Operator::Gt => Comparison::Gt,
        Operator::GtEq => Comparison::GtEq,
        _ => return None,
    })
}

fn compared(column: &str, comparison: Comparison, value: &ScalarValue, schema: &Schema) -> Option<Predicate> {
    let kept = plain(schema.field_with_name(column).ok()?.data_type());
    // Otherwise a number of days would be taken for one of milliseconds.
    if plain(&value.data_type()) != kept {
        return None;
    }
    let literal = literal(value)?;
    if let Literal::Float(number) = literal {
        // The engine orders floats by their bits, where -0.0 is less than 0.0 and a NaN with a sign less than anything:
        // rows that match there must not be left out here.
        let sure = match comparison {
            Comparison::Eq => !number.is_nan(),
            _ => false,
        };
        if !sure {
            return None;
        }
    }
    Some(Predicate::Compare {
        column: column.to_owned(),
        comparison,
        literal,
    })
}

/// The type whose values it holds; all kinds of texts and of bytes are one.
fn plain(kind: &DataType) -> DataType {
    match kind {
        DataType::Dictionary(_, values) => plain(values),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

fn literal(value: &ScalarValue) -> Option<Literal> {
    Some(match value {
        ScalarValue::Boolean(value) => Literal::Bool((*value)?),
        ScalarValue::Int8(value) => Literal::Int(i64::from((*value)?)),
        ScalarValue::Int16(value) => Literal::Int(i64::from((*value)?)),
        ScalarValue::Int32(value) => Literal::Int(i64::from((*value)?)),
        ScalarValue::Int64(value) => Literal::Int((*value)?),
        ScalarValue::UInt8(value) => Literal::Int(i64::from((*value)?)),
        ScalarValue::UInt16(value) => Literal::Int(i64::from((*value)?)),
        ScalarValue::UInt32(value) => Literal::Int(i64::from((*value)?)),
        ScalarValue::UInt64(value) => Literal::Int(i64::try_from((*value)?).ok()?),
        ScalarValue::Float32(value) => Literal::Float(f64::from((*value)?)),
        ScalarValue::Float64(value) => Literal::Float((*value)?),
        ScalarValue::Utf8(value) | ScalarValue::LargeUtf8(value) | ScalarValue::Utf8View(value) => {
            Literal::Text(value.clone()?)
        }
        ScalarValue::Binary(value) | ScalarValue::LargeBinary(value) | ScalarValue::BinaryView(value) => {
            Literal::Bytes(value.clone()?)
        }
        ScalarValue::Date32(value) => Literal::Int(i64::from((*value)?)),
        ScalarValue::TimestampSecond(value, _)
        | ScalarValue::TimestampMillisecond(value, _)
        | ScalarValue::TimestampMicrosecond(value, _)
        | ScalarValue::TimestampNanosecond(value, _) => Literal::Int((*value)?),
        ScalarValue::Dictionary(_, value) => literal(value)?,
        _ => return None,
    })
}
