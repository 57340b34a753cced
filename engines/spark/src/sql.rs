//! A query's text and its values.

use larder_io_core::{Error, ErrorKind, Result, SqlValue};
use spark_connect_proto as proto;
use std::collections::BTreeMap;

/// A query in Spark's SQL, with values for its parameters, which stand as `:name` in it.
///
/// Values go to the server as what they are, typed, beside the text: what a value holds is never read as SQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Sql {
    text: String,
    values: BTreeMap<String, SqlValue>,
}

impl Sql {
    /// A query. Its parameters are written `:name`.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            values: BTreeMap::new(),
        }
    }

    /// Gives a parameter its value, without the `:` in its name.
    #[must_use]
    pub fn bind(mut self, name: impl Into<String>, value: impl Into<SqlValue>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }

    /// Gives parameters their values.
    #[must_use]
    pub fn bind_all(mut self, values: &BTreeMap<String, SqlValue>) -> Self {
        self.values.extend(values.clone());
        self
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// # Errors
    /// `InvalidDefinition` for a value that Spark cannot have exactly.
    pub(crate) fn relation(&self) -> Result<proto::Relation> {
        let mut named_arguments = std::collections::HashMap::new();
        for (name, value) in &self.values {
            let literal = proto::expression::Literal {
                literal_type: Some(literal(name, value)?),
                ..Default::default()
            };
            let expression = proto::Expression {
                expr_type: Some(proto::expression::ExprType::Literal(literal)),
                ..Default::default()
            };
            named_arguments.insert(name.clone(), expression);
        }
        let sql = proto::Sql {
            query: self.text.clone(),
            named_arguments,
            ..Default::default()
        };
        Ok(relation(proto::relation::RelType::Sql(sql)))
    }
}

pub(crate) fn relation(of: proto::relation::RelType) -> proto::Relation {
    proto::Relation {
        common: None,
        rel_type: Some(of),
    }
}

fn literal(name: &str, value: &SqlValue) -> Result<proto::expression::literal::LiteralType> {
    use proto::expression::literal::LiteralType;
    let refuse = |what: String| {
        Err(Error::new(
            ErrorKind::InvalidDefinition,
            format!("the value of the parameter `{name}` {what}"),
        ))
    };
    Ok(match value {
        SqlValue::Bool(value) => LiteralType::Boolean(*value),
        SqlValue::Int(value) => LiteralType::Long(*value),
        SqlValue::Float(value) => LiteralType::Double(*value),
        SqlValue::Text(value) => LiteralType::String(value.clone()),
        SqlValue::Timestamp(value) => {
            if value.subsec_nanosecond() % 1_000 != 0 {
                return refuse(format!("is {value}, but Spark's timestamps count microseconds"));
            }
            LiteralType::Timestamp(value.as_microsecond())
        }
        other => return refuse(format!("is a {}, which Spark is not given", other.kind())),
    })
}

#[cfg(test)]
mod tests {
    use super::Sql;
    use larder_io_core::{ErrorKind, SqlValue};
    use spark_connect_proto as proto;

    #[test]
    fn values_are_beside_the_text() {
        let evil = "'; drop table x; --";
        let query = Sql::new("select :a").bind("a", evil);
        let Some(proto::relation::RelType::Sql(sql)) = query.relation().expect("is right").rel_type else {
            panic!("is a query");
        };
        assert_eq!(sql.query, "select :a");
        assert!(format!("{:?}", sql.named_arguments["a"]).contains(evil));
    }

    #[test]
    fn a_time_that_spark_cannot_have_is_refused() {
        let fine = jiff::Timestamp::from_microsecond(-1).expect("is one");
        assert!(Sql::new("select :a").bind("a", fine).relation().is_ok());
        let finer = jiff::Timestamp::from_nanosecond(1_001).expect("is one");
        let error = Sql::new("select :a")
            .bind("a", SqlValue::Timestamp(finer))
            .relation()
            .expect_err("is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
        assert!(error.message().contains("`a`"), "{error}");
    }
}
