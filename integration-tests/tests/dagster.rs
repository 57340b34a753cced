//! Stores that are shared with Dagster: Dagster's own managers load what larder stored in the `dagster` layout, and
//! larder loads what they stored, for every plain type, nested keys and partitions.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use larder::prelude::{asset, assets};
use larder::python::{Date, DateTime, FrozenSet, Set, Time, TimeDelta};
use larder::{
    AssetKey, AssetValue, DagsterLayout, ErrorKind, Form, IoManager, Layout, Naming, OutputContext, PartitionKey,
    Secret,
};
use larder_integration_tests::{cloud, python_file, scratch};
use larder_io_adls::AdlsConfig;
use larder_io_fs::FsConfig;
use larder_io_gcs::GcsConfig;
use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Bytes that serde knows as bytes.
#[derive(Clone, Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

/// One of each plain type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Plain {
    none: Option<i64>,
    flag: bool,
    small: i64,
    large: i128,
    float: f64,
    text: String,
    bytes: Bytes,
    list: Vec<Option<i64>>,
    tuple: (i64, String),
    set: Set<BTreeSet<i64>>,
    frozen: FrozenSet<BTreeSet<String>>,
    dict: BTreeMap<i64, String>,
    moment: DateTime,
    zoned: DateTime,
    day: Date,
    time: Time,
    took: TimeDelta,
}

/// The same in Python.
const PLAIN: &str = "{'none': None, 'flag': True, 'small': -7, 'large': 1267650600228229401496703205376, 'float': 0.1, \
    'text': 'ü😀\\n', 'bytes': b'\\x00\\xff', 'list': [1, None, 3], 'tuple': (1, 'x', ), 'set': set([1, 2]), \
    'frozen': frozenset(['a']), 'dict': {1: 'one', 2: 'two'}, \
    'moment': datetime.datetime(2024, 1, 2, 3, 4, 5, 678901), \
    'zoned': datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(seconds=7200))), \
    'day': datetime.date(2024, 2, 29), 'time': datetime.time(3, 4, 5), \
    'took': datetime.timedelta(days=1, seconds=2, microseconds=3)}";

fn plain() -> Plain {
    Plain {
        none: None,
        flag: true,
        small: -7,
        large: 1 << 100,
        float: 0.1,
        text: "ü😀\n".to_owned(),
        bytes: Bytes(vec![0, 255]),
        list: vec![Some(1), None, Some(3)],
        tuple: (1, "x".to_owned()),
        set: Set(BTreeSet::from([1, 2])),
        frozen: FrozenSet(BTreeSet::from(["a".to_owned()])),
        dict: BTreeMap::from([(1, "one".to_owned()), (2, "two".to_owned())]),
        moment: "2024-01-02T03:04:05.678901".parse().expect("is a moment"),
        zoned: "2024-01-02T03:04:05+02:00".parse().expect("is a moment"),
        day: "2024-02-29".parse().expect("is a day"),
        time: Time::new(3, 4, 5, 0).expect("is a time"),
        took: TimeDelta::new(1, 2, 3).expect("is a span"),
    }
}

/// An asset: its key, the dimensions of its partition, and its value in Python.
type Entry = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const ENTRIES: [Entry; 12] = [
    ("plain", &[], PLAIN),
    ("deep/er/key", &[], "'nested'"),
    ("kinds/none", &[], "None"),
    ("kinds/flag", &[], "True"),
    ("kinds/number", &[], "-123456789012"),
    ("kinds/nan", &[], "nan"),
    ("kinds/list", &[], "[1, 2, 3]"),
    ("kinds.with.dots", &[], "'dots'"),
    ("daily", &[("date", "2024-01-01")], "1"),
    ("static", &[("key", "a/b")], "'slash'"),
    ("odd", &[("key", "/lead ü?")], "'odd'"),
    ("multi", &[("zone", "eu"), ("date", "2024-01-01")], "'many'"),
];

fn context(entry: &Entry) -> OutputContext {
    let asset: AssetKey = entry.0.parse().expect("is a key");
    let partition = match entry.1 {
        [] => None,
        dimensions => Some(PartitionKey::new(dimensions.iter().copied()).expect("is a key")),
    };
    let location = DagsterLayout.locate(&asset, partition.as_ref()).expect("is taken");
    let mut context = OutputContext::new(asset, partition, location);
    context.naming = DagsterLayout.naming();
    context
}

/// Stores each entry by its type.
async fn store(manager: &dyn IoManager) {
    for entry in &ENTRIES {
        let value = match entry.0 {
            "plain" => plain().into_value(),
            "kinds/none" => None::<i64>.into_value(),
            "kinds/flag" => true.into_value(),
            "kinds/number" => (-123_456_789_012_i64).into_value(),
            "kinds/nan" => f64::NAN.into_value(),
            "kinds/list" => vec![1_i64, 2, 3].into_value(),
            "daily" => 1_i64.into_value(),
            _ => entry.2.trim_matches('\'').to_owned().into_value(),
        };
        let receipt = manager.handle_output(&context(entry), &value).await;
        let receipt = receipt.unwrap_or_else(|error| panic!("{}: {error}", entry.0));
        assert_eq!(receipt.format, "pickle", "{}", entry.0);
        assert_eq!(receipt.location, context(entry).location, "no suffix");
    }
}

/// Loads each entry by its type, and says it in Python.
async fn loaded(manager: &dyn IoManager) -> Vec<String> {
    let mut found = Vec::new();
    for entry in &ENTRIES {
        let value = manager.load_input(&context(entry).to_input(Form::Object)).await;
        let value = value.unwrap_or_else(|error| panic!("{}: {error}", entry.0));
        found.push(match entry.0 {
            "plain" => {
                assert_eq!(Plain::from_value(value).await.expect("is plain"), plain());
                PLAIN.to_owned()
            }
            "kinds/none" => {
                assert_eq!(Option::<i64>::from_value(value).await.expect("is None"), None);
                "None".to_owned()
            }
            "kinds/flag" => match bool::from_value(value).await.expect("is a bool") {
                true => "True".to_owned(),
                false => "False".to_owned(),
            },
            "kinds/nan" => match f64::from_value(value).await.expect("is a float") {
                nan if nan.is_nan() => "nan".to_owned(),
                other => other.to_string(),
            },
            "kinds/number" | "daily" => i64::from_value(value).await.expect("is a number").to_string(),
            "kinds/list" => format!("{:?}", Vec::<i64>::from_value(value).await.expect("is a list")),
            _ => format!("'{}'", String::from_value(value).await.expect("is a text")),
        });
    }
    found
}

fn wanted() -> Vec<String> {
    ENTRIES.iter().map(|entry| entry.2.to_owned()).collect()
}

/// What Dagster is told, in JSON.
fn entries() -> String {
    let entry = |(key, partition, value): &Entry| {
        let dimensions = match partition {
            [] => Json::Null,
            dimensions => json!(dimensions),
        };
        // `nan` is no literal of Python.
        let source = if *value == "nan" { "float('nan')" } else { value };
        json!([key.split('/').collect::<Vec<_>>(), dimensions, source])
    };
    Json::from(ENTRIES.iter().map(entry).collect::<Vec<_>>()).to_string()
}

/// Runs Dagster's manager at a place.
fn dagster(what: &str, place: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/dagster_store.py");
    let arguments: Vec<&str> = [what].iter().chain(place).copied().collect();
    let said = python_file("LARDER_DAGSTER", &script, &arguments, &entries());
    said.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_DAGSTER, a Python with Dagster; run by cargo xtask test"]
async fn on_local_disk() {
    let root = scratch();
    let base = root.path().to_str().expect("is text");
    let manager = FsConfig::new(root.path()).open().expect("opens");
    store(&manager).await;
    assert_eq!(dagster("load", &["fs", base]), wanted(), "what larder stored");
    assert_eq!(loaded(&manager).await, wanted(), "what larder stored, by larder");
    let theirs = scratch();
    dagster("store", &["fs", theirs.path().to_str().expect("is text")]);
    let manager = FsConfig::new(theirs.path()).open().expect("opens");
    assert_eq!(loaded(&manager).await, wanted(), "what Dagster stored");
    // And each over the other's.
    store(&manager).await;
    assert_eq!(
        dagster("load", &["fs", theirs.path().to_str().expect("is text")]),
        wanted()
    );
}

/// Whole runs of Dagster: assets that take what larder stored, and assets whose values larder loads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_DAGSTER, a Python with Dagster; run by cargo xtask test"]
async fn in_runs() {
    let (ours, theirs) = (scratch(), scratch());
    let place = |root: &tempfile::TempDir| root.path().to_str().expect("is text").to_owned();
    store(&FsConfig::new(ours.path()).open().expect("opens")).await;
    assert_eq!(dagster("load", &["run", &place(&ours)]), wanted(), "what larder stored");
    dagster("store", &["run", &place(&theirs)]);
    let manager = FsConfig::new(theirs.path()).open().expect("opens");
    assert_eq!(loaded(&manager).await, wanted(), "what Dagster stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_DAGSTER and emulators: cargo xtask test"]
async fn on_s3() {
    let mut config = cloud::s3::config("LARDER_TEST_MOTO", false).await;
    config.preconditions = false;
    let endpoint = config.endpoint.clone().expect("is set");
    let ours = ["s3", &endpoint, &config.bucket, &config.prefix.clone()];
    let manager = config.clone().open().expect("opens");
    store(&manager).await;
    assert_eq!(dagster("load", &ours), wanted(), "what larder stored");
    let other = format!("{}-theirs", config.prefix);
    dagster("store", &["s3", &endpoint, &config.bucket, &other]);
    config.prefix = other;
    let manager = config.open().expect("opens");
    assert_eq!(loaded(&manager).await, wanted(), "what Dagster stored");
}

/// fake-gcs-server takes what Google's client writes, and nothing of the interface that larder writes by: what larder stored at the double goes there as it
/// is, name by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_DAGSTER, LARDER_PYTHON and emulators: cargo xtask test"]
async fn on_gcs() {
    let double = Cloud::start(Dialect::Gcs).await;
    double.create_bucket("lake");
    let mut ours = GcsConfig::new("lake", "ours");
    ours.endpoint = Some(double.endpoint());
    ours.access_token = Some(Secret::new("token"));
    store(&ours.open().expect("opens")).await;
    let keys = double.keys();
    let object = |key: &String| {
        let bytes = double.object(key).expect("is there").bytes;
        (key.clone(), BASE64_STANDARD.encode(bytes))
    };
    let objects: BTreeMap<String, String> = keys.iter().map(object).collect();
    let objects = BASE64_STANDARD.encode(json!(objects).to_string());
    let mut config = cloud::gcs::config();
    let copy = format!(
        "import base64, json\n\
         for key, data in json.loads(base64.b64decode('{objects}')).items():\n    bucket.blob(key).upload_from_string(base64.b64decode(data))\n"
    );
    cloud::gcs::google(&config, &copy);
    let endpoint = config.endpoint.clone().expect("is set");
    let place = |prefix| ["gcs", &endpoint, &config.bucket, prefix];
    assert_eq!(dagster("load", &place("ours")), wanted(), "what larder stored");

    dagster("store", &place("theirs"));
    config.prefix = "theirs".to_owned();
    assert_eq!(
        loaded(&config.open().expect("opens")).await,
        wanted(),
        "what Dagster stored"
    );
}

/// No emulator has Data Lake Storage's own interface, which Dagster writes by: it does so at the double.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_DAGSTER, a Python with Dagster; run by cargo xtask test"]
async fn on_adls2() {
    let double = Cloud::start(Dialect::Azure).await.with_hierarchy();
    double.create_bucket("lake");
    let manager = |prefix| {
        let mut config = AdlsConfig::new(ACCOUNT, "lake", prefix);
        config.endpoint = Some(double.endpoint());
        config.access_key = Some(Secret::new(cloud::azure::KEY));
        config.open().expect("opens")
    };
    let account = double.endpoint();
    let place = |prefix| ["adls2", &account, "lake", prefix];
    store(&manager("ours")).await;
    assert_eq!(dagster("load", &place("ours")), wanted(), "what larder stored");
    dagster("store", &place("theirs"));
    assert_eq!(loaded(&manager("theirs")).await, wanted(), "what Dagster stored");
}

/// Bytes, as Dagster wrote them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_pickle_is_refused_by_name() {
    let root = scratch();
    let manager = FsConfig::new(root.path()).open().expect("opens");
    let entry: Entry = ("evil", &[], "");
    manager
        .handle_output(&context(&entry), &1_i64.into_value())
        .await
        .expect("is stored");
    let at = root.path().join("evil");
    std::fs::remove_file(&at).expect("is there");
    std::fs::write(&at, b"\x80\x04cposix\nsystem\n(X\x0c\x00\x00\x00touch /tmp/x\x85R.").expect("is written");
    let value = manager
        .load_input(&context(&entry).to_input(Form::Object))
        .await
        .expect("is found");
    let error = i64::from_value(value).await.expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.message().contains("`posix.system`"), "{error}");
}

#[asset(key = "reports/daily")]
async fn daily() -> larder::Result<i64> {
    Ok(7)
}

#[asset]
async fn plain_number() -> larder::Result<i64> {
    Ok(7)
}

#[asset]
async fn reports() -> larder::Result<i64> {
    Ok(7)
}

#[test]
fn the_layout_is_asked_for_in_the_configuration() {
    let root = scratch();
    let config = format!(
        "layout = \"dagster\"\nio_manager = \"file://{}\"\n",
        root.path().display()
    );
    let definitions = || larder::definitions().config_text(&config);
    let pipeline = definitions()
        .assets(assets![daily, plain_number])
        .build()
        .expect("fits");
    let (_, context) = pipeline
        .input(&"reports/daily".parse().expect("is a key"))
        .expect("is stored");
    assert_eq!(context.naming, Naming::Bare);
    let explained = pipeline
        .explain(&"reports/daily".parse().expect("is a key"))
        .expect("is known");
    assert_eq!(explained.layout, "dagster");
    assert_eq!(explained.format.as_deref(), Some("pickle"));
    let error = definitions()
        .assets(assets![daily, reports])
        .build()
        .expect_err("one is within the other");
    assert!(
        error
            .message()
            .contains("`reports/daily` would be stored within `reports`"),
        "{error}"
    );
}
