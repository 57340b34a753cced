//! Reads queries for engines that run elsewhere.
//!
//! [`parse`] finds the tables and parameters of one query in an engine's dialect and refuses what is no query. [`Parsed::rewritten`] gives the
//! same text with others in the places of tables and parameters, and [`Rewritten::origin`] tells which place of the user's text a place of it was.
//! Nothing else of the text is touched, so that the engine reads what its user wrote.
//!
//! | module | owns |
//! |---|---|
//! | `walk` | tables, parameters and what writes, in a parsed query |
//! | `text` | lines and columns as bytes |
//! | `rewrite` | the query with others in their places |

mod rewrite;
mod text;
mod walk;

pub use rewrite::Rewritten;
pub use sqlparser::dialect;

use larder_io_core::{Error, ErrorKind, Position, Prepared, Result};
use sqlparser::ast::Statement;
use sqlparser::dialect::Dialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer};
use walk::{Mark, Walk, What};

/// A query that was read.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What everybody knows of it.
    pub prepared: Prepared,
    marks: Vec<Mark>,
    names: Vec<String>,
}

/// Reads one query.
///
/// # Errors
/// `InvalidDefinition` for what does not parse, with line and column; `Unsupported` for a statement that is no query, or one that writes.
pub fn parse(dialect: &dyn Dialect, sql: &str) -> Result<Parsed> {
    let mut statements = Parser::new(dialect)
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| refused(&error))?;
    let Some(statement) = statements.pop() else {
        return Err(Error::new(
            ErrorKind::InvalidDefinition,
            "the query failed: there is no query",
        ));
    };
    if !statements.is_empty() {
        let message = "there are several statements; an asset is one query";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let (query, explains) = match &statement {
        Statement::Query(query) => (query, false),
        Statement::Explain { statement, .. } => match statement.as_ref() {
            Statement::Query(query) => (query, true),
            _ => return Err(not_a_query()),
        },
        _ => return Err(not_a_query()),
    };
    let mut walk = Walk::over(sql, query)?;
    walk.marks.extend(ends(dialect, sql));
    walk.marks.sort_by_key(|mark| mark.bytes.start);
    Ok(Parsed {
        prepared: Prepared {
            sql: sql.to_owned(),
            normal: statement.to_string(),
            tables: walk.tables,
            parameters: walk.parameters,
            explains,
        },
        marks: walk.marks,
        names: walk.names,
    })
}

/// The semicolons: there is one statement, so that they end it.
fn ends(dialect: &dyn Dialect, sql: &str) -> Vec<Mark> {
    let tokens = Tokenizer::new(dialect, sql)
        .tokenize_with_location()
        .unwrap_or_default();
    let ends = tokens.into_iter().filter(|token| token.token == Token::SemiColon);
    ends.filter_map(|token| {
        let what = What::End;
        text::bytes(sql, token.span).map(|bytes| Mark { bytes, what })
    })
    .collect()
}

/// The error of a statement that is no query.
pub fn not_a_query() -> Error {
    Error::new(ErrorKind::Unsupported, "a query reads: write `select ..` or `with ..`")
}

fn refused(error: &ParserError) -> Error {
    let (ParserError::ParserError(text) | ParserError::TokenizerError(text)) = error else {
        return Error::new(ErrorKind::Unsupported, "the query is nested too deeply");
    };
    Error::new(
        ErrorKind::InvalidDefinition,
        format!("the query failed: {}", placed(text)),
    )
}

/// The parser's words, which end with the place, with the place in front.
pub fn placed(text: &str) -> String {
    let text = text.strip_prefix("sql parser error: ").unwrap_or(text);
    let placed = text.rsplit_once(" at Line: ").and_then(|(what, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        let (line, column) = (line.parse().ok()?, column.trim().parse().ok()?);
        Some(format!("{}: {what}", Position { line, column }))
    });
    placed.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests;
