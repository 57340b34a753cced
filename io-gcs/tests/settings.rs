//! Settings from URLs and the environment.

use larder_io_core::{ErrorKind, ManagerUrl, Secret};
use larder_io_gcs::{GcsConfig, backend};
use std::collections::BTreeMap;

fn url(text: &str, variables: &[(&str, &str)]) -> ManagerUrl {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let url: ManagerUrl = text.parse().expect("is a URL");
    url.with_variables(variables.collect())
}

fn config(text: &str, variables: &[(&str, &str)]) -> GcsConfig {
    GcsConfig::from_url(&url(text, variables)).expect("is right")
}

#[test]
fn a_url_names_bucket_prefix_and_settings() {
    let read = config(
        "gs://lake/raw/day/?storage_class=NEARLINE&metadata.team=data&transfer.parts_in_flight=2",
        &[],
    );
    let mut wanted = GcsConfig::new("lake", "raw/day");
    wanted.storage_class = Some("NEARLINE".to_owned());
    wanted.metadata = BTreeMap::from([("team".to_owned(), "data".to_owned())]);
    wanted.transfer.parts_in_flight = 2;
    assert_eq!(read, wanted);
    assert_eq!(config("gs://lake", &[]), GcsConfig::new("lake", ""));
}

#[test]
fn larders_variables_go_before_googles_and_the_url_before_both() {
    let google = ("GOOGLE_CLOUD_QUOTA_PROJECT", "google");
    let larder = ("LARDER_GCS_USER_PROJECT", "larder");
    let project = |text: &str, variables: &[(&str, &str)]| config(text, variables).user_project;
    assert_eq!(project("gs://lake", &[google]).as_deref(), Some("google"));
    assert_eq!(project("gs://lake", &[google, larder]).as_deref(), Some("larder"));
    assert_eq!(
        project("gs://lake?user_project=url", &[google, larder]).as_deref(),
        Some("url")
    );
    let read = config(
        "gs://lake",
        &[
            ("GOOGLE_SERVICE_ACCOUNT_KEY", "{}"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/k.json"),
        ],
    );
    assert_eq!(
        (read.service_account, read.service_account_path.as_deref()),
        (Some(Secret::new("{}")), Some("/k.json"))
    );
}

#[test]
fn credentials_of_the_url_shut_out_those_of_the_environment() {
    let variables = [
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "{}"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/k.json"),
    ];
    let read = config("gs://lake?anonymous=true", &variables);
    assert_eq!(
        (read.anonymous, read.service_account, read.service_account_path),
        (true, None, None)
    );
}

#[test]
fn an_emulator_gets_no_credentials_of_the_environment() {
    let variables = [
        ("STORAGE_EMULATOR_HOST", "127.0.0.1:4443"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/k.json"),
    ];
    let read = config("gs://lake", &variables);
    assert_eq!(read.endpoint.as_deref(), Some("http://127.0.0.1:4443"));
    assert_eq!((read.anonymous, read.service_account_path), (true, None));
    let own = config("gs://lake?access_token=t", &variables);
    assert_eq!((own.anonymous, own.access_token), (false, Some(Secret::new("t"))));
    let other = config("gs://lake?endpoint=https://other.test", &variables);
    assert_eq!(
        (other.anonymous, other.service_account_path.as_deref()),
        (false, Some("/k.json"))
    );
}

#[test]
fn relative_paths_are_below_the_file_that_names_them() {
    let url = url("gs://lake?service_account_path=keys/k.json", &[]).with_directory("/etc/pipeline");
    let read = GcsConfig::from_url(&url).expect("is right");
    assert_eq!(read.service_account_path.as_deref(), Some("/etc/pipeline/keys/k.json"));
}

#[test]
fn mistakes_are_refused_with_what_to_do() {
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let both = format!("gs://lake?customer_key={key}&kms_key_name=projects/p");
    for (text, told) in [
        ("gs://lake?storage_clas=NEARLINE", "did you mean `storage_class`?"),
        ("gs://lake?tags.a=b", "there is no setting `tags`"),
        ("gs://", "write `gs://bucket/prefix`"),
        ("gs://la$ke", "write `gs://bucket/prefix`"),
        ("gs://lake/a/../b", "must not be empty, `.` or `..`"),
        ("gs://lake?endpoint=localhost:4443", "must begin with `https://`"),
        ("gs://lake?part_bytes=1024", "must be 5 MiB"),
        ("gs://lake?anonymous=true&customer_key=c2hvcnQ=", "32 bytes in base64"),
        ("gs://lake?anonymous=true&metadata.a=%C3%A9", "visible ASCII"),
        ("gs://lake?http.attempts=0", "must be 1 or more"),
        (
            "gs://lake?service_account_path=/no/such/key.json",
            "`/no/such/key.json`",
        ),
        ("gs://lake?service_account=hunter2", "is no JSON"),
        ("gs://lake?service_account={}", "neither `type` nor `private_key`"),
        (both.as_str(), "exclude each other"),
    ] {
        let error = backend().open(&url(text, &[])).map(drop).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{text}: {error:?}");
        assert!(error.message().contains(told), "{text}: {error}");
    }
}

#[test]
fn broken_keys_are_not_shown() {
    let texts = [
        r#"{"type":"service_account","private_key":"hunter2","private_key_id":"i","client_email":"e"}"#,
        r#"{"type":"service_account","private_key":"-----BEGIN hunter2","private_key_id":"i","client_email":"e"}"#,
        r#"{"type":"service_account","private_key":"hunter2","private_key_id":7}"#,
        r#"{"type":"service_account","private_key":"hunter2""#,
    ];
    for text in texts {
        let mut config = GcsConfig::new("lake", "");
        config.service_account = Some(Secret::new(text));
        let error = config.open().map(drop).expect_err("is no key");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let shown = format!("{error} {error:?} {config:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn the_schema_knows_every_setting() {
    let schema = backend().schema();
    assert_eq!(schema["additionalProperties"], false);
    for name in [
        "endpoint",
        "service_account",
        "kms_key_name",
        "customer_key",
        "user_project",
        "storage_class",
        "http",
    ] {
        assert!(schema["properties"][name].is_object(), "{name}: {schema}");
    }
    let tables = schema["properties"]["table"]["oneOf"].as_array().expect("has variants");
    let names: Vec<_> = tables.iter().map(|table| table["const"].as_str()).collect();
    assert_eq!(names, ["parquet", "arrow", "csv", "ndjson", "avro", "auto"].map(Some));
}
