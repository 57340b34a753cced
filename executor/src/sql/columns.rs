//! Whether a query fits the columns that are known: those that assets declare, and those that queries over them make.

use crate::asset::Asset;
use crate::definitions::{Parted, Pipeline, joined};
use crate::graph::{Graph, definition};
use crate::measures::COLUMNS;
use crate::table_facts::{COLUMNS as MOST_COLUMNS, ColumnFacts};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use larder_catalog::Entry;
use larder_io_core::{AssetKey, Error, ErrorKind, Query, Result};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Columns by asset.
pub(crate) type Known = HashMap<AssetKey, SchemaRef>;

/// Holds every query whose inputs' columns are known against them, each after those it is made from. Problems are gathered.
pub(crate) fn check_declared(assets: &[Asset], graph: &Graph, parted: &[Parted], problems: &mut Vec<Error>) {
    check(assets, graph, parted, &graph.order, Known::new(), problems);
}

/// The same for these steps, in their order, where some columns are known from elsewhere. What an asset declares goes before that.
pub(crate) fn check(
    assets: &[Asset],
    graph: &Graph,
    parted: &[Parted],
    steps: &[usize],
    mut known: Known,
    problems: &mut Vec<Error>,
) {
    for (asset, node) in assets.iter().zip(&graph.nodes) {
        for (output, key) in asset.outputs.iter().zip(&node.keys) {
            known.extend(output.columns.iter().map(|columns| (key.clone(), Arc::clone(columns))));
        }
    }
    for step in steps {
        let (asset, node) = (&assets[*step], &graph.nodes[*step]);
        let Some(sql) = &asset.sql else { continue };
        let (Some(resolved), Some(key)) = (&sql.resolved, node.keys.first()) else {
            continue;
        };
        let inputs = node.inputs.iter().zip(&parted[*step].inputs).zip(&node.made);
        let tables: Option<Vec<SchemaRef>> = inputs
            .map(|((input, taken), origin)| {
                let columns = known.get(input)?;
                let many = taken.as_ref().is_some_and(|taken| !taken.single);
                Some(match &parted[origin.step].partitioning {
                    Some(partitioning) if many => with_dimensions(columns, partitioning.names()),
                    _ => Arc::clone(columns),
                })
            })
            .collect();
        let Some(tables) = tables else { continue };
        let values = resolved.parameters.samples();
        let query = Query {
            prepared: &resolved.prepared,
            values: &values,
            columns: resolved.columns.as_ref(),
        };
        match resolved.engine.schema(query, &tables) {
            Ok(Some(columns)) => {
                known.entry(key.clone()).or_insert(columns);
            }
            Ok(None) => {}
            // A sample may be a value that no cast takes.
            Err(error) if error.kind() == ErrorKind::InvalidData && resolved.parameters.are_sampled() => {}
            Err(error) => {
                let problem = format!("`{key}`{}: {}", sql.placed(), error.message());
                problems.push(definition(problem));
            }
        }
    }
}

/// As many partitions are one table: with a column for each dimension that the rows have none of.
fn with_dimensions<'a>(columns: &SchemaRef, dimensions: impl Iterator<Item = &'a str>) -> SchemaRef {
    let mut fields = columns.fields().to_vec();
    let added = dimensions.filter(|name| columns.field_with_name(name).is_err());
    fields.extend(added.map(|name| Arc::new(Field::new(name, DataType::Utf8, false))));
    Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone()))
}

impl Pipeline {
    /// Holds the queries among these steps against the columns that their inputs had when they were made last, where these are not among the steps: what is
    /// made anew may have others.
    ///
    /// # Errors
    /// `InvalidDefinition` with every problem; whatever the catalogue gives.
    pub(crate) async fn check_queries(&self, steps: &[usize]) -> Result<()> {
        let graph = self.graph();
        let made: HashSet<&usize> = steps.iter().collect();
        let mut wanted: Vec<&AssetKey> = Vec::new();
        for step in steps.iter().filter(|step| self.resolved(**step).is_some()) {
            let node = &graph.nodes[*step];
            let inputs = node.inputs.iter().zip(&node.made);
            let others = inputs.filter(|(_, origin)| !made.contains(&origin.step));
            wanted.extend(others.map(|(key, _)| key));
        }
        wanted.sort();
        wanted.dedup();
        let Some(catalog) = self.catalog().filter(|_| !wanted.is_empty()) else {
            return Ok(());
        };
        let mut known = Known::new();
        for key in wanted {
            // Partitions may have been made by other code than the one that was made last.
            if self.partitioning(key)?.is_some() {
                continue;
            }
            let last = catalog.materializations(key, None, 1).await?;
            let columns = last.first().and_then(recorded);
            known.extend(columns.map(|columns| (key.clone(), columns)));
        }
        let mut problems = Vec::new();
        check(&self.0.assets, graph, &self.0.parted, steps, known, &mut problems);
        match problems.is_empty() {
            true => Ok(()),
            false => Err(joined(problems)),
        }
    }
}

/// The columns of a recorded table, where all of them are recorded.
fn recorded(entry: &Entry) -> Option<SchemaRef> {
    let columns: Vec<ColumnFacts> = serde_json::from_value(entry.metadata.get(COLUMNS)?.clone()).ok()?;
    if columns.is_empty() || columns.len() >= MOST_COLUMNS {
        return None;
    }
    let fields = columns
        .iter()
        .map(|column| Some(Field::new(&column.name, column.kind.parse().ok()?, true)));
    Some(Arc::new(Schema::new(fields.collect::<Option<Vec<_>>>()?)))
}
