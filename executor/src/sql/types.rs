//! Columns as SQL writes them: `customer_id bigint not null, total decimal(12, 2)`.

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use larder_io_core::nearest;
use std::sync::Arc;

/// Names of types, for messages.
const NAMES: [&str; 18] = [
    "boolean",
    "smallint",
    "int",
    "integer",
    "bigint",
    "real",
    "double",
    "float",
    "decimal",
    "numeric",
    "text",
    "varchar",
    "string",
    "bytea",
    "binary",
    "date",
    "timestamp",
    "timestamptz",
];

/// Reads the columns of a list.
///
/// # Errors
/// For a column without a type, an unknown type with the nearest, a name that comes twice.
pub(crate) fn columns(text: &str) -> Result<SchemaRef, String> {
    let mut fields: Vec<Field> = Vec::new();
    for part in split(text) {
        let field = field(part.trim())?;
        if fields.iter().any(|other| other.name() == field.name()) {
            return Err(format!("the column `{}` comes twice", field.name()));
        }
        fields.push(field);
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// At commas that are not within parentheses or quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut parts) = (0_u32, false, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn field(text: &str) -> Result<Field, String> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(rest) => rest
            .split_once('"')
            .ok_or_else(|| format!("the name in `{text}` has no closing quote"))?,
        None => text.split_once(char::is_whitespace).unwrap_or((text, "")),
    };
    let rest = rest.trim().to_lowercase();
    if name.is_empty() || rest.is_empty() {
        return Err(format!(
            "`{text}` is no column; write name and type, such as `total decimal(12, 2) not null`"
        ));
    }
    let (kind, nullable) = match rest.strip_suffix("not null") {
        Some(kind) => (kind.trim(), false),
        None => (rest.strip_suffix(" null").unwrap_or(&rest).trim(), true),
    };
    Ok(Field::new(name, data_type(kind)?, nullable))
}

fn data_type(text: &str) -> Result<DataType, String> {
    let (name, arguments) = match text.split_once('(') {
        Some((name, arguments)) => {
            let arguments = arguments
                .strip_suffix(')')
                .ok_or_else(|| format!("the type `{text}` has no closing parenthesis"))?;
            let number = |part: &str| part.trim().parse::<u8>().map_err(|_| format!("`{text}` is no type"));
            (
                name.trim(),
                arguments.split(',').map(number).collect::<Result<Vec<u8>, _>>()?,
            )
        }
        None => (text, Vec::new()),
    };
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    Ok(match (name, arguments.as_slice()) {
        ("boolean" | "bool", []) => DataType::Boolean,
        ("smallint", []) => DataType::Int16,
        ("int" | "integer", []) => DataType::Int32,
        ("bigint", []) => DataType::Int64,
        ("real", []) => DataType::Float32,
        ("double" | "double precision" | "float", []) => DataType::Float64,
        ("text" | "varchar" | "string", _) => DataType::Utf8,
        ("bytea" | "binary", []) => DataType::Binary,
        ("date", []) => DataType::Date32,
        ("timestamp", []) => micros(None),
        ("timestamptz" | "timestamp with time zone", []) => micros(Some("UTC")),
        ("decimal" | "numeric", [precision]) => decimal(*precision, 0)?,
        ("decimal" | "numeric", [precision, scale]) => decimal(*precision, *scale)?,
        ("decimal" | "numeric", _) => {
            return Err(format!("`{text}` needs its digits, such as `decimal(12, 2)`"));
        }
        _ => {
            return Err(match nearest(name, NAMES) {
                Some(near) if near != name => format!("there is no type `{text}`; did you mean `{near}`?"),
                _ => format!("there is no type `{text}`; there are {}", NAMES.join(", ")),
            });
        }
    })
}

fn decimal(precision: u8, scale: u8) -> Result<DataType, String> {
    match (1..=38).contains(&precision) && scale <= precision {
        true => Ok(DataType::Decimal128(precision, scale as i8)),
        false => Err(format!(
            "`decimal({precision}, {scale})` has 1 to 38 digits, of which as many may be behind the point"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_as_sql_writes_them() {
        let schema = columns("id bigint not null, \"a, b\" Decimal(12, 2), at timestamptz, name varchar(20) null")
            .expect("are columns");
        let told: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| format!("{} {} {}", field.name(), field.data_type(), field.is_nullable()))
            .collect();
        assert_eq!(
            told,
            [
                "id Int64 false",
                "a, b Decimal128(12, 2) true",
                "at Timestamp(µs, \"UTC\") true",
                "name Utf8 true"
            ]
        );
        for (text, told) in [
            ("id", "write name and type"),
            ("id bigin", "did you mean `bigint`?"),
            ("id decimal", "`decimal(12, 2)`"),
            ("id decimal(40, 2)", "1 to 38 digits"),
            ("id int, id int", "comes twice"),
            ("id decimal(2", "no closing parenthesis"),
            ("id int(4)", "there are boolean"),
        ] {
            let error = columns(text).expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
