//! One HTML file that shows a run: the graph with states, the time of each step, what failed, and how assets changed over runs.
//!
//! | module | owns |
//! |---|---|
//! | `layout`, `graph` | where boxes and lines are drawn, and drawing them |
//! | `state` | what became of each asset |
//! | `timeline` | the steps over time |
//! | `history` | each asset over runs |
//! | `tables` | columns and first rows of the tables that were made |
//! | `page`, `markup` | the page around them, text within HTML |

mod graph;
mod history;
mod layout;
mod markup;
mod page;
mod state;
mod tables;
#[cfg(test)]
mod tests;
mod timeline;

use crate::graph::Graph;
use crate::output::Out;
use crate::past::{self, Past};
use crate::status::no_catalog;
use crate::text::escape;
use crate::{DONE, units};
use larder_catalog::{Catalog, State as Live};
use larder_executor::Pipeline;
use larder_io_core::{Error, ErrorKind, Result, RunId};
use page::Page;
use serde_json::json;
use state::State;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Assets that are drawn, and of which the history is shown: a page of more is slow to open.
const ASSETS: usize = 400;

#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// The run: `last`, `previous`, or a beginning of its id
    #[arg(default_value = "last")]
    run: String,
    /// The file to write; what is there is replaced
    #[arg(long, value_name = "FILE", default_value = "larder-report.html")]
    out: PathBuf,
}

/// `report`.
pub(crate) async fn report(pipeline: &Pipeline, wanted: &Report, out: &mut Out<'_>) -> Result<u8> {
    let catalog = pipeline.catalog().ok_or_else(no_catalog)?;
    let past = past::load(catalog, &past::find(catalog, &wanted.run).await?).await?;
    let html = page(pipeline, catalog, &past).await?.html();
    std::fs::write(&wanted.out, &html).map_err(|error| {
        let message = format!(
            "the report cannot be written to {}: {error}; `--out` names another file",
            wanted.out.display()
        );
        Error::new(ErrorKind::PermissionDenied, message).with_source(error)
    })?;
    match out.json {
        true => out.document(&json!({
            "run": past.summary.run.as_str(),
            "file": wanted.out.display().to_string(),
            "bytes": html.len(),
        }))?,
        false => out.remark(format_args!(
            "wrote {} ({}), of run {}",
            escape(&wanted.out.display().to_string()),
            units::bytes(html.len() as u64),
            past.summary.run
        )),
    }
    Ok(DONE)
}

async fn page<'p>(pipeline: &Pipeline, catalog: &Catalog, past: &'p Past) -> Result<Page<'p>> {
    let all = Graph::of(pipeline.assets());
    let live: HashSet<String> = catalog
        .all_states()
        .await?
        .into_iter()
        .filter(|(_, states)| states.iter().any(Live::is_live))
        .map(|(asset, _)| asset.to_string())
        .collect();
    let states = state::states(&all.assets, &all.edges, past, &live);
    let shown = shown(&states);
    let place: HashMap<usize, usize> = shown.iter().enumerate().map(|(place, at)| (*at, place)).collect();
    let edges = all
        .edges
        .iter()
        .filter_map(|(from, to)| Some((*place.get(from)?, *place.get(to)?)));
    let mut step_of = HashMap::new();
    for (at, step) in past.steps.iter().enumerate() {
        for asset in &step.assets {
            // Of several calls for one asset, one that failed.
            let known = step_of.entry(asset.as_str()).or_insert(at);
            if step.failure.is_some() && past.steps[*known].failure.is_none() {
                *known = at;
            }
        }
    }
    let node = |at: &usize| {
        let info = &all.assets[*at];
        let step = step_of.get(info.key.as_str()).copied();
        let told = step
            .map(|step| told(&past.steps[step]))
            .or_else(|| info.description.clone());
        graph::Node {
            name: info.key.to_string(),
            state: states[*at],
            told: told.unwrap_or_default(),
            link: step.map(|step| format!("s{step}")),
        }
    };
    let mut history = Vec::with_capacity(shown.len());
    for at in &shown {
        let key = &all.assets[*at].key;
        history.push((key.to_string(), history::points(catalog, key).await?));
    }
    Ok(Page {
        past,
        nodes: shown.iter().map(node).collect(),
        edges: edges.collect(),
        left_out: states.len() - shown.len(),
        history,
        made_at: jiff::Timestamp::now(),
        nonce: RunId::random().to_string(),
    })
}

/// The assets that are drawn, in their order: those of the run before others.
fn shown(states: &[State]) -> Vec<usize> {
    let rank = |at: &usize| match states[*at] {
        State::Failed => 0,
        State::CutOff | State::HeldBack => 1,
        State::Made => 2,
        State::External | State::Missing => 3,
        State::Kept => 4,
    };
    let mut shown: Vec<usize> = (0..states.len()).collect();
    if shown.len() > ASSETS {
        shown.sort_by_key(rank);
        shown.truncate(ASSETS);
        shown.sort_unstable();
    }
    shown
}

fn told(step: &past::PastStep) -> String {
    let mut told = Vec::new();
    if let Some(failure) = &step.failure {
        told.push(failure.message.clone());
    }
    if step.published > 0 {
        told.push(units::duration(step.phases.busy()));
    }
    told.extend(step.sizes.bytes.map(units::bytes));
    told.extend(step.sizes.rows.map(|rows| units::counted(rows, "row")));
    told.join("\n")
}
