//! What is materialized, by the catalogue.

use crate::output::{GREEN, Out, RED, paint};
use crate::table::{Side, columns};
use crate::text::{cut, escape};
use crate::{DONE, materialize, units};
use larder_catalog::{Catalog, State};
use larder_executor::Pipeline;
use larder_io_core::{AssetKey, Error, ErrorKind, PartitionKey, Result};
use larder_partitions::{Keyspace, PartitionSet};
use serde_json::json;
use std::collections::HashSet;

/// Characters of a list of partitions that are shown at most.
const LONGEST: usize = 48;
/// Partitions in a line of the grid.
const GRID: usize = 31;

/// What the catalogue knows of one asset.
struct Known {
    key: AssetKey,
    space: Option<Keyspace>,
    live: Vec<PartitionKey>,
    failed: Vec<PartitionKey>,
    states: Vec<State>,
}

/// `status`.
pub(crate) async fn status(pipeline: &Pipeline, wanted: &[String], out: &mut Out<'_>) -> Result<u8> {
    let Some(catalog) = pipeline.catalog() else {
        out.line("nothing is recorded yet");
        return Ok(DONE);
    };
    let selected = materialize::selection(pipeline, wanted).resolve(pipeline)?;
    let mut all = Vec::new();
    for key in selected
        .steps
        .iter()
        .flat_map(|step| &pipeline.graph().nodes[*step].keys)
    {
        all.push(known(pipeline, catalog, key).await?);
    }
    if out.json {
        let documents = all.iter().map(document).collect::<Result<Vec<_>>>()?;
        out.document(&documents)?;
        return Ok(DONE);
    }
    let rows = all.iter().map(row).collect::<Result<Vec<[String; 5]>>>()?;
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("asset", left),
        ("materialized", right),
        ("missing", left),
        ("failed", left),
        ("last", left),
    ];
    out.line(columns(header, &rows));
    if let ([only], false) = (all.as_slice(), wanted.is_empty()) {
        grid(only, out);
    }
    Ok(DONE)
}

async fn known(pipeline: &Pipeline, catalog: &Catalog, key: &AssetKey) -> Result<Known> {
    let states = catalog.states(key).await?;
    let space = pipeline.keyspace(key).await?;
    let (mut live, mut failed) = (Vec::new(), Vec::new());
    for state in &states {
        let Some(partition) = state.partition()? else { continue };
        if space.as_ref().is_some_and(|space| space.contains(&partition)) {
            if state.failed() {
                failed.push(partition.clone());
            }
            if state.is_live() {
                live.push(partition);
            }
        }
    }
    Ok(Known {
        key: key.clone(),
        space,
        live,
        failed,
        states,
    })
}

impl Known {
    /// Those that are there, that are missing, whose last attempt failed.
    fn sets(&self) -> Result<Option<[PartitionSet; 3]>> {
        let Some(space) = &self.space else { return Ok(None) };
        let live = space.set(&self.live)?;
        let missing = space.all().difference(&live)?;
        Ok(Some([live, missing, space.set(&self.failed)?]))
    }

    fn last(&self) -> String {
        let live = self.states.iter().filter(|state| state.is_live());
        live.map(State::at).max().map(units::when).unwrap_or_default()
    }

    /// Of an asset without partitions.
    fn single(&self) -> Option<&State> {
        self.states.iter().find(|state| state.partition_text().is_empty())
    }
}

fn document(known: &Known) -> Result<serde_json::Value> {
    let sets = known.sets()?;
    let [live, missing, failed] = match sets {
        Some(sets) => sets.map(Some),
        None => [None, None, None],
    };
    let single = known.single();
    Ok(json!({
        "asset": known.key.to_string(),
        "partitions": known.space.as_ref().map(Keyspace::len),
        "materialized": live.map_or_else(|| json!(single.is_some_and(State::is_live)), |set| json!(set)),
        "missing": missing,
        "failed": failed.map_or_else(|| json!(single.is_some_and(State::failed)), |set| json!(set)),
        "last": known.states.iter().filter(|state| state.is_live()).map(|state| state.at().to_string()).max(),
    }))
}

fn row(known: &Known) -> Result<[String; 5]> {
    let listed = |set: &PartitionSet| match set.len() {
        0 => String::new(),
        count => format!("{}: {}", units::number(count), cut(&set.to_string(), LONGEST)),
    };
    Ok(match known.sets()? {
        Some([live, missing, failed]) => [
            known.key.to_string(),
            format!(
                "{} of {}",
                units::number(live.len()),
                units::number(live.len() + missing.len())
            ),
            listed(&missing),
            listed(&failed),
            known.last(),
        ],
        None => {
            let single = known.single();
            let yes = |is: bool| if is { "yes" } else { "" }.to_owned();
            let live = single.is_some_and(State::is_live);
            [
                known.key.to_string(),
                yes(live),
                yes(!live),
                yes(single.is_some_and(State::failed)),
                known.last(),
            ]
        }
    })
}

/// Every partition as one letter: `#` is there, `x` failed, `.` is missing.
fn grid(known: &Known, out: &mut Out<'_>) {
    let Some(space) = &known.space else { return };
    let colour = out.screen.colour_out;
    let failed: HashSet<&PartitionKey> = known.failed.iter().collect();
    let live: HashSet<&PartitionKey> = known.live.iter().collect();
    let mut line = String::new();
    let mut label = String::new();
    let width = space
        .iter()
        .step_by(GRID)
        .map(|key| key.to_string().chars().count())
        .max()
        .unwrap_or(0);
    out.line("");
    for (index, partition) in space.iter().enumerate() {
        if index % GRID == 0 {
            if index > 0 {
                out.line(format_args!("{}  {line}", escape(&format!("{label:width$}"))));
            }
            line.clear();
            label = partition.to_string();
        }
        match (failed.contains(&partition), live.contains(&partition)) {
            (true, _) => line.push_str(&paint(colour, RED, "x")),
            (false, true) => line.push_str(&paint(colour, GREEN, "#")),
            (false, false) => line.push('.'),
        }
    }
    if !line.is_empty() {
        out.line(format_args!("{}  {line}", escape(&format!("{label:width$}"))));
    }
    out.remark("# materialized, x failed, . missing");
}

/// The error where a command needs the catalogue and there is none.
pub(crate) fn no_catalog() -> Error {
    let message = "this pipeline has no catalogue; LARDER_CATALOG or `Definitions::catalog_file` names one";
    Error::new(ErrorKind::InvalidConfig, message)
}
