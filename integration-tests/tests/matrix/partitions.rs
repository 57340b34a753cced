//! What Dagster's partitions get wrong, measured in its 1.13.27, right on every backend: a bare value where one partition is
//! taken, keys that shift after a missing one, `None` that is dropped, a backfill of two of three partitions that deletes the third, `p|x/y` and
//! `p/x|y` at one place, missing partitions that are allowed on some stores only.

use super::{Backend, backends};
use larder::partitions::{Mapping, Partitioning};
use larder::{Asset, IoManager, Maybe, PartitionKey, Partitions, RunOptions, RunReport, Secret, Table};
use larder_executor::{Definitions, Pipeline};
use larder_io_adls::AdlsConfig;
use larder_io_gcs::GcsConfig;
use larder_io_s3::S3Config;
use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect};
use std::collections::BTreeMap;
use std::sync::Arc;

const KINDS: [&str; 3] = ["x", "y", "z"];

fn kinds() -> Partitioning {
    Partitioning::fixed("kind", KINDS).expect("is valid")
}

fn kind(name: &str) -> PartitionKey {
    PartitionKey::single("kind", name).expect("is a key")
}

async fn run(pipeline: &Pipeline, selection: &str, partitions: Option<&str>) -> RunReport {
    let mut options = RunOptions::default();
    options.partitions = partitions.map(str::to_owned);
    pipeline.run_with(selection, options).await.expect("is planned")
}

async fn made(pipeline: &Pipeline, selection: &str, partitions: Option<&str>) {
    let report = run(pipeline, selection, partitions).await;
    assert!(report.succeeded(), "{report:?}");
}

/// Its own name, and nothing of `y`.
fn parts() -> Asset {
    Asset::builder("parts").partitions(kinds()).function(|args| async move {
        let own = args.context().partition().map(|key| key.dimensions()[0].1.clone());
        Ok(own.filter(|own| own != "y"))
    })
}

/// What it was given, as text.
fn given(name: &str, mapping: Mapping, lenient: bool) -> Asset {
    let asset = Asset::builder(name)
        .input_from::<Partitions<Option<String>>>("parts", "parts")
        .mapping(mapping);
    let asset = if lenient { asset.allow_missing() } else { asset };
    asset.function(|mut args| async move {
        let given = args.input::<Partitions<Option<String>>>().await?;
        let given = given.iter().map(|(key, value)| (key.to_string(), value.clone()));
        Ok(given.collect::<BTreeMap<String, Option<String>>>())
    })
}

async fn told(pipeline: &Pipeline, asset: &str) -> Vec<(String, Option<String>)> {
    let given: BTreeMap<String, Option<String>> = pipeline.load(asset).await.expect("loads");
    given.into_iter().collect()
}

fn pair(key: &str, value: Option<&str>) -> (String, Option<String>) {
    (format!("kind={key}"), value.map(str::to_owned))
}

/// A manager in the bucket of a double.
fn in_cloud(dialect: Dialect, cloud: &Cloud) -> Arc<dyn IoManager> {
    let endpoint = Some(cloud.endpoint());
    match dialect {
        Dialect::S3 => {
            let mut config = S3Config::new("bucket", "lake");
            config.endpoint = endpoint;
            config.access_key_id = Some("id".to_owned());
            config.secret_access_key = Some(Secret::new("secret"));
            Arc::new(config.open().expect("opens"))
        }
        Dialect::Gcs => {
            let mut config = GcsConfig::new("bucket", "lake");
            config.endpoint = endpoint;
            config.access_token = Some(Secret::new("token"));
            Arc::new(config.open().expect("opens"))
        }
        _ => {
            let mut config = AdlsConfig::new(ACCOUNT, "bucket", "lake");
            config.endpoint = endpoint;
            config.access_key = Some(Secret::new("YS1zZWNyZXQ="));
            Arc::new(config.open().expect("opens"))
        }
    }
}

async fn on_every_backend(test: impl AsyncFn(&Backend)) {
    for backend in backends() {
        println!("{}", backend.name);
        test(&backend).await;
    }
    for dialect in [Dialect::S3, Dialect::Gcs, Dialect::Azure] {
        let cloud = Cloud::start(dialect).await;
        cloud.create_bucket("bucket");
        test(&Backend::other("a double of a cloud", in_cloud(dialect, &cloud))).await;
    }
}

/// Dagster 28942: a mapping that gives one partition hands out its bare value, so that the shape depends on the data.
#[tokio::test]
async fn one_partition_is_a_map_of_one() {
    on_every_backend(async |backend| {
        let one = given("one", Mapping::keys(["x"]), false);
        let pipeline = backend.build(Definitions::new().assets([parts(), one]));
        made(&pipeline, "*", None).await;
        assert_eq!(told(&pipeline, "one").await, [pair("x", Some("x"))]);
    })
    .await;
}

/// `None` is a value, and no missing partition.
#[tokio::test]
async fn none_is_kept() {
    on_every_backend(async |backend| {
        let all = given("all", Mapping::All, false);
        let pipeline = backend.build(Definitions::new().assets([parts(), all]));
        made(&pipeline, "*", None).await;
        let wanted = [pair("x", Some("x")), pair("y", None), pair("z", Some("z"))];
        assert_eq!(told(&pipeline, "all").await, wanted);
    })
    .await;
}

/// Dagster 34071: with a missing first partition the second one's value comes under the first one's key. And 32488: that some may be missing
/// holds on the local disk only.
#[tokio::test]
async fn a_missing_partition_shifts_nothing_and_may_be_missing_everywhere() {
    on_every_backend(async |backend| {
        let strict = given("strict", Mapping::All, false);
        let lenient = given("lenient", Mapping::All, true);
        let maybe = Asset::builder("maybe")
            .input_from::<Maybe<Option<String>>>("parts", "parts")
            .mapping(Mapping::keys(["x"]))
            .function(|mut args| async move {
                let given = args.input::<Maybe<Option<String>>>().await?;
                Ok(given.into_option().is_some())
            });
        let pipeline = backend.build(Definitions::new().assets([parts(), strict, lenient, maybe]));
        made(&pipeline, "parts", Some("y,z")).await;
        made(&pipeline, "lenient", None).await;
        made(&pipeline, "maybe", None).await;
        assert_eq!(
            told(&pipeline, "lenient").await,
            [pair("y", None), pair("z", Some("z"))]
        );
        assert!(!pipeline.load::<bool>("maybe").await.expect("loads"));
        let report = run(&pipeline, "strict", None).await;
        let error = report.error("strict").expect("one is missing");
        assert!(
            error.message().contains("1 of 3 partitions of `parts`: kind=x"),
            "{error}"
        );
    })
    .await;
}

/// One call for two of three partitions leaves the third.
#[tokio::test]
async fn a_backfill_of_some_partitions_leaves_the_others() {
    on_every_backend(async |backend| {
        let asset = Asset::builder("many").partitions(kinds()).function(|args| async move {
            let asked: Vec<PartitionKey> = args
                .context()
                .partitions()
                .map(|set| set.iter().collect())
                .unwrap_or_default();
            let all = asked.into_iter().map(|key| {
                let name: arrow_array::ArrayRef =
                    std::sync::Arc::new(arrow_array::StringArray::from(vec![key.dimensions()[0].1.clone()]));
                let batch = arrow_array::RecordBatch::try_from_iter([("name", name)]).expect("fits");
                (key, Table::from(batch))
            });
            Ok(all.collect::<Partitions<Table>>())
        });
        let pipeline = backend.build(Definitions::new().asset(asset));
        made(&pipeline, "*", None).await;
        made(&pipeline, "*", Some("x,y")).await;
        let key = "many".parse().expect("is a key");
        let stored = pipeline.stored_partitions(&key).await.expect("tells");
        assert_eq!(stored.len(), 3);
        for name in KINDS {
            let value = pipeline.load_value((&key, &kind(name)), None).await.expect("loads");
            let table: Table = larder::AssetValue::from_value(value).await.expect("is a table");
            assert_eq!(table.rows(), 1);
        }
    })
    .await;
}

/// Two dimensions whose texts, put together, are the same.
#[tokio::test]
async fn dimensions_do_not_run_into_each_other() {
    on_every_backend(async |backend| {
        let fixed =
            |name: &str, values: [&str; 2]| (name.to_owned(), Partitioning::fixed(name, values).expect("is valid"));
        let both = Partitioning::multi([fixed("p", ["x", "x/y"]), fixed("q", ["y/z", "z"])]);
        let asset = Asset::builder("both")
            .partitions(both)
            .function(|args| async move { Ok(args.context().partition().map(ToString::to_string)) });
        let pipeline = backend.build(Definitions::new().asset(asset));
        made(&pipeline, "*", None).await;
        let key = "both".parse().expect("is a key");
        let stored = pipeline.stored_partitions(&key).await.expect("tells");
        assert_eq!(stored.len(), 4);
        for partition in stored.iter() {
            let value = pipeline.load_value((&key, &partition), None).await.expect("loads");
            let text: Option<String> = larder::AssetValue::from_value(value).await.expect("is a text");
            assert_eq!(text, Some(partition.to_string()));
        }
    })
    .await;
}
