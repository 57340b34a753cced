//! What a scan asks for, as a query: columns, rows and a limit as far as PostgreSQL answers exactly as larder does.

use crate::names::{self, literal, quoted};
use crate::types;
use arrow_schema::{DataType, Schema, SchemaRef};
use larder_io_core::{Comparison, Literal, Predicate, Result, Scan};
use std::sync::Arc;

/// A query, and what is left to do with its rows.
#[derive(Debug)]
pub(crate) struct Query {
    /// `SELECT ..`, without a semicolon.
    pub(crate) sql: String,
    /// What its rows have.
    pub(crate) schema: SchemaRef,
    /// What PostgreSQL was not asked for: a predicate, and then the limit that comes after it.
    pub(crate) rest: Scan,
    /// How many of the columns, from the first on, are wanted; the others are there for the predicate.
    pub(crate) wanted: usize,
}

/// Makes the query of a scan.
///
/// # Errors
/// `InvalidDefinition` for an unknown column, or a literal that does not fit its column.
pub(crate) fn query(schema: &SchemaRef, table: &str, request: &Scan) -> Result<Query> {
    let names = names::columns(schema);
    let mut columns = match request.projection(schema)? {
        Some(indices) => indices,
        None => (0..names.len()).collect(),
    };
    let wanted = columns.len();
    let mut rest = Scan::all();
    let mut conditions = Vec::new();
    if let Some(predicate) = &request.predicate {
        predicate.check(schema)?;
        for conjunct in predicate.conjuncts() {
            match condition(conjunct, schema, &names) {
                Some(sql) => conditions.push(sql),
                None => rest = rest.filter(conjunct.clone()),
            }
        }
        for name in rest.predicate.iter().flat_map(Predicate::columns) {
            let index = position(schema, name);
            columns.extend(index.filter(|index| !columns.contains(index)));
        }
    }
    let list: Vec<String> = columns.iter().map(|index| quoted(&names[*index])).collect();
    let mut sql = format!("SELECT {} FROM {table}", list.join(", "));
    if !conditions.is_empty() {
        sql += &format!(" WHERE {}", conditions.join(" AND "));
    }
    match request.limit {
        Some(limit) if rest.predicate.is_none() => {
            sql += &format!(" LIMIT {}", i64::try_from(limit).unwrap_or(i64::MAX))
        }
        limit => rest.limit = limit,
    }
    Ok(Query {
        sql,
        schema: Arc::new(schema.project(&columns)?),
        rest,
        wanted,
    })
}

fn position(schema: &Schema, name: &str) -> Option<usize> {
    schema.fields().iter().position(|field| field.name() == name)
}

/// A predicate in SQL; `None` where PostgreSQL might answer otherwise.
fn condition(predicate: &Predicate, schema: &Schema, names: &[String]) -> Option<String> {
    let inner = |predicate: &Predicate| condition(predicate, schema, names);
    Some(match predicate {
        Predicate::IsNull(column) => format!("({} IS NULL)", quoted(&names[position(schema, column)?])),
        Predicate::Not(predicate) => format!("(NOT {})", inner(predicate)?),
        Predicate::And(left, right) => format!("({} AND {})", inner(left)?, inner(right)?),
        Predicate::Or(left, right) => format!("({} OR {})", inner(left)?, inner(right)?),
        Predicate::Compare {
            column,
            comparison,
            literal,
        } => {
            let index = position(schema, column)?;
            let name = quoted(&names[index]);
            let (left, right) = sides(&name, types::values(schema.field(index).data_type()), literal)?;
            let operator = match comparison {
                Comparison::Eq => "=",
                Comparison::NotEq => "<>",
                Comparison::Lt => "<",
                Comparison::LtEq => "<=",
                Comparison::Gt => ">",
                Comparison::GtEq => ">=",
            };
            format!("({left} {operator} {right})")
        }
        _ => return None,
    })
}

/// Both sides of a comparison, where PostgreSQL orders the type as larder does.
fn sides(name: &str, data_type: &DataType, value: &Literal) -> Option<(String, String)> {
    use DataType as T;
    let plain = |right: String| Some((name.to_owned(), right));
    match (data_type, value) {
        (T::Boolean, Literal::Bool(value)) => plain(value.to_string()),
        // A bare number beyond `bigint` would be a `numeric`; these are within, and `-9223372036854775808` needs the quotes.
        (T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32, Literal::Int(value)) => {
            plain(format!("'{value}'::bigint"))
        }
        (T::UInt64, Literal::Int(value)) => plain(format!("'{value}'::numeric")),
        // NaN is the greatest and equal to itself, and there is one zero: as larder has it.
        (T::Float64, Literal::Int(value)) => plain(format!("'{value}'::float8")),
        (T::Float64, Literal::Float(value)) => plain(format!("'{}'::float8", float(*value))),
        (T::Float32, Literal::Float(value)) => plain(format!("'{}'::float4", float(*value))),
        // By bytes, whatever the database's own order of texts is.
        (T::Utf8 | T::LargeUtf8 | T::Utf8View, Literal::Text(value)) => {
            Some((format!("{name} COLLATE \"C\""), literal(value)?))
        }
        (T::Binary, Literal::Bytes(value)) => {
            let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            plain(format!("'\\x{digits}'::bytea"))
        }
        _ => None,
    }
}

/// A float as PostgreSQL reads it back exactly.
fn float(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::{Field, TimeUnit};
    use larder_io_core::{ErrorKind, col};

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("t\"x", DataType::Utf8, true),
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), true),
            Field::new("f", DataType::Float64, true),
            Field::new("b", DataType::Binary, true),
        ]))
    }

    fn sql(scan: Scan) -> Query {
        query(&schema(), "s.t", &scan).expect("fits")
    }

    #[test]
    fn what_postgresql_answers_as_larder_does_is_asked_of_it() {
        let all = sql(Scan::all());
        assert_eq!(all.sql, "SELECT \"id\", \"t\"\"x\", \"at\", \"f\", \"b\" FROM s.t");
        let narrow = sql(Scan::all()
            .select(["t\"x"])
            .filter(col("id").gt(5).or(col("id").is_null()))
            .limit(3));
        assert_eq!(
            narrow.sql,
            "SELECT \"t\"\"x\" FROM s.t WHERE ((\"id\" > '5'::bigint) OR (\"id\" IS NULL)) LIMIT 3"
        );
        assert_eq!((narrow.rest, narrow.wanted), (Scan::all(), 1));
        let text = sql(Scan::all()
            .select(Vec::<String>::new())
            .filter(col("t\"x").eq("'; drop table x; --")));
        assert_eq!(
            text.sql,
            "SELECT  FROM s.t WHERE (\"t\"\"x\" COLLATE \"C\" = '''; drop table x; --')"
        );
        let rest = sql(Scan::all().filter(col("f").gt_eq(f64::NAN).and(col("b").lt(vec![0, 39, 255]))));
        assert!(
            rest.sql
                .ends_with("WHERE (\"f\" >= 'NaN'::float8) AND (\"b\" < '\\x0027ff'::bytea)"),
            "{}",
            rest.sql
        );
        assert!(
            sql(Scan::all().filter(col("f").eq(-0.1)))
                .sql
                .ends_with("'-1e-1'::float8)")
        );
    }

    #[test]
    fn what_it_might_answer_otherwise_is_done_here() {
        let query = sql(Scan::all()
            .select(["id"])
            .filter(col("at").gt(7).and(col("id").lt(9)))
            .limit(3));
        assert_eq!(query.sql, "SELECT \"id\", \"at\" FROM s.t WHERE (\"id\" < '9'::bigint)");
        assert_eq!(query.rest, Scan::all().filter(col("at").gt(7)).limit(3));
        assert_eq!(query.wanted, 1);
        let nul = sql(Scan::all().filter(col("t\"x").eq("a\0")));
        assert!(nul.rest.predicate.is_some() && !nul.sql.contains("WHERE"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for scan in [Scan::all().select(["idd"]), Scan::all().filter(col("id").eq("x"))] {
            let error = query(&schema(), "s.t", &scan).expect_err("does not fit");
            assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
        }
    }
}
