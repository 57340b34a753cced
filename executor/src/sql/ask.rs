//! Queries of people over what is published.

use super::names::Names;
use super::resolve::Resolved;
use crate::definitions::Pipeline;
use crate::graph::definition;
use crate::reference::Wanted;
use larder_io_core::{
    AssetKey, AssetValue, Error, ErrorKind, Form, LazyTable, Query, Result, Scan, TableName, TableStream,
};
use std::collections::BTreeMap;

impl Pipeline {
    /// Runs one query over the published tables of all assets, with the engine that the configuration names, else the first. An asset is named by
    /// its key, `"reports/delays"` or `reports.delays`; the last segment is enough where no other asset has it. Letters that are not quoted
    /// may be of any case.
    ///
    /// Each table is the one that was published when the query began.
    ///
    /// # Errors
    /// `Unsupported` without a [`SqlEngine`](larder_io_core::SqlEngine), or for a statement that writes; `InvalidDefinition` for an unknown table or
    /// column, with line and column, and for parameters; `NotFound` for an asset that was never materialized; whatever storage and engine give.
    pub async fn query(&self, sql: &str) -> Result<TableStream> {
        let chosen = self.0.engines.choose(None);
        let (engine, _) = chosen.map_err(|problem| Error::new(ErrorKind::Unsupported, problem))?;
        let prepared = engine.prepare(sql)?;
        let mut tables = Vec::with_capacity(prepared.tables.len());
        for name in &prepared.tables {
            tables.push(self.table(name).await?);
        }
        let query = Query {
            prepared: &prepared,
            values: &BTreeMap::new(),
            columns: None,
        };
        let rows = engine.execute(query, &tables).await?;
        let batches = rows.scan(Scan::all()).await?;
        Ok(TableStream::new(rows.schema(), batches))
    }

    /// How the engine of an asset that is a query would run it now; `None` for any other asset. Of an asset with partitions, over all of its inputs, with empty
    /// parameters.
    ///
    /// # Errors
    /// `InvalidDefinition` for an unknown key; `NotFound` for an input that was never materialized; whatever storage and engine give.
    pub async fn query_plan(&self, key: &AssetKey) -> Result<Option<String>> {
        let origin = self.origin(key)?;
        let Some(resolved) = self.resolved(origin.step) else {
            return Ok(None);
        };
        let mut tables = Vec::with_capacity(resolved.prepared.tables.len());
        for input in &self.graph().nodes[origin.step].inputs {
            tables.push(self.table_of(input).await?);
        }
        let values = resolved.parameters.samples();
        let query = Query {
            prepared: &resolved.prepared,
            values: &values,
            columns: resolved.columns.as_ref(),
        };
        resolved.engine.explain(query, &tables).await.map(Some)
    }

    /// The query of a step that is one.
    pub(crate) fn resolved(&self, step: usize) -> Option<&Resolved> {
        self.0.assets[step].sql.as_ref()?.resolved.as_deref()
    }

    async fn table(&self, name: &TableName) -> Result<LazyTable> {
        let key = Names::new(self.graph().origins.keys()).key_of(&name.parts, &[]);
        let key = key.map_err(|problem| {
            let at = name.at.map(|at| format!("{at}: ")).unwrap_or_default();
            definition(format!("{at}{problem}"))
        })?;
        self.table_of(&key).await
    }

    async fn table_of(&self, key: &AssetKey) -> Result<LazyTable> {
        let stored = self.stored(key)?;
        if stored.form != Form::Table && !stored.refers {
            let form = stored.form;
            return Err(definition(format!("`{key}` is stored as {form}; a query reads tables")));
        }
        let wanted = Wanted::Target(Form::Table, None);
        let value = self.load_as(key.into(), None, wanted).await?;
        LazyTable::from_value(value)
            .await
            .map_err(|error| self.explain_error(error, key, "load"))
    }
}
