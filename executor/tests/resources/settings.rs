//! What `[resources]` comes to: base, profile, variables, patience.

use crate::support::{Db, Journal, definitions, options, run, seconds, takes};
use larder_executor::{Asset, Definitions, NoSettings, Resource, RetryPolicy, RunResource};
use larder_io_core::{Error, ErrorKind, Result, Secret, async_trait};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    host: String,
    port: u16,
    tags: BTreeMap<String, String>,
    password: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 5432,
            tags: BTreeMap::new(),
            password: None,
        }
    }
}

/// Shows what it was opened with, where a test may see it.
struct Warehouse(String);

#[async_trait]
impl Resource for Warehouse {
    type Settings = Settings;

    async fn open(settings: Settings) -> Result<Self> {
        let password = settings.password.as_ref().map_or("none", Secret::expose);
        Ok(Self(format!(
            "{}:{} {:?} {password}",
            settings.host, settings.port, settings.tags
        )))
    }
}

fn warehouse(text: &str) -> Definitions {
    let asset = Asset::builder("a")
        .resource::<Warehouse>()
        .function(|args| async move { Ok(args.resource::<Warehouse>()?.0.clone()) });
    definitions([asset])
        .config_text(text)
        .variables([
            ("PASSWORD".to_owned(), "hunter2".to_owned()),
            ("AT".to_owned(), "prod".to_owned()),
        ])
        .resource_named::<Warehouse>("warehouse")
}

async fn opened(definitions: Definitions) -> String {
    let pipeline = definitions.build().expect("is valid");
    let report = run(&pipeline, options(&Journal::default())).await;
    assert!(report.succeeded(), "{report:?}");
    pipeline.load::<String>("a").await.expect("loads")
}

const TEXT: &str = r#"
[resources.warehouse]
host = "db.${AT:-nowhere}.example"
tags = { team = "data" }
password = { env = "PASSWORD" }
retries = 1

[profile.other.resources.warehouse]
port = 1
tags = { owner = "x" }

[profile.never.resources.warehouse]
host = "${NOT_SET}"
"#;

#[tokio::test]
async fn the_base_the_profile_key_by_key_and_variables() {
    assert_eq!(opened(warehouse("")).await, "localhost:5432 {} none");
    assert_eq!(
        opened(warehouse(TEXT)).await,
        "db.prod.example:5432 {\"team\": \"data\"} hunter2"
    );
    assert_eq!(
        opened(warehouse(TEXT).choose_profile("other")).await,
        "db.prod.example:1 {\"owner\": \"x\"} hunter2"
    );
    let error = warehouse(TEXT).choose_profile("never").build().expect_err("lacks one");
    assert!(error.message().starts_with("larder.toml:13:8: "), "{error}");
    assert!(error.message().contains("NOT_SET is not set"), "{error}");
}

#[tokio::test]
async fn the_configuration_tells_of_it_and_shows_no_value() {
    let report = warehouse(TEXT)
        .choose_profile("other")
        .check_config()
        .expect("is right");
    let [resource] = report.resources.as_slice() else {
        panic!("{:?}", report.resources);
    };
    assert_eq!(resource.name, "warehouse");
    assert_eq!(resource.type_name, std::any::type_name::<Warehouse>());
    assert_eq!(resource.settings, ["host", "password", "retries", "port", "tags"]);
    assert_eq!(
        resource.defined.as_deref(),
        Some("larder.toml:2:12 and larder.toml:8:26 in the profile `other`")
    );
    assert_eq!(resource.taken_by, ["`a`"]);
    let shown = format!("{report:?} {}", serde_json::to_string(&report).expect("is JSON"));
    assert!(!shown.contains("hunter2") && !shown.contains("db.prod"), "{shown}");
    let schema = warehouse("").config_schema();
    let known = &schema["properties"]["resources"]["properties"]["warehouse"];
    for field in [
        "host",
        "port",
        "tags",
        "password",
        "retries",
        "retry",
        "timeout",
        "close_timeout",
    ] {
        assert!(known["properties"].get(field).is_some(), "{field}: {known}");
    }
    assert_eq!(known["additionalProperties"], false);
    assert_eq!(schema["properties"]["resources"]["additionalProperties"], false);
}

/// How long it takes until it is given up, by attempts that fail at once.
async fn given_up_after(text: &str) -> (u64, u32) {
    let retry = RetryPolicy::of_attempts(2).with_jitter(false);
    let resource = RunResource::new("db", |_: NoSettings| async {
        Err::<Db, _>(Error::new(ErrorKind::Unavailable, "down"))
    });
    let pipeline = definitions([takes::<Db>("a", seconds(0))])
        .config_text(text)
        .run_resource(resource.retry(retry.with_delays(seconds(10), seconds(60))))
        .build()
        .expect("is valid");
    let began = Instant::now();
    let report = run(&pipeline, options(&Journal::default())).await;
    let attempts = report.error("a").expect("has failed").attempts();
    (began.elapsed().as_secs(), attempts)
}

#[tokio::test(start_paused = true)]
async fn retries_and_delays_of_the_file_go_before_the_code() {
    assert_eq!(given_up_after("").await, (10, 2));
    assert_eq!(given_up_after("[resources.db]\nretries = 0").await, (0, 1));
    // The delays stay.
    assert_eq!(given_up_after("[resources.db]\nretries = 2").await, (30, 3));
    let all = "[resources.db]\nretry = { attempts = 4, first_delay = '1s', jitter = false }";
    assert_eq!(given_up_after(all).await, (7, 4));
    let both = "[resources.db]\nretries = 1\nretry = { first_delay = '3s', jitter = false }";
    assert_eq!(given_up_after(both).await, (3, 2));
}

#[tokio::test(start_paused = true)]
async fn so_do_its_times() {
    let slow = |text: &str| {
        let resource = RunResource::new("db", |()| async {
            tokio::time::sleep(seconds(100)).await;
            Ok::<_, Error>(Db)
        })
        .closed_by(|_| async {
            tokio::time::sleep(seconds(100)).await;
            Ok::<_, Error>(())
        })
        .retry(RetryPolicy::of_attempts(1));
        let text = format!("[resources.db]\n{text}");
        let definitions = definitions([takes::<Db>("a", seconds(0))]).config_text(text);
        definitions.run_resource(resource).build().expect("is valid")
    };
    for (text, took, succeeds) in [
        ("timeout = '7s'", 7, false),
        ("timeout = 'off'", 105, true),
        ("timeout = '2m'\nclose_timeout = '3s'", 103, true),
    ] {
        let pipeline = slow(text);
        let began = Instant::now();
        let report = run(&pipeline, options(&Journal::default())).await;
        assert_eq!(
            (began.elapsed().as_secs(), report.succeeded()),
            (took, succeeds),
            "{text}"
        );
    }
}

#[tokio::test]
async fn where_nothing_is_computed_or_no_configuration_is_read_nothing_is_missed() {
    #[derive(Deserialize)]
    struct Needs {
        url: String,
    }
    let needs = |definitions: Definitions| {
        definitions.resource_with("db", |settings: Needs| async move {
            drop(settings.url);
            Ok::<_, Error>(Db)
        })
    };
    // Where everything is in one manager, as in tests, the file is not read: whoever needs it fails.
    let memory = || Arc::new(larder_io_memory::MemoryIo::new());
    let pipeline = needs(definitions([takes::<Db>("a", seconds(0))]))
        .with_every_asset_in(memory())
        .build()
        .expect("is valid");
    let report = run(&pipeline, options(&Journal::default())).await;
    let error = report.error("a").expect("has failed");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("the setting `url` is missing"), "{error}");
    let replaced = needs(definitions([takes::<Db>("a", seconds(0))])).replace_resource(Db);
    let pipeline = replaced.config_text("[resources.db]\nurl = '${NOT_SET}'").build();
    assert!(
        run(&pipeline.expect("is valid"), options(&Journal::default()))
            .await
            .succeeded()
    );
    // Storage without code: the file is the pipeline's.
    let external = Asset::external::<u64>("a");
    definitions([external.into()])
        .config_text("[resources.db]\nurl = 'x'")
        .build()
        .expect("is valid");
}
