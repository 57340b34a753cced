//! S3: the secret of a key, the token of temporary credentials, a customer's key.

use crate::search::Secrets;
use crate::{Shown, echoes_and_nobody, every_fault, nowhere, soon, watch};
use larder_io_core::{ManagerUrl, Secret};
use larder_io_s3::{S3Config, backend};
use larder_testkit::cloud::{Cloud, Dialect};

const SECRET: &str = "wJalrXUtn/FEMI+K7MDENG/bPxRfiCYdistinct1";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEDistinct//2//token+of=the+test==";
/// 32 bytes in base64.
const CUSTOMER: &str = "QW1hem9uQ3VzdG9tZXJ+RGlzdGluY3QvS2V5Kz8+MTI=";

fn secrets() -> Secrets {
    let secrets = Secrets::default().with("the secret", SECRET).with("the token", TOKEN);
    secrets.with("the customer's key", CUSTOMER)
}

/// The secret in the query, as people write it; the others beside the URL.
pub(crate) fn url(endpoint: &str) -> ManagerUrl {
    let secret = percent_encoding::utf8_percent_encode(SECRET, percent_encoding::NON_ALPHANUMERIC);
    let text = format!("s3://bucket/lake?access_key_id=AKIATEST&secret_access_key={secret}&encryption=customer");
    let url: ManagerUrl = text.parse().expect("is a URL");
    let url = url
        .with_setting("endpoint", endpoint)
        .with_setting("session_token", TOKEN);
    soon(url.with_secret("customer_key", Secret::new(CUSTOMER)))
}

#[tokio::test]
async fn s3() {
    watch::begin();
    let mut shown = Shown::default();
    for versioned in [false, true] {
        let cloud = Cloud::start(Dialect::S3).await;
        let cloud = if versioned { cloud.with_versioning() } else { cloud };
        cloud.create_bucket("bucket");
        let url = url(&cloud.endpoint());
        let config = S3Config::from_url(&url).expect("is right");
        shown.debug(&url);
        shown.debug(&config);
        every_fault(&mut shown, &cloud, &config.open().expect("opens")).await;
        let sent = |name: &str, value: &str| {
            cloud
                .requests()
                .iter()
                .any(|request| request.header(name) == Some(value))
        };
        assert!(sent("x-amz-security-token", TOKEN), "the token was not sent");
        assert!(
            sent("x-amz-server-side-encryption-customer-key", CUSTOMER),
            "the key was not sent"
        );
        shown.debug(&cloud.requests());
    }
    echoes_and_nobody(&mut shown, &backend(), url).await;
    nowhere(&secrets(), &shown);
}

#[tokio::test]
async fn mistakes_in_settings_of_s3() {
    watch::begin();
    let mut shown = Shown::default();
    let plain = || {
        soon(
            "s3://bucket/lake?endpoint=http://127.0.0.1:1"
                .parse()
                .expect("is a URL"),
        )
    };
    for wrong in [
        plain().with_setting("secret_access_key", SECRET),
        plain()
            .with_setting("access_key_id", "A")
            .with_setting("secret_access_key", format!("{SECRET}\n")),
        plain()
            .with_setting("access_key_id", "A")
            .with_setting("secret_access_key", SECRET)
            .with_setting("session_token", format!(" {TOKEN}")),
        plain().with_setting("secret_access_keys", SECRET),
        plain()
            .with_setting("secret_access_key", SECRET)
            .with_setting("secret_access_key", TOKEN),
        plain().with_setting("secret_access_key.part", SECRET),
        plain().with_secret("encryption", Secret::new(SECRET)),
        plain().with_secret("part_bytes", Secret::new(SECRET)),
        plain()
            .with_setting("access_key_id", "A")
            .with_setting("secret_access_key", SECRET)
            .with_setting("encryption", "customer")
            .with_setting("customer_key", &CUSTOMER[..40]),
        plain()
            .with_setting("access_key_id", "A")
            .with_setting("secret_access_key", SECRET)
            .with_setting("encryption", "customer")
            .with_setting("customer_key", format!("{CUSTOMER}!")),
        plain().with_setting("customer_key", CUSTOMER),
        plain().with_variables([("AWS_SECRET_ACCESS_KEY".to_owned(), SECRET.to_owned())].into()),
    ] {
        shown.refused(&backend(), &wrong).await;
    }
    nowhere(&secrets(), &shown);
}
