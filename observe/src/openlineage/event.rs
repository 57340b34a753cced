//! Run events.

use super::{facets, ids};
use crate::steps::Step;
use larder_executor::Materialization;
use larder_io_core::{AssetKey, Error, RunId};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// What jobs and datasets are called.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) namespace: String,
    pub(super) job: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            namespace: "larder".to_owned(),
            job: "pipeline".to_owned(),
        }
    }
}

/// The run that is followed.
#[derive(Debug, Default)]
pub(super) struct Current {
    run: Option<RunId>,
    /// Facets of what the run made, for those who read it.
    made: HashMap<AssetKey, Json>,
    first_failure: Option<String>,
}

impl Current {
    pub(super) fn begin(&mut self, run: &RunId) {
        *self = Self {
            run: Some(run.clone()),
            ..Self::default()
        };
    }

    pub(super) fn remember(&mut self, step: &Step) {
        for asset in &step.assets {
            let made = of_asset(step, asset);
            if !made.is_empty() {
                self.made.insert(asset.clone(), common(&made).into());
            }
        }
    }

    pub(super) fn failed(&mut self, step: &Step, error: &Error) {
        let told = || format!("{}: {}", step.name(), error.message());
        self.first_failure.get_or_insert_with(told);
    }

    /// Why the run failed, if it did.
    pub(super) fn failure(&self, [_, failed, skipped]: [usize; 3]) -> Option<String> {
        if failed + skipped == 0 {
            return None;
        }
        let first = self.first_failure.as_deref().unwrap_or("unknown");
        Some(format!(
            "{failed} steps failed, {skipped} were skipped; the first failure: {first}"
        ))
    }

    fn run(&self) -> RunId {
        self.run.clone().unwrap_or_else(|| RunId::from_text(""))
    }
}

/// An event of a whole run.
pub(super) fn run(names: &Names, current: &Current, kind: &str, at: SystemTime, error: Option<&str>) -> Json {
    let id = current.run();
    let mut facets = json!({
        "processing_engine": facets::engine(),
        "larder_run": facets::own(json!({ "run": id })),
    });
    if let Some(error) = error {
        facets["errorMessage"] = facets::error(error, None);
    }
    let job = json!({
        "namespace": names.namespace,
        "name": names.job,
        "facets": { "jobType": facets::job_type("PIPELINE") },
    });
    event(kind, at, json!({ "runId": ids::run(&id), "facets": facets }), job)
}

/// An event of a step.
pub(super) fn step(
    names: &Names,
    current: &Current,
    step: &Step,
    kind: &str,
    at: SystemTime,
    error: Option<&Error>,
) -> Json {
    let id = current.run();
    let mut facets = json!({
        "parent": facets::parent(&names.namespace, &names.job, &ids::run(&id)),
        "processing_engine": facets::engine(),
        "larder_step": own(&id, step),
    });
    if let Some(error) = error {
        let causes = error.causes();
        let trace = (!causes.is_empty()).then(|| causes.join("\n"));
        facets["errorMessage"] = facets::error(error.message(), trace);
        facets["larder_step"]["errorKind"] = format!("{:?}", error.kind()).into();
    }
    let job = json!({
        "namespace": names.namespace,
        "name": format!("{}.{}", names.job, step.name()),
        "facets": { "jobType": facets::job_type("STEP") },
    });
    let run = json!({ "runId": ids::step(&id, step.number), "facets": facets });
    let mut event = event(kind, at, run, job);
    let reads = step.reads.iter().filter(|read| !read.missing);
    let inputs = reads.map(|read| {
        let known = current.made.get(&read.input).cloned();
        dataset(names, &read.input, known.unwrap_or_else(|| json!({})))
    });
    event["inputs"] = inputs.collect();
    event["outputs"] = step.assets.iter().map(|asset| output(names, step, asset)).collect();
    event
}

fn event(kind: &str, at: SystemTime, run: Json, job: Json) -> Json {
    json!({
        "eventType": kind,
        "eventTime": ids::time(at),
        "producer": facets::PRODUCER,
        "schemaURL": SCHEMA,
        "run": run,
        "job": job,
        "inputs": [],
        "outputs": [],
    })
}

fn dataset(names: &Names, asset: &AssetKey, facets: Json) -> Json {
    json!({ "namespace": names.namespace, "name": asset.to_string(), "facets": facets })
}

fn output(names: &Names, step: &Step, asset: &AssetKey) -> Json {
    let made = of_asset(step, asset);
    let mut facets = common(&made);
    if let [one] = made[..]
        && let Some(place) = one.uri.as_deref().and_then(facets::place)
    {
        facets.extend(place.map(|(name, facet)| (name.to_owned(), facet)));
    }
    let mut dataset = dataset(names, asset, facets.into());
    if let Some(statistics) = facets::statistics(&made) {
        dataset["outputFacets"] = json!({ "outputStatistics": statistics });
    }
    dataset
}

/// What a dataset has for those who wrote it and those who read it.
fn common(made: &[&Arc<Materialization>]) -> Map<String, Json> {
    let mut all = Map::new();
    if let Some(schema) = made.last().and_then(|made| facets::schema(made)) {
        all.insert("schema".to_owned(), schema);
    }
    if let [one] = made
        && let Some(version) = &one.version
    {
        all.insert("version".to_owned(), facets::version(version));
    }
    all
}

fn of_asset<'a>(step: &'a Step, asset: &AssetKey) -> Vec<&'a Arc<Materialization>> {
    let made = step.made.iter().map(|(_, made)| made);
    made.filter(|made| made.asset == *asset).collect()
}

fn own(run: &RunId, step: &Step) -> Json {
    let seconds = |of: fn(&Materialization) -> Duration| -> f64 {
        step.made.iter().map(|(_, made)| of(made).as_secs_f64()).sum()
    };
    let mut fields = json!({ "run": run, "partitions": step.partitions });
    if !step.made.is_empty() {
        fields["computeSeconds"] = seconds(|made| made.compute).into();
        fields["loadSeconds"] = seconds(|made| made.load).into();
        fields["storeSeconds"] = seconds(|made| made.store).into();
    }
    facets::own(fields)
}
