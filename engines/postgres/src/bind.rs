//! Values of parameters, bound and never pasted.

use bytes::{BufMut, BytesMut};
use larder_io_core::{Error, ErrorKind, Query, Result, SqlValue};
use tokio_postgres::types::{IsNull, ToSql, Type};

/// A value and its type there.
pub(crate) type Bound = (Box<dyn ToSql + Sync + Send>, Type);

/// Seconds from 1970 to 2000, from when PostgreSQL counts.
const EPOCH: i64 = 946_684_800;

/// A point in time, as the server takes it: microseconds since 2000.
#[derive(Debug)]
struct Moment(jiff::Timestamp);

impl ToSql for Moment {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.put_i64(self.0.as_microsecond() - EPOCH * 1_000_000);
        Ok(IsNull::No)
    }

    fn accepts(known: &Type) -> bool {
        *known == Type::TIMESTAMPTZ
    }

    tokio_postgres::types::to_sql_checked!();
}

/// The values, in the order of the query's parameters.
///
/// # Errors
/// `InvalidDefinition` for one without a value; `InvalidData` for a text with a NUL, which PostgreSQL cannot hold.
pub(crate) fn values(query: Query<'_>) -> Result<Vec<Bound>> {
    let parameters = query.prepared.parameters.iter();
    parameters.map(|name| bound(name, query.value(name)?)).collect()
}

fn bound(name: &str, value: &SqlValue) -> Result<Bound> {
    let text = |text: String| match text.contains('\0') {
        true => {
            let message = format!("the parameter `${name}` is a text with NUL, which PostgreSQL cannot hold");
            Err(Error::new(ErrorKind::InvalidData, message))
        }
        false => Ok((Box::new(text) as _, Type::TEXT)),
    };
    Ok(match value {
        SqlValue::Bool(value) => (Box::new(*value), Type::BOOL),
        SqlValue::Int(value) => (Box::new(*value), Type::INT8),
        SqlValue::Float(value) => (Box::new(*value), Type::FLOAT8),
        SqlValue::Timestamp(value) => (Box::new(Moment(*value)), Type::TIMESTAMPTZ),
        SqlValue::Text(value) => text(value.clone())?,
        // Of kinds to come.
        other => text(other.to_string())?,
    })
}
