//! Letting a query of the same server write its rows into a table that nobody sees.

use crate::book::text;
use crate::error::{Fault, Outcome};
use crate::format;
use crate::names;
use crate::publish;
use crate::stage::{Core, FORMAT};
use crate::staged::StagedTable;
use crate::sweep;
use crate::types::{self, Column};
use larder_io_core::{
    Error, ErrorKind, Fill, Form, NewPlace, OutputContext, PlaceColumn, Receipt, Result, TableSource,
};
use std::time::Instant;

impl Core {
    /// The place that a query could fill, if it reaches it: then rows need not come here.
    pub(crate) fn fillable<'s>(&self, source: &'s dyn TableSource) -> Result<Option<(&'s dyn Fill, NewPlace, String)>> {
        let Some(fill) = source.fill() else { return Ok(None) };
        let schema = source.schema();
        // Other types are narrower here than in PostgreSQL, which would not see what does not fit.
        if !schema.fields().iter().all(|field| types::is_natural(field.data_type())) {
            return Ok(None);
        }
        let data = names::data_table();
        let place = NewPlace::Table {
            server: self.pool.place().url.clone(),
            table: self.book.within(&data),
            columns: types::columns(&schema)?.into_iter().map(Column::placed).collect(),
            hold: self.hold(&data)?,
        };
        Ok(fill.reaches(&place).then_some((fill, place, data)))
    }

    /// Keeps the note of a table for as long as a transaction that makes it is open, also where nobody hears of its end any more: a note that went
    /// before its table came would leave a table that nobody knows. What else changes of a note does not wait for it.
    fn hold(&self, data: &str) -> Result<String> {
        let name = names::literal(data).ok_or_else(|| Error::new(ErrorKind::Unexpected, "a name has NUL"))?;
        let values = self.book.values();
        Ok(format!(
            "SELECT 1 FROM {values} WHERE data_table = {name} AND state = 'staged' FOR KEY SHARE"
        ))
    }

    /// Notes the table, lets the query make it, notes what was made. A crash leaves a note, and perhaps a table, which `gc` finds.
    pub(crate) async fn fill(
        &self,
        ctx: &OutputContext,
        source: &dyn TableSource,
        (fill, place, data): (&dyn Fill, NewPlace, String),
    ) -> Result<StagedTable> {
        let began = Instant::now();
        let schema = source.schema();
        let definition = types::definition(&types::columns(&schema)?);
        let mut receipt = Receipt::begin(ctx, ctx.location.clone(), Form::Table, FORMAT);
        receipt.schema = Some(serde_json::to_string(schema.as_ref()).map_err(|error| {
            Error::new(ErrorKind::Unexpected, "a schema cannot be written as JSON").with_source(error)
        })?);
        receipt.uri = self.book.uri(&data);
        let told = |fault: Fault| self.error(fault, "storing", &ctx.location);
        self.announce(ctx, &data, &definition, &receipt).await.map_err(told)?;
        let written = async {
            let filled = fill.fill(&place).await?;
            receipt.rows = Some(filled.rows);
            receipt.bytes = filled.bytes.unwrap_or_default();
            receipt.duration = began.elapsed();
            self.confirm(&data, &receipt).await.map_err(told)
        };
        match written.await {
            Ok(()) => Ok(self.staged(ctx, data, receipt, began)),
            Err(error) => {
                // What cannot be let go now is found by `gc`; the first error tells what happened.
                let _ = self.abandon(&data).await;
                Err(error)
            }
        }
    }

    async fn announce(&self, ctx: &OutputContext, data: &str, definition: &str, receipt: &Receipt) -> Outcome<()> {
        let announced = match self.try_announce(ctx, data, definition, receipt).await {
            Err(fault) if fault.is_silence() => {
                self.pool.clear();
                self.try_announce(ctx, data, definition, receipt).await
            }
            other => other,
        };
        match announced {
            // The first of two attempts landed, and its answer was lost.
            Err(fault) if fault.code() == Some("23505") => Ok(()),
            other => other,
        }
    }

    async fn try_announce(&self, ctx: &OutputContext, data: &str, definition: &str, receipt: &Receipt) -> Outcome<()> {
        let lease = self.pool.lend().await?;
        let client = lease.client()?;
        format::set_up(client, &self.book).await?;
        self.note(client, ctx, data, definition, receipt).await?;
        lease.give_back();
        Ok(())
    }

    async fn confirm(&self, data: &str, receipt: &Receipt) -> Outcome<()> {
        let json = serde_json::to_string(receipt)?;
        let lease = self.pool.lend().await?;
        let sql = format!(
            "UPDATE {} SET receipt = $1::text::json WHERE data_table = $2 AND state = 'staged' AND to_regclass($3) IS NOT NULL",
            self.book.values()
        );
        let table = self.book.within(data);
        let changed = lease
            .client()?
            .execute_typed(&sql, &[text(&json), text(&data), text(&table)])
            .await?;
        lease.give_back();
        match changed {
            1 => Ok(()),
            _ => {
                let message = "what the query wrote is gone: `gc` of another session removed it while it was written; raise the age that `gc` is called with";
                Err(Error::new(ErrorKind::Conflict, message).into())
            }
        }
    }

    async fn abandon(&self, data: &str) -> Outcome<()> {
        let lease = self.pool.lend().await?;
        let client = lease.client()?;
        publish::discard(client, &self.book, data).await?;
        sweep::sweep(client, &self.book, &[data.to_owned()]).await?;
        // Nobody else has the name, and its note may be gone already.
        client
            .batch_execute(&format!("DROP TABLE IF EXISTS {}", self.book.within(data)))
            .await?;
        lease.give_back();
        Ok(())
    }
}

impl Column {
    /// The column for whoever makes the table elsewhere.
    pub(crate) fn placed(self) -> PlaceColumn {
        PlaceColumn {
            name: self.name,
            sql: self.sql,
            nullable: self.nullable,
        }
    }
}
