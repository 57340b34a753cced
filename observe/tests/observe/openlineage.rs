//! OpenLineage, held against its JSON schemas.

use crate::receiver::{Receiver, nobody, silent};
use crate::support::{at_once, cancelled, heard, result, run, run_all, warned};
use jsonschema::Validator;
use larder_io_core::{ErrorKind, Secret};
use larder_observe::OpenLineage;
use larder_observe::openlineage::HttpOptions;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Validators of a run event and of facets, by the facet's name.
struct Schemas {
    event: Validator,
    facets: HashMap<&'static str, Validator>,
}

fn schema(file: &str) -> Json {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/openlineage")
        .join(file);
    serde_json::from_str(&std::fs::read_to_string(path).expect("is there")).expect("is JSON")
}

impl Schemas {
    fn new() -> Self {
        let core = schema("OpenLineage.json");
        let registry = jsonschema::Registry::new()
            .add("https://openlineage.io/spec/2-0-2/OpenLineage.json", core.clone())
            .expect("is a resource")
            .prepare()
            .expect("resolves");
        let build = |schema: &Json| {
            jsonschema::options()
                .with_registry(&registry)
                .should_validate_formats(true)
                .build(schema)
                .expect("is a schema")
        };
        let facet = |name: &str| build(&schema(&format!("facets/{name}.json")));
        let version = json!({
            "type": "object",
            "properties": { "version": { "allOf": [
                { "$ref": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetFacet" },
                { "properties": { "datasetVersion": { "type": "string" } }, "required": ["datasetVersion"] },
            ] } },
        });
        Self {
            event: build(&core),
            facets: HashMap::from([
                ("schema", facet("SchemaDatasetFacet")),
                ("outputStatistics", facet("OutputStatisticsOutputDatasetFacet")),
                ("symlinks", facet("SymlinksDatasetFacet")),
                ("dataSource", facet("DatasourceDatasetFacet")),
                ("errorMessage", facet("ErrorMessageRunFacet")),
                ("parent", facet("ParentRunFacet")),
                ("processing_engine", facet("ProcessingEngineRunFacet")),
                ("jobType", facet("JobTypeJobFacet")),
                ("version", build(&version)),
            ]),
        }
    }

    /// Counts how often each facet was seen; panics for what is not valid.
    fn validate(&self, event: &Json, seen: &mut HashMap<String, usize>) {
        let told = |error: jsonschema::ValidationError<'_>| panic!("{error} at {}: {event:#}", error.instance_path());
        self.event.validate(event).unwrap_or_else(told);
        let datasets = ["inputs", "outputs"].map(|side| event[side].as_array().expect("is a list"));
        let mut all = vec![&event["run"]["facets"], &event["job"]["facets"]];
        for dataset in datasets.into_iter().flatten() {
            all.extend([&dataset["facets"], &dataset["outputFacets"]]);
        }
        for facets in all.into_iter().filter_map(Json::as_object) {
            for name in facets.keys() {
                *seen.entry(name.clone()).or_default() += 1;
                match self.facets.get(name.as_str()) {
                    Some(validator) => validator.validate(&json!(facets)).unwrap_or_else(told),
                    None => assert!(name.starts_with("larder_"), "{name} is not in the specification"),
                }
            }
        }
    }
}

fn kind_and_job(event: &Json) -> (String, String) {
    let text = |value: &Json| value.as_str().expect("is text").to_owned();
    (text(&event["eventType"]), text(&event["job"]["name"]))
}

fn find<'a>(events: &'a [Json], kind: &str, job: &str) -> &'a Json {
    let found = events
        .iter()
        .find(|event| kind_and_job(event) == (kind.to_owned(), job.to_owned()));
    found.unwrap_or_else(|| panic!("there is no {kind} of {job}: {events:#?}"))
}

fn to_file(fail: bool) -> Vec<Json> {
    written(|observer| drop(run_all(fail, observer)))
}

/// The events of what is done with an observer.
fn written(observe: impl FnOnce(Arc<OpenLineage>)) -> Vec<Json> {
    let home = tempfile::tempdir().expect("is made");
    let path = home.path().join("lineage.ndjson");
    let observer = result(OpenLineage::file(&path)).namespace("tests").job("flights");
    observe(Arc::new(observer));
    let text = std::fs::read_to_string(&path).expect("is there");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("is JSON"))
        .collect()
}

#[test]
fn every_event_is_valid() {
    let (schemas, mut seen) = (Schemas::new(), HashMap::new());
    let events = [to_file(false), to_file(true)].concat();
    for event in &events {
        schemas.validate(event, &mut seen);
    }
    for name in schemas.facets.keys() {
        assert!(seen.contains_key(*name), "no event has the facet {name}");
    }
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let schemas = Schemas::new();
    let good = &to_file(false)[0];
    for (pointer, value) in [
        ("/run/runId", json!("no uuid")),
        ("/eventType", json!("BEGIN")),
        ("/eventTime", json!("yesterday")),
        ("/job/name", json!(7)),
        ("/run/facets/processing_engine/_producer", json!("no uri at all")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("is there") = value;
        assert!(!schemas.event.is_valid(&bad), "{pointer}");
    }
}

#[test]
fn a_run_and_its_steps_begin_and_end() {
    let events = to_file(true);
    let run = "flights";
    let mut told: Vec<(String, String)> = events.iter().map(kind_and_job).collect();
    assert_eq!(told.first(), Some(&("START".to_owned(), run.to_owned())));
    assert_eq!(told.last(), Some(&("FAIL".to_owned(), run.to_owned())));
    told.sort();
    let expected = [
        ("COMPLETE", "flights.days"),
        ("COMPLETE", "flights.days"),
        ("COMPLETE", "flights.delays"),
        ("COMPLETE", "flights.raw/flights"),
        ("FAIL", "flights"),
        ("FAIL", "flights.broken"),
        ("START", "flights"),
        ("START", "flights.broken"),
        ("START", "flights.days"),
        ("START", "flights.days"),
        ("START", "flights.delays"),
        ("START", "flights.raw/flights"),
    ];
    assert_eq!(told, expected.map(|(kind, job)| (kind.to_owned(), job.to_owned())));
    // Every START has one end with the same id, and every step the run as its parent.
    let ids = |kinds: &[&str]| {
        let of = events
            .iter()
            .filter(|event| kinds.contains(&event["eventType"].as_str().expect("is text")));
        let mut ids: Vec<&str> = of
            .map(|event| event["run"]["runId"].as_str().expect("is text"))
            .collect();
        ids.sort_unstable();
        ids
    };
    let begun = ids(&["START"]);
    assert_eq!(begun, ids(&["COMPLETE", "FAIL"]));
    assert!(begun.windows(2).all(|two| two[0] != two[1]), "{begun:?}");
    let first = &events[0]["run"]["runId"];
    for event in events.iter().filter(|event| event["job"]["name"] != run) {
        let parent = &event["run"]["facets"]["parent"];
        assert_eq!(&parent["run"]["runId"], first);
        assert_eq!(parent["job"], json!({ "namespace": "tests", "name": run }));
    }
    let error = &find(&events, "FAIL", "flights.broken")["run"]["facets"]["errorMessage"];
    assert_eq!(error["message"], "nobody \"answered\"\nin time");
    assert_eq!(error["stackTrace"], "the disk is full");
    let error = &events.last().expect("is not empty")["run"]["facets"]["errorMessage"]["message"];
    assert_eq!(
        error,
        "1 steps failed, 1 were skipped; the first failure: broken: nobody \"answered\"\nin time"
    );
}

#[test]
fn datasets_have_schema_version_statistics_and_place() {
    let events = to_file(false);
    let made = &find(&events, "COMPLETE", "flights.raw/flights")["outputs"][0];
    assert_eq!([&made["namespace"], &made["name"]], ["tests", "raw/flights"]);
    let fields = &made["facets"]["schema"]["fields"];
    assert_eq!(
        fields,
        &json!([
            { "name": "carrier", "type": "Utf8", "ordinal_position": 1 },
            { "name": "delay", "type": "Int64", "ordinal_position": 2 },
        ])
    );
    let statistics = &made["outputFacets"]["outputStatistics"];
    assert_eq!(statistics["rowCount"], 3);
    assert!(statistics["size"].as_u64().expect("is a number") > 0);
    let place = &made["facets"]["symlinks"]["identifiers"][0];
    assert_eq!(place["namespace"], "file");
    assert!(
        place["name"]
            .as_str()
            .expect("is text")
            .ends_with("/storage/raw/flights.parquet"),
        "{place}"
    );
    // Who reads it knows as much of it.
    let read = &find(&events, "COMPLETE", "flights.delays")["inputs"];
    assert_eq!(read.as_array().expect("is a list").len(), 1);
    assert_eq!([&read[0]["namespace"], &read[0]["name"]], ["tests", "raw/flights"]);
    for facet in ["schema", "version"] {
        assert_eq!(read[0]["facets"][facet], made["facets"][facet]);
        assert!(made["facets"][facet].is_object());
    }
    let day = find(&events, "COMPLETE", "flights.days");
    let partitions = &day["run"]["facets"]["larder_step"]["partitions"];
    assert!(
        partitions.as_str().expect("is text").contains("2024-01-0"),
        "{partitions}"
    );
}

#[tokio::test]
async fn a_call_for_many_partitions_is_one_step() {
    let home = tempfile::tempdir().expect("is made");
    let path = home.path().join("lineage.ndjson");
    for fail in [false, true] {
        run(&at_once(fail), Arc::new(result(OpenLineage::file(&path)))).await;
    }
    let text = std::fs::read_to_string(&path).expect("is there");
    let events: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("is JSON"))
        .collect();
    let told: Vec<(String, String)> = events.iter().map(kind_and_job).collect();
    let step = "pipeline.pair+other";
    let expected = [
        ("START", "pipeline"),
        ("START", step),
        ("COMPLETE", step),
        ("COMPLETE", "pipeline"),
        ("START", "pipeline"),
        ("START", step),
        ("FAIL", step),
        ("FAIL", "pipeline"),
    ];
    assert_eq!(told, expected.map(|(kind, job)| (kind.to_owned(), job.to_owned())));
    let (schemas, mut seen) = (Schemas::new(), HashMap::new());
    events.iter().for_each(|event| schemas.validate(event, &mut seen));
    let outputs = events[2]["outputs"].as_array().expect("is a list");
    assert_eq!([&outputs[0]["name"], &outputs[1]["name"]], ["pair", "other"]);
    for output in outputs {
        assert!(output["outputFacets"]["outputStatistics"].is_object());
        // There are three of each.
        assert_eq!(output["facets"], json!({}));
    }
    let partitions = &events[2]["run"]["facets"]["larder_step"]["partitions"];
    assert_eq!(partitions, "2024-01-01..2024-01-03");
}

#[tokio::test]
async fn a_run_that_is_cancelled_is_aborted() {
    let home = tempfile::tempdir().expect("is made");
    let path = home.path().join("lineage.ndjson");
    cancelled(Arc::new(result(OpenLineage::file(&path)))).await;
    // The steps of the run are ended by the runtime, and hold the observer until then.
    let told = loop {
        let text = std::fs::read_to_string(&path).expect("is there");
        let events: Vec<Json> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("is JSON"))
            .collect();
        if events.len() == 4 {
            break events.iter().map(kind_and_job).collect::<Vec<_>>();
        }
        tokio::task::yield_now().await;
    };
    let expected = [
        ("START", "pipeline"),
        ("START", "pipeline.endless"),
        ("ABORT", "pipeline.endless"),
        ("ABORT", "pipeline"),
    ];
    assert_eq!(told, expected.map(|(kind, job)| (kind.to_owned(), job.to_owned())));
}

#[test]
fn events_are_posted_in_order_and_before_the_run_ends() {
    let receiver = Receiver::new(&[]);
    let mut options = HttpOptions::default();
    options.token = Some(Secret::new("s3cret"));
    let observer = result(OpenLineage::http(&receiver.url("/api/v1/lineage"), options));
    assert!(!format!("{observer:?}").contains("s3cret"));
    run_all(true, Arc::new(observer));
    let requests = receiver.requests();
    let (schemas, mut seen) = (Schemas::new(), HashMap::new());
    for request in &requests {
        assert_eq!([&*request.method, &*request.path], ["POST", "/api/v1/lineage"]);
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["authorization"], "Bearer s3cret");
        let event: Json = serde_json::from_slice(&request.body).expect("is JSON");
        schemas.validate(&event, &mut seen);
    }
    let kind = |position: usize| -> Json {
        let event: Json = serde_json::from_slice(&requests[position].body).expect("is JSON");
        event["eventType"].clone()
    };
    assert_eq!(requests.len(), 12);
    assert_eq!([kind(0), kind(11)], ["START", "FAIL"]);
}

#[test]
fn an_event_that_is_not_taken_is_sent_again() {
    let receiver = Receiver::new(&[503, 503]);
    let observer = result(OpenLineage::http(&receiver.url("/"), HttpOptions::default()));
    run_all(false, Arc::new(observer));
    let requests = receiver.requests();
    assert_eq!(requests.len(), 12);
    assert_eq!(requests[0].body, requests[2].body);
    assert_ne!(requests[2].body, requests[3].body);
}

#[test]
fn an_endpoint_that_refuses_is_told_once() {
    heard();
    let receiver = Receiver::new(&[401; 100]);
    let url = receiver.url("/refuses");
    let report = run_all(false, Arc::new(result(OpenLineage::http(&url, HttpOptions::default()))));
    assert!(report.succeeded());
    assert_eq!(receiver.requests().len(), 10);
    let told = warned(&url);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("status 401"), "{told:?}");
}

#[test]
fn an_endpoint_that_is_down_is_told_once_and_the_run_goes_on() {
    heard();
    let url = format!("http://user:hidden@{}/lineage", nobody());
    let report = run_all(false, Arc::new(result(OpenLineage::http(&url, HttpOptions::default()))));
    assert!(report.succeeded());
    let told = warned(&url.replace("user:hidden@", ""));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(!told[0].contains("hidden"), "{told:?}");
}

#[test]
fn an_endpoint_that_never_answers_holds_up_the_end_of_a_run_for_a_bounded_time() {
    heard();
    let url = format!("http://{}/silent", silent());
    let mut options = HttpOptions::default();
    options.flush = std::time::Duration::from_millis(50);
    options.queue = 1;
    // Without the bounds this would take a minute for each event.
    options.timeout = std::time::Duration::from_secs(60);
    let report = run_all(false, Arc::new(result(OpenLineage::http(&url, options))));
    assert!(report.succeeded());
    for trouble in [
        "events of OpenLineage are dropped",
        "before all its events of OpenLineage",
    ] {
        let told = warned(trouble);
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn what_is_no_endpoint_is_refused() {
    for url in ["localhost:5000", "ftp://localhost/x", "", "http://"] {
        let error = OpenLineage::http(url, HttpOptions::default()).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}");
    }
}
