//! Facets, each with the version of its schema.

use larder_executor::Materialization;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use url::Url;

/// Who says so.
pub(super) const PRODUCER: &str = concat!("https://crates.io/crates/larder/", env!("CARGO_PKG_VERSION"));

/// Any facet that the specification does not know.
const OWN: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet";

fn facet(version: &str, name: &str, mut fields: Json) -> Json {
    let schema = format!("https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}");
    fields["_producer"] = PRODUCER.into();
    fields["_schemaURL"] = schema.into();
    fields
}

/// The run that a step is part of.
pub(super) fn parent(namespace: &str, job: &str, run: &str) -> Json {
    let run = json!({ "runId": run });
    let job = json!({ "namespace": namespace, "name": job });
    let fields = json!({ "run": run, "job": job, "root": { "run": run, "job": job } });
    facet("1-1-0", "ParentRunFacet", fields)
}

pub(super) fn engine() -> Json {
    let fields = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "name": "larder",
        "openlineageAdapterVersion": env!("CARGO_PKG_VERSION"),
    });
    facet("1-1-1", "ProcessingEngineRunFacet", fields)
}

pub(super) fn job_type(kind: &str) -> Json {
    let fields = json!({ "processingType": "BATCH", "integration": "LARDER", "jobType": kind });
    facet("2-0-3", "JobTypeJobFacet", fields)
}

/// What went wrong. `trace` holds the causes.
pub(super) fn error(message: &str, trace: Option<String>) -> Json {
    let mut fields = json!({ "message": message, "programmingLanguage": "Rust" });
    if let Some(trace) = trace {
        fields["stackTrace"] = trace.into();
    }
    facet("1-0-1", "ErrorMessageRunFacet", fields)
}

/// What larder knows of a step beyond the specification.
pub(super) fn own(mut fields: Json) -> Json {
    fields["_producer"] = PRODUCER.into();
    fields["_schemaURL"] = OWN.into();
    fields
}

pub(super) fn version(version: &str) -> Json {
    facet(
        "1-0-1",
        "DatasetVersionDatasetFacet",
        json!({ "datasetVersion": version }),
    )
}

/// Rows and bytes of everything that was stored of one asset.
pub(super) fn statistics(made: &[&Arc<Materialization>]) -> Option<Json> {
    let receipts = || made.iter().filter_map(|made| made.receipt.as_ref());
    receipts().next()?;
    let mut fields = json!({ "size": receipts().map(|receipt| receipt.bytes).sum::<u64>() });
    if receipts().any(|receipt| receipt.rows.is_some()) {
        fields["rowCount"] = receipts().filter_map(|receipt| receipt.rows).sum::<u64>().into();
    }
    Some(facet("1-0-2", "OutputStatisticsOutputDatasetFacet", fields))
}

/// Where a value lies: the facets `symlinks` and `dataSource`.
pub(super) fn place(uri: &str) -> Option<[(&'static str, Json); 2]> {
    let url = Url::parse(uri).ok()?;
    let (namespace, name) = match url.host_str().filter(|host| !host.is_empty()) {
        Some(host) => {
            let user = Some(url.username()).filter(|user| !user.is_empty());
            let user = user.map_or_else(String::new, |user| format!("{user}@"));
            let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
            let namespace = format!("{}://{user}{host}{port}", url.scheme());
            (namespace, url.path().trim_start_matches('/').to_owned())
        }
        None => (url.scheme().to_owned(), url.path().to_owned()),
    };
    let identifier = json!({ "namespace": namespace, "name": name, "type": "LOCATION" });
    let symlinks = facet("1-0-1", "SymlinksDatasetFacet", json!({ "identifiers": [identifier] }));
    let source = json!({ "name": namespace, "uri": uri });
    Some([
        ("symlinks", symlinks),
        ("dataSource", facet("1-0-1", "DatasourceDatasetFacet", source)),
    ])
}

/// The columns of a table, with Arrow's names of their types.
#[cfg(feature = "arrow")]
pub(super) fn schema(made: &Materialization) -> Option<Json> {
    let schema = made.schema.as_ref()?;
    Some(facet(
        "1-2-0",
        "SchemaDatasetFacet",
        json!({ "fields": fields(schema.fields()) }),
    ))
}

#[cfg(not(feature = "arrow"))]
pub(super) fn schema(_: &Materialization) -> Option<Json> {
    None
}

#[cfg(feature = "arrow")]
fn fields(of: &arrow_schema::Fields) -> Vec<Json> {
    use arrow_schema::DataType;
    let field = |(position, field): (usize, &Arc<arrow_schema::Field>)| {
        let mut document = json!({
            "name": field.name(),
            "type": field.data_type().to_string(),
            "ordinal_position": position + 1,
        });
        match field.data_type() {
            DataType::Struct(inner) => {
                document["type"] = "Struct".into();
                document["fields"] = fields(inner).into();
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                document["type"] = "List".into();
                document["fields"] = fields(&[Arc::clone(item)].into_iter().collect()).into();
            }
            _ => {}
        }
        document
    };
    of.iter().enumerate().map(field).collect()
}
