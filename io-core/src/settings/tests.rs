use super::*;
use crate::Secret;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    region: Option<String>,
    history: u8,
    ratio: f64,
    path_style: bool,
    table: Table,
    tags: BTreeMap<String, String>,
    encryption: Encryption,
    scopes: Vec<String>,
    sizes: (u16, u16),
    secret_access_key: Option<Secret>,
    key_length: u32,
    delay: Delay,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Table {
    #[default]
    Parquet,
    ArrowFile,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Encryption {
    kind: String,
    bucket_key: bool,
}

#[derive(Debug, Default, PartialEq)]
struct Delay(u64);

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
        number
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("write seconds, as in `30s`"))
    }
}

fn url(query: &str) -> ManagerUrl {
    ManagerUrl::new("x", "//place", query).with_variables(BTreeMap::new())
}

fn error(url: ManagerUrl) -> (String, String) {
    let error = url.settings::<Config>([]).expect_err("is wrong");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let message = error.message().strip_prefix("in `x://place`: ").expect("says where");
    (
        error.context("setting").unwrap_or_default().to_owned(),
        message.to_owned(),
    )
}

#[test]
fn every_kind_of_value() {
    let config: Config = url("region=eu+west%2F1&history=7&ratio=0.5&path_style=true&table=arrow_file&sizes=1,2")
        .with_setting("tags.team", "data, and more")
        .with_setting(r"tags.cost\.centre", "12")
        .with_setting("encryption.bucket_key", "true")
        .with_setting("scopes", "read, write")
        .with_setting("delay", "30s")
        .with_setting("secret_access_key", "hunter2")
        .settings([])
        .expect("is right");
    let tags = [("team", "data, and more"), ("cost.centre", "12")].map(|(name, tag)| (name.to_owned(), tag.to_owned()));
    let wanted = Config {
        region: Some("eu west/1".to_owned()),
        history: 7,
        ratio: 0.5,
        path_style: true,
        table: Table::ArrowFile,
        tags: BTreeMap::from(tags),
        encryption: Encryption {
            kind: String::new(),
            bucket_key: true,
        },
        scopes: vec!["read".to_owned(), "write".to_owned()],
        sizes: (1, 2),
        secret_access_key: Some(Secret::new("hunter2")),
        key_length: 0,
        delay: Delay(30),
    };
    assert_eq!(config, wanted);
    let numbered = (0..11).fold(url(""), |url, item| {
        url.with_setting(format!("scopes.{item}"), format!("{item},"))
    });
    let scopes = numbered.settings::<Config>([]).expect("is right").scopes;
    assert_eq!((scopes[2].as_str(), scopes[10].as_str()), ("2,", "10,"));
    assert_eq!(
        url("scopes=").settings::<Config>([]).expect("is right").scopes,
        Vec::<String>::new()
    );
}

#[test]
fn mistakes_are_named_with_what_to_write() {
    for (query, setting, message) in [
        (
            "tabel=parquet",
            "tabel",
            "there is no setting `tabel`; did you mean `table`?",
        ),
        (
            "encryption.knid=a",
            "encryption.knid",
            "there is no setting `encryption.knid`; did you mean `encryption.kind`?",
        ),
        (
            "encryption.zzzzzz=a",
            "encryption.zzzzzz",
            "there is no setting `encryption.zzzzzz`; there are kind, bucket_key",
        ),
        (
            "history=many",
            "history",
            "the setting `history` takes a whole number from 0 to 255, not `many`",
        ),
        (
            "history=256",
            "history",
            "the setting `history` takes a whole number from 0 to 255, not `256`",
        ),
        ("ratio=half", "ratio", "the setting `ratio` takes a number, not `half`"),
        (
            "path_style=yes",
            "path_style",
            "the setting `path_style` takes `true` or `false`, not `yes`",
        ),
        (
            "table=parqet",
            "table",
            "the setting `table` takes one of parquet, arrow_file, not `parqet`; did you mean `parquet`?",
        ),
        (
            "tags=a",
            "tags",
            "the setting `tags` takes a table: pairs such as `team=data,owner=x`, or in a URL dotted names, `setting.name=value`",
        ),
        (
            "history.a=1",
            "history",
            "the setting `history` takes a whole number from 0 to 255, not a table",
        ),
        (
            "delay=30",
            "delay",
            "the setting `delay` is wrong: write seconds, as in `30s`",
        ),
        (
            "history=1&history=2",
            "history",
            "the setting `history` is given twice; take one away",
        ),
        (
            "tags=a&tags.b=c",
            "tags.b",
            "the setting `tags.b` is given both as a whole and in parts",
        ),
    ] {
        assert_eq!(error(url(query)), (setting.to_owned(), message.to_owned()));
    }
    let twice = error(url("history=1").with_setting("history", "1"));
    assert_eq!(twice.1, "the setting `history` is given twice; take one away");
    #[derive(Debug, Deserialize)]
    struct Strict {
        #[allow(dead_code, reason = "only its absence matters")]
        account: String,
    }
    let missing = url("").settings::<Strict>([]).expect_err("is missing");
    assert_eq!(missing.message(), "in `x://place`: the setting `account` is missing");
    let bytes = url("region=%ff").settings::<Config>([]).expect_err("is no text");
    assert_eq!(bytes.context("setting"), Some("region"));
}

#[test]
fn values_that_may_be_secret_are_not_shown() {
    let urls = [
        url("key_length=hunter2"),
        url("region=hunter2&region=hunter2"),
        url("region.hunter=2").with_setting("region", "hunter2"),
        url("secret_access_key.a=hunter2"),
        url("tags=hunter2"),
        url("hunter=2").with_setting("nothing", "hunter2"),
        url("").with_secret("history", Secret::new("hunter2")),
        url("").with_secret("table", Secret::new("hunter2")),
    ];
    for url in urls {
        let error = url.settings::<Config>([]).expect_err("is wrong");
        let all = format!("{error} {error:?} {url} {url:?}");
        assert!(!all.contains("hunter2"), "{all}");
    }
    let (_, message) = error(url("key_length=hunter2"));
    assert_eq!(
        message,
        "the setting `key_length` takes a whole number from 0 to 4294967295"
    );
}

#[test]
fn what_is_explicit_goes_before_the_environment() {
    let environment: [(&str, &[&str]); 3] = [
        ("region", &["LARDER_REGION", "VENDOR_REGION"]),
        ("history", &["HISTORY"]),
        ("tags", &["TAGS"]),
    ];
    let with = |query: &str, variables: &[(&str, &str)]| {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        url(query)
            .with_variables(variables.collect())
            .settings::<Config>(environment)
    };
    let region = |query: &str, variables: &[(&str, &str)]| with(query, variables).expect("is right").region;
    let both = [("LARDER_REGION", "larder"), ("VENDOR_REGION", "vendor")];
    assert_eq!(region("region=query", &both).as_deref(), Some("query"));
    assert_eq!(region("", &both).as_deref(), Some("larder"));
    assert_eq!(region("", &both[1..]).as_deref(), Some("vendor"));
    assert_eq!(region("", &[("LARDER_REGION", ""), both[1]]).as_deref(), Some("vendor"));
    assert_eq!(region("", &[]), None);
    assert!(with("tags.a=b", &[("TAGS", "c")]).is_ok(), "a part is explicit too");
    let tags = |text: &str| with("", &[("TAGS", text)]).map(|config| config.tags);
    let expected = [("team", "data"), ("url", "a=b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        tags("team=data, url = a=b,").expect("is right"),
        BTreeMap::from(expected)
    );
    for wrong in ["team", "team=a,team=b", "=a"] {
        let error = tags(wrong).expect_err("is wrong");
        assert!(error.message().contains("pairs such as"), "{error}");
    }
    let error = with("", &[("HISTORY", "many")]).expect_err("is wrong");
    assert!(
        error.message().contains("from the environment variable HISTORY"),
        "{error}"
    );
}

#[test]
fn texts_without_a_url() {
    let texts = |value: &str| [("encryption.bucket_key".to_owned(), value.to_owned())];
    assert!(
        from_texts::<Config>(texts("true"))
            .expect("is right")
            .encryption
            .bucket_key
    );
    let error = from_texts::<Config>(texts("yes")).expect_err("is wrong");
    assert_eq!(
        error.message(),
        "the setting `encryption.bucket_key` takes `true` or `false`"
    );
    assert_eq!(error.context("setting"), Some("encryption.bucket_key"));
}

#[test]
fn relative_paths_are_below_the_directory() {
    assert_eq!(url("").path("a/b"), std::path::Path::new("a/b"));
    let url = url("").with_directory("/etc/pipeline");
    assert_eq!(url.path("a/b"), std::path::Path::new("/etc/pipeline/a/b"));
    assert_eq!(url.path("/a/b"), std::path::Path::new("/a/b"));
}

proptest! {
    #[test]
    fn a_query_comes_back(pairs in prop::collection::btree_map(any::<String>(), any::<String>(), 0..8)) {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let found = decoded(&query.join("&")).expect("is UTF-8").into_iter();
        let found: BTreeMap<String, String> = found.map(|setting| (setting.name, setting.value)).collect();
        prop_assert_eq!(found, pairs);
    }

    #[test]
    fn names_come_back(path in prop::collection::vec(any::<String>(), 1..4)) {
        prop_assert_eq!(segments(&dotted(&path)), path);
    }

    #[test]
    fn hostile_queries_give_an_answer(query in r"([a-z.%\\=&,+]|history|tags|encryption){0,12}") {
        let _ = url(&query).settings::<Config>([]);
    }
}
