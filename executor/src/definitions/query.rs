//! SQL over the tables of a pipeline.

use super::{Definitions, Pipeline};
use crate::graph::definition;
use crate::reference::Wanted;
use async_trait::async_trait;
use larder_io_core::{
    AssetKey, AssetValue, Error, ErrorKind, Form, LazyTable, QueryEngine, Result, TableStream, Tables, nearest,
};
use std::sync::Arc;

impl Definitions {
    /// Hands over what runs queries; of several the last one.
    #[must_use]
    pub fn query_engine(mut self, engine: Arc<dyn QueryEngine>) -> Self {
        self.query_engine = Some(engine);
        self
    }

    /// Whether there is something that runs queries.
    pub fn has_query_engine(&self) -> bool {
        self.query_engine.is_some()
    }
}

impl Pipeline {
    /// Runs one query over the published tables of all assets. An asset is named by its key, `"reports/delays"` or
    /// `reports.delays`; the last segment is enough where no other asset has it. Letters that are not quoted may be of any case.
    ///
    /// Each table is the one that was published when the query began.
    ///
    /// # Errors
    /// `Unsupported` without a [`QueryEngine`], or for a statement that writes; `InvalidDefinition` for an unknown table or column;
    /// `NotFound` for an asset that was never materialized; whatever storage and engine give.
    pub async fn query(&self, sql: &str) -> Result<TableStream> {
        let engine = self.0.query_engine.as_ref().ok_or_else(|| {
            let message = "nothing here runs queries: add the feature `datafusion` to the dependency on larder, or hand an engine over with `Definitions::query_engine`";
            Error::new(ErrorKind::Unsupported, message)
        })?;
        engine.query(sql, self).await
    }

    fn table_key(&self, name: &[&str]) -> Result<AssetKey> {
        let wanted = name.join("/");
        let lower = wanted.to_lowercase();
        let whole = AssetKey::to_string;
        let last = |key: &AssetKey| whole(key).rsplit('/').next().unwrap_or_default().to_owned();
        // A key has no part that a name of several parts could mean.
        let short = name.len() == 1;
        let keys = || self.graph().origins.keys();
        let ways: [&dyn Fn(&AssetKey) -> bool; 4] = [
            &|key| whole(key) == wanted,
            &|key| short && last(key) == wanted,
            &|key| whole(key).to_lowercase() == lower,
            &|key| short && last(key).to_lowercase() == lower,
        ];
        for fits in ways {
            let mut found: Vec<&AssetKey> = keys().filter(|key| fits(key)).collect();
            found.sort();
            match found.as_slice() {
                [] => {}
                [only] => return Ok((*only).clone()),
                [one, other, ..] => {
                    return Err(definition(format!(
                        "`{wanted}` may be `{one}` or `{other}`; write the whole key in quotes: \"{one}\""
                    )));
                }
            }
        }
        let names: Vec<String> = keys().map(ToString::to_string).collect();
        let lasts: Vec<String> = keys().map(last).collect();
        let near = nearest(&wanted, names.iter().chain(&lasts).map(String::as_str));
        Err(definition(match near {
            Some(near) => format!("there is no asset `{wanted}`; did you mean `{near}`?"),
            None => format!("there is no asset `{wanted}`; `list` shows all of them"),
        }))
    }
}

#[async_trait]
impl Tables for Pipeline {
    async fn table(&self, name: &[&str]) -> Result<LazyTable> {
        let key = self.table_key(name)?;
        let stored = self.stored(&key)?;
        if stored.form != Form::Table && !stored.refers {
            return Err(definition(format!(
                "`{key}` is stored as {}; a query reads tables",
                stored.form
            )));
        }
        let wanted = Wanted::Target(Form::Table, None);
        let value = self.load_as((&key).into(), None, wanted).await?;
        LazyTable::from_value(value)
            .await
            .map_err(|error| self.explain_error(error, &key, "load"))
    }
}
