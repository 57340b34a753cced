//! The engine.

use crate::answer::Answer;
use crate::bind::{self, Bound};
use crate::columns::Shape;
use crate::config::{self, NAME};
use crate::error::Sent;
use crate::inputs::Inputs;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use larder_engine_parse::dialect::PostgreSqlDialect;
use larder_engine_parse::{Rewritten, parse};
use larder_io_core::{Error, ErrorKind, LazyTable, ManagerUrl, Prepared, Query, Result, SqlEngine, TableSource};
use larder_io_postgres::wire::{Server, Session, quoted};
use std::sync::Arc;
use tokio_postgres::types::{ToSql, Type};

/// Runs queries on a PostgreSQL server, in its dialect. Parameters are written `$name`.
///
/// Names in a query are those of assets; functions and types are PostgreSQL's own (`pg_catalog`).
#[derive(Clone, Debug)]
pub struct PostgresEngine {
    server: Server,
}

impl PostgresEngine {
    /// Opens it by a URL, `postgres://user@host/database`. No I/O.
    ///
    /// # Errors
    /// `InvalidConfig` for an address or a setting that is wrong.
    pub fn open(url: &ManagerUrl) -> Result<Self> {
        Ok(Self {
            server: config::server(url)?,
        })
    }
}

/// Values as the client takes them.
pub(crate) fn values(bound: &[Bound]) -> Vec<&(dyn ToSql + Sync)> {
    bound
        .iter()
        .map(|(value, _)| value.as_ref() as &(dyn ToSql + Sync))
        .collect()
}

/// Their types.
pub(crate) fn types(bound: &[Bound]) -> Vec<Type> {
    bound.iter().map(|(_, known)| known.clone()).collect()
}

/// The query with what is read in the places of its tables.
fn rewritten(query: Query<'_>, inputs: &Inputs) -> Result<Rewritten> {
    if query.prepared.explains {
        let message = "write the query alone; `explain ASSET --query-plan` shows how it is run";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let parsed = parse(&PostgreSqlDialect {}, &query.prepared.sql)?;
    let table = |number: usize| inputs.sources.get(number).cloned().unwrap_or_default();
    Ok(parsed.rewritten(table, |number| format!("${}", number + 1), quoted))
}

#[async_trait]
impl SqlEngine for PostgresEngine {
    fn name(&self) -> &str {
        NAME
    }

    fn prepare(&self, sql: &str) -> Result<Prepared> {
        parse(&PostgreSqlDialect {}, sql).map(|parsed| parsed.prepared)
    }

    fn schema(&self, query: Query<'_>, _: &[SchemaRef]) -> Result<Option<SchemaRef>> {
        Ok(query.columns.cloned())
    }

    async fn explain(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<String> {
        let inputs = Inputs::of(&self.server, tables);
        let rewritten = rewritten(query, &inputs)?;
        let bound = bind::values(query)?;
        let session = self.begin(&inputs, false).await?;
        let client = session.client()?;
        let head = "EXPLAIN (VERBOSE) ";
        let sent = Sent {
            sql: format!("{head}{}", rewritten.sql),
            before: head.len(),
            rewritten,
            tables: query.prepared.tables.clone(),
        };
        let told = |error| sent.told(&self.server, error);
        let statement = client.prepare_typed(&sent.sql, &types(&bound)).await.map_err(told)?;
        let rows = client.query(&statement, &values(&bound)).await.map_err(told)?;
        let lines = rows
            .iter()
            .map(|row| row.try_get::<_, String>(0))
            .collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(|error| self.server.error(error))?;
        self.end(session).await?;
        Ok(format!(
            "{}{}\n",
            inputs.described(&query.prepared.tables),
            lines.join("\n")
        ))
    }

    async fn execute(&self, query: Query<'_>, tables: &[LazyTable]) -> Result<Arc<dyn TableSource>> {
        let inputs = Inputs::of(&self.server, tables);
        let rewritten = rewritten(query, &inputs)?;
        let bound = bind::values(query)?;
        // First what the query gives, over tables without rows: what is wrong is told before one is copied.
        let session = self.begin(&inputs, false).await?;
        let sent = Sent {
            sql: rewritten.sql.clone(),
            before: 0,
            rewritten,
            tables: query.prepared.tables.clone(),
        };
        let statement = session.client()?.prepare_typed(&sent.sql, &types(&bound)).await;
        let statement = statement.map_err(|error| sent.told(&self.server, error))?;
        let shape = Shape::of(statement.columns(), query)?;
        let (sql, before) = shape.over(&sent.rewritten.sql);
        let sent = sent.within(before, sql);
        // Then with the casts, which may not be there.
        let cast = session.client()?.prepare_typed(&sent.sql, &types(&bound)).await;
        cast.map_err(|error| sent.told(&self.server, error))?;
        // Nothing has run in it yet.
        self.ended(&session).await?;
        session.give_back();
        Ok(Arc::new(Answer::new(self.clone(), inputs, sent, shape, bound)))
    }
}

impl PostgresEngine {
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// A session with a transaction that has the tables which are not on the server.
    pub(crate) async fn begin(&self, inputs: &Inputs, rows: bool) -> Result<Session> {
        let session = self.server.session().await?;
        let client = session.client()?;
        client
            .batch_execute("BEGIN")
            .await
            .map_err(|error| self.server.error(error))?;
        inputs.bring(&self.server, client, rows).await?;
        Ok(session)
    }

    /// Ends a transaction that was to read, and its session: functions of a query may have set or locked what outlives it, and no statement of the
    /// server undoes all of that.
    pub(crate) async fn end(&self, session: Session) -> Result<()> {
        self.ended(&session).await?;
        session.close();
        Ok(())
    }

    async fn ended(&self, session: &Session) -> Result<()> {
        let ended = session.client()?.batch_execute("ROLLBACK").await;
        ended.map_err(|error| self.server.error(error))
    }
}
