use super::*;

fn refused(uri: &str) -> Error {
    address(uri).expect_err(uri)
}

#[test]
fn addresses_are_absolute_and_hold_no_secret() {
    for uri in [
        "s3://lake/raw/2024/",
        "file:///data/a@b:c.parquet",
        "abfss://data@account.dfs.core.windows.net/raw",
        "postgres://reader@[::1]:5432/db?table=t",
        "postgres://host:5432/db?table=t",
        "delta+s3://lake/sales?region=eu",
    ] {
        address(uri).unwrap_or_else(|error| panic!("{uri}: {error}"));
    }
    for uri in [
        "",
        "data.parquet",
        "/data.parquet",
        "file:data.parquet",
        "file:./data.parquet",
        "file:///data/../etc/passwd",
        "s3://lake/./x",
        "s3://lake/..",
        "s3://lake//x",
        "file:///data//x",
        "file:////",
        "s3://lake/x//",
        "s3://lake/x?%ff",
        "s3://lake/a\0b",
        "s3://lake/a\nb",
    ] {
        assert_eq!(refused(uri).kind(), ErrorKind::InvalidData, "{uri}");
    }
    refused(&format!("s3://lake/{}", "x".repeat(MANY)));
}

const MANY: usize = 1 << 20;

#[test]
fn no_message_and_no_debug_shows_a_secret() {
    for uri in [
        "postgres://user:geheim@host/db",
        "postgres://user:ge/geheim@host/db",
        "s3://lake/x?secret_access_key=geheim",
        "s3://lake/x?session%5ftoken=geheim",
        "postgres://host/db?password=geheim",
        "https://u@v:geheim@host/x",
    ] {
        let error = refused(uri);
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{uri}");
        assert!(!format!("{error:?} {error}").contains("geheim"), "{error:?}");
        assert!(!format!("{:?}", DataRef::new(uri)).contains("geheim"));
    }
    let long = refused(&format!("s3://lake/{}", "x".repeat(MANY)));
    assert!(long.message().len() < 1000, "{}", long.message().len());
}

#[tokio::test]
async fn a_reference_comes_back_whole() {
    let mut reference = DataRef::new("s3://lake/x.parquet").at_version("v").latest();
    reference.rows = Some(7);
    reference.bytes = Some(8);
    reference.files = Some(9);
    reference.modified = Some(jiff::Timestamp::UNIX_EPOCH);
    reference.columns = Some(vec!["n Int64".to_owned()]);
    reference = reference.with_format("csv");
    let back = DataRef::from_value(reference.clone().into_value())
        .await
        .expect("loads");
    assert_eq!(back, reference);
}

/// What was stored before there were versions to look for is followed to what is there.
#[tokio::test]
async fn a_reference_of_before_is_read() {
    #[derive(Serialize, Deserialize)]
    struct Before {
        data_ref: String,
        format: Option<String>,
        rows: Option<u64>,
        bytes: Option<u64>,
        version: Option<String>,
    }
    let before = Before {
        data_ref: "s3://lake/x".to_owned(),
        format: None,
        rows: Some(1),
        bytes: None,
        version: None,
    };
    let read = DataRef::from_value(before.into_value()).await.expect("loads");
    assert_eq!((read.rows, read.taken()), (Some(1), Pin::Latest));
}

#[test]
fn a_target_without_a_version_takes_only_latest() {
    let facts = TargetFacts {
        bytes: Some(5),
        ..TargetFacts::default()
    };
    let open = DataRef::new("s3://lake/x").recorded(&facts).expect("is recorded");
    assert_eq!((open.taken(), open.bytes), (Pin::Latest, Some(5)));
    let error = DataRef::new("s3://lake/x")
        .pinned()
        .recorded(&facts)
        .expect_err("has none");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains(".latest()"), "{error}");
    let error = open.wanted(Pin::Pinned).expect_err("has none");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_version_pins_unless_somebody_says_otherwise() {
    let facts = TargetFacts {
        version: Some(Version::from_text("2")),
        rows: Some(3),
        ..TargetFacts::default()
    };
    let mut given = DataRef::new("s3://lake/x");
    given.rows = Some(99);
    let pinned = given.clone().recorded(&facts).expect("is recorded");
    assert_eq!(
        (pinned.taken(), pinned.rows),
        (Pin::Pinned, Some(3)),
        "the target knows better"
    );
    let wanted = pinned.wanted(Pin::Pinned).expect("has a version");
    assert_eq!(wanted.as_ref().map(|version| version.as_str()), Some("2"));
    assert_eq!(pinned.wanted(Pin::Latest).expect("is there"), None);
    let latest = given.latest().recorded(&facts).expect("is recorded");
    assert_eq!((latest.taken(), latest.version.as_deref()), (Pin::Latest, Some("2")));
}

#[test]
fn what_changed_is_said() {
    let mut had = DataRef::new("s3://lake/x").at_version("a");
    had.bytes = Some(100);
    had.columns = Some(vec!["n Int64".to_owned(), "t Utf8".to_owned()]);
    let cause = || Error::new(ErrorKind::Conflict, "another one");
    let now = |bytes| TargetFacts {
        version: Some(Version::from_text("b")),
        bytes: Some(bytes),
        ..TargetFacts::default()
    };
    let error = had.changed(&now(7), cause());
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(
        error.message().contains("truncated: it had 100 bytes and has 7"),
        "{error}"
    );
    let error = had.changed(&now(100), cause());
    assert!(
        error
            .message()
            .contains("replaced: it had version `a` (100 bytes) and has version `b`"),
        "{error}"
    );
    assert!(!error.message().contains("truncated"), "{error}");
    let error = had.deleted(Error::new(ErrorKind::NotFound, "nothing is stored at `x`"));
    assert!(error.message().contains("was deleted"), "{error}");
    #[cfg(feature = "arrow")]
    {
        use arrow_schema::{DataType, Field, Schema};
        let mut other = now(100);
        let field = |name, data_type| Field::new(name, data_type, true);
        other.schema = Some(std::sync::Arc::new(Schema::new(vec![
            field("n", DataType::Utf8),
            field("t", DataType::Utf8),
        ])));
        let error = had.changed(&other, cause());
        assert!(
            error
                .message()
                .contains("another schema: `n Int64` is gone, `n Utf8` came"),
            "{error}"
        );
    }
}
