//! When definitions are built, a query becomes a function: its engine, its inputs, its parameters.

use super::asset::Sql;
use super::choice::Engines;
use super::names::Names;
use super::parameters::Parameters;
use crate::args::Args;
use crate::asset::{Asset, CodeVersion, InputSpec};
use crate::config::{ParameterTable, QueryReport};
use crate::definitions::Pipeline;
use crate::graph::{Node, definition};
use crate::told::ToldTable;
use arrow_schema::SchemaRef;
use futures_util::FutureExt;
use larder_io_core::{
    AssetKey, ContentHash, Error, ErrorKind, LazyTable, Made, Prepared, Query, Result, SqlEngine, Value,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The context of errors that names the file of a query.
const QUERY: &str = "query";

/// A query whose engine, tables and parameters are known.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) engine: Arc<dyn SqlEngine>,
    /// Why that engine.
    pub(crate) because: String,
    pub(crate) prepared: Prepared,
    pub(crate) parameters: Parameters,
    /// The columns that the result is cast to.
    pub(crate) columns: Option<SchemaRef>,
    /// The file that it stands in.
    file: Option<String>,
}

impl Resolved {
    async fn run(&self, mut args: Args) -> Result<Vec<Made>> {
        let mut tables = Vec::with_capacity(self.prepared.tables.len());
        for _ in &self.prepared.tables {
            tables.push(args.input::<LazyTable>().await?);
        }
        let values = self.parameters.of_call(&args.context())?;
        let query = Query {
            prepared: &self.prepared,
            values: &values,
            columns: self.columns.as_ref(),
        };
        let file = self.file.clone();
        // Rows come when they are stored, and are the asset's own work all the same: whoever retries computes them again.
        let tell = move |error: Error| {
            let error = error.with_context("operation", "compute");
            match &file {
                Some(file) => error.with_context(QUERY, file),
                None => error,
            }
        };
        let rows = self.engine.execute(query, &tables).await.map_err(&tell)?;
        let rows = Arc::new(ToldTable {
            source: rows,
            tell: Arc::new(tell),
            rests: true,
        });
        Ok(vec![Value::Table(rows).into()])
    }

    /// What decides what the query makes, besides its inputs.
    fn version(&self) -> String {
        let mut text = format!("{}\n{}", self.engine.name(), self.prepared.normal);
        for (name, value) in &self.parameters.fixed {
            text.push_str(&format!("\n{name}: {} = {value}", value.kind()));
        }
        for field in self.columns.iter().flat_map(|columns| columns.fields()) {
            text.push_str(&format!(
                "\n{} {} {}",
                field.name(),
                field.data_type(),
                field.is_nullable()
            ));
        }
        ContentHash::of(text.as_bytes()).to_string()[..16].to_owned()
    }
}

/// Makes every query a function. Problems are gathered.
pub(crate) fn resolve(assets: &mut [Asset], engines: &Engines, table: &ParameterTable, problems: &mut Vec<Error>) {
    let (mut taken, mut broken) = (BTreeSet::new(), BTreeSet::new());
    if assets.iter().any(|asset| asset.sql.is_some()) {
        let keys: Vec<AssetKey> = assets.iter().flat_map(own_keys).collect();
        let names = Names::new(&keys);
        for asset in assets.iter_mut() {
            let Some(mut sql) = asset.sql.take() else { continue };
            if let Some(problem) = engines.broken(sql.engine.as_deref()) {
                if broken.insert(problem) {
                    problems.push(Error::new(ErrorKind::InvalidConfig, problem));
                }
                asset.sql = Some(sql);
                continue;
            }
            if let Err(told) = one(asset, &mut sql, engines, &names, table) {
                let (name, placed) = (&asset.outputs[0].key, sql.placed());
                let told = told.into_iter();
                problems.extend(told.map(|problem| definition(format!("`{name}`{placed}: {problem}"))));
            }
            asset.sql = Some(sql);
            let resolved = asset.sql.iter().filter_map(|sql| sql.resolved.as_ref());
            taken.extend(resolved.flat_map(|resolved| resolved.prepared.parameters.iter().cloned()));
        }
    }
    // A broken query takes what nobody knows.
    if problems.is_empty() {
        problems.extend(table.unknown(&taken));
    }
}

impl Pipeline {
    /// What runs every query, and with what.
    pub(crate) fn query_reports(&self) -> Vec<QueryReport> {
        let nodes = self.0.assets.iter().zip(&self.graph().nodes);
        let report = |(asset, node): (&Asset, &Node)| {
            let sql = asset.sql.as_ref()?;
            let query = sql.resolved.as_ref()?;
            Some(QueryReport {
                asset: node.keys.first()?.to_string(),
                file: sql.file.clone(),
                engine: query.engine.name().to_owned(),
                because: query.because.clone(),
                parameters: query.parameters.told(),
            })
        };
        nodes.filter_map(report).collect()
    }
}

fn own_keys(asset: &Asset) -> impl Iterator<Item = AssetKey> {
    asset.outputs.iter().filter_map(|output| output.key.parse().ok())
}

fn one(
    asset: &mut Asset,
    sql: &mut Sql,
    engines: &Engines,
    names: &Names<'_>,
    table: &ParameterTable,
) -> Result<(), Vec<String>> {
    if !sql.problems.is_empty() {
        return Err(std::mem::take(&mut sql.problems));
    }
    if !asset.inputs.is_empty() {
        let problem = "the inputs of a query are the tables that it names; take `.input(..)` away";
        return Err(vec![problem.to_owned()]);
    }
    let (engine, because) = match engines.choose(sql.engine.as_deref()) {
        Ok(chosen) => chosen,
        Err(problem) => return Err(vec![format!("{}{problem}", sql.line("engine"))]),
    };
    let prepared = match engine.prepare(&sql.text) {
        Ok(prepared) => prepared,
        Err(error) => return Err(vec![error.message().to_owned()]),
    };
    if prepared.explains {
        let problem = "`explain` is no value; ask it with `show --sql`, or `explain ASSET --query-plan`";
        return Err(vec![problem.to_owned()]);
    }
    let own: Vec<AssetKey> = own_keys(asset).collect();
    let mut problems = Vec::new();
    for name in &prepared.tables {
        match names.key_of(&name.parts, &own) {
            Ok(key) => {
                let from = Some(key.to_string());
                asset.inputs.push(InputSpec::of::<LazyTable>(name.to_string(), from));
            }
            Err(problem) => {
                let at = name.at.map(|at| format!("{at}: ")).unwrap_or_default();
                problems.push(format!("{at}{problem}"));
            }
        }
    }
    let partitioning = asset
        .partitions
        .as_ref()
        .and_then(|partitions| partitions.as_ref().ok());
    let parameters = Parameters::new(sql, &prepared.parameters, partitioning, table);
    let parameters = parameters.unwrap_or_else(|more| {
        problems.extend(more);
        Parameters::default()
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let resolved = Arc::new(Resolved {
        engine,
        because,
        prepared,
        parameters,
        columns: asset.outputs[0].columns.clone(),
        file: sql.file.clone(),
    });
    if asset.code_version == CodeVersion::Unknown {
        asset.code_version = CodeVersion::Query(resolved.version());
    }
    let query = Arc::clone(&resolved);
    asset.function = Some(Arc::new(move |args| {
        let query = Arc::clone(&query);
        async move { query.run(args).await }.boxed()
    }));
    sql.resolved = Some(resolved);
    Ok(())
}
