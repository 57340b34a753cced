//! Settings from URL and environment.

use larder_io_core::{ManagerUrl, Result};
use larder_io_s3::S3Config;

fn config(query: &str, variables: &[(&str, &str)]) -> Result<S3Config> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    S3Config::from_url(&ManagerUrl::new("s3", "//bucket/lake", query).with_variables(variables))
}

#[test]
fn every_setting_has_a_variable() {
    let config = config(
        "",
        &[
            ("LARDER_S3_TAGS", "team=data,cost centre=a/b"),
            ("LARDER_S3_METADATA", "owner=x"),
            ("LARDER_S3_COPY_RANGE_BYTES", "6000000"),
            ("LARDER_S3_TRANSFER_PARTS_IN_FLIGHT", "9"),
            ("LARDER_S3_HTTP_LONGEST_DELAY", "7s"),
            ("LARDER_S3_BUCKET_KEY", "true"),
            ("AWS_REGION", "of-aws"),
            ("AWS_DEFAULT_REGION", "by default"),
        ],
    )
    .expect("is right");
    let tags: Vec<(&str, &str)> = config
        .tags
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(tags, [("cost centre", "a/b"), ("team", "data")]);
    assert_eq!(config.metadata["owner"], "x");
    assert_eq!(config.copy_range_bytes, 6_000_000);
    assert_eq!(config.transfer.parts_in_flight, 9);
    assert_eq!(config.http.longest_delay.as_secs(), 7);
    assert_eq!(config.bucket_key, Some(true));
    assert_eq!(config.region.as_deref(), Some("of-aws"));
}

#[test]
fn larders_own_variable_goes_before_that_of_aws_and_the_url_before_both() {
    let both = [("LARDER_S3_REGION", "larder"), ("AWS_REGION", "aws")];
    let region = |query: &str| config(query, &both).expect("is right").region;
    assert_eq!(region("").as_deref(), Some("larder"));
    assert_eq!(region("region=url").as_deref(), Some("url"));
}

#[test]
fn a_key_of_the_url_leaves_the_tokens_of_the_environment_aside() {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "other"),
        ("AWS_SECRET_ACCESS_KEY", "other secret"),
        ("AWS_SESSION_TOKEN", "other token"),
    ];
    let own = config("access_key_id=own&secret_access_key=hidden", &environment).expect("is right");
    assert_eq!(own.access_key_id.as_deref(), Some("own"));
    assert!(own.session_token.is_none());
    let theirs = config("", &environment).expect("is right");
    assert_eq!(theirs.session_token.expect("is taken").expose(), "other token");
}

#[test]
fn a_wrong_variable_is_named_and_not_shown() {
    let error = config("", &[("LARDER_S3_TAGS", "team")]).expect_err("is no pair");
    assert!(
        error.message().contains("LARDER_S3_TAGS") && error.message().contains("pairs such as"),
        "{error}"
    );
}
