//! Google Cloud Storage: a token, the private key of a service account and what it signs, a user's refresh token.

use crate::search::Secrets;
use crate::{Shown, echoes_and_nobody, every_fault, nowhere, soon, watch};
use larder_io_core::{ManagerUrl, Secret};
use larder_io_gcs::{GcsConfig, backend};
use larder_testkit::cloud::{Cloud, Dialect};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

const TOKEN: &str = "ya29.Distinct-token_of+the/test==";
const CUSTOMER: &str = "R29vZ2xlQ3VzdG9tZXJ+RGlzdGluY3QvS2V5Kz8+MTI=";
/// The key of nobody that the tests of larder-io-gcs sign with, too.
const ACCOUNT: &str = include_str!("../../../io-gcs/tests/support/key.json");

fn private_key() -> String {
    let account: Json = serde_json::from_str(ACCOUNT).expect("is JSON");
    account["private_key"].as_str().expect("is text").to_owned()
}

fn secrets() -> Secrets {
    let secrets = Secrets::default()
        .with("the token", TOKEN)
        .with("the customer's key", CUSTOMER);
    secrets.with("the private key", &private_key())
}

fn url(endpoint: &str) -> ManagerUrl {
    let url: ManagerUrl = "gs://bucket/lake".parse().expect("is a URL");
    soon(
        url.with_setting("endpoint", endpoint)
            .with_setting("customer_key", CUSTOMER),
    )
}

pub(crate) fn token(endpoint: &str) -> ManagerUrl {
    url(endpoint).with_setting("access_token", TOKEN)
}

fn account(endpoint: &str) -> ManagerUrl {
    url(endpoint).with_secret("service_account", Secret::new(ACCOUNT))
}

#[tokio::test]
async fn gcs() {
    watch::begin();
    let (mut shown, mut secrets) = (Shown::default(), secrets());
    for (versioned, with) in [(false, token as fn(&str) -> _), (true, token), (false, account)] {
        let cloud = Cloud::start(Dialect::Gcs).await;
        let cloud = if versioned { cloud.with_versioning() } else { cloud };
        cloud.create_bucket("bucket");
        let url = with(&cloud.endpoint());
        let config = GcsConfig::from_url(&url).expect("is right");
        shown.debug(&url);
        shown.debug(&config);
        every_fault(&mut shown, &cloud, &config.open().expect("opens")).await;
        let bearers: BTreeSet<String> = cloud
            .requests()
            .iter()
            .filter_map(|request| Some(request.header("authorization")?.strip_prefix("Bearer ")?.to_owned()))
            .collect();
        assert!(!bearers.is_empty(), "no token was sent");
        // What the account's key signed is worth as much as a token.
        secrets = bearers
            .iter()
            .fold(secrets, |secrets, bearer| secrets.with("what was sent", bearer));
        shown.debug(&cloud.requests());
    }
    echoes_and_nobody(&mut shown, &backend(), token).await;
    nowhere(&secrets, &shown);
}

#[tokio::test]
async fn a_user_whose_token_is_refused() {
    watch::begin();
    let refresh = "1//Distinct-refresh+token";
    let secret = "GOCSPX-Distinct-client-secret";
    let cloud = Cloud::start(Dialect::Gcs).await;
    let mut shown = Shown::default();
    for token_uri in [
        cloud.endpoint(),
        "http://127.0.0.1:1".to_owned(),
        crate::echo(400).await,
        crate::echo(200).await,
    ] {
        let user = json!({ "type": "authorized_user", "client_id": "id", "client_secret": secret, "refresh_token": refresh, "token_uri": token_uri });
        let url = url(&cloud.endpoint()).with_setting("service_account", user.to_string());
        shown.debug(&url);
        shown.debug(&GcsConfig::from_url(&url).expect("is right"));
        let manager = backend().open(&url).expect("opens");
        let head = manager
            .head(&larder_integration_tests::context("a").to_input(larder::Form::Blob))
            .await;
        shown.error(&head.expect_err("has no token"));
    }
    nowhere(
        &Secrets::default().with("the token", refresh).with("the secret", secret),
        &shown,
    );
}

#[tokio::test]
async fn mistakes_in_settings_of_gcs() {
    watch::begin();
    let mut shown = Shown::default();
    let plain = || {
        soon(
            "gs://bucket/lake?endpoint=http://127.0.0.1:1"
                .parse()
                .expect("is a URL"),
        )
    };
    let broken = |change: fn(&mut Json)| {
        let mut account: Json = serde_json::from_str(ACCOUNT).expect("is JSON");
        change(&mut account);
        plain().with_setting("service_account", account.to_string())
    };
    for wrong in [
        plain().with_setting("service_account", private_key()),
        plain().with_setting("service_account", &ACCOUNT[..ACCOUNT.len() / 2]),
        broken(|account| drop(account.as_object_mut().expect("is an object").remove("client_email"))),
        broken(|account| {
            account["private_key"] = account["private_key"]
                .as_str()
                .expect("is text")
                .replace("MII", "MIJ")
                .into()
        }),
        broken(|account| account["private_key"] = json!([account["private_key"]])),
        broken(|account| account["type"] = account["private_key"].take()),
        plain().with_setting("access_tokens", TOKEN),
        plain()
            .with_setting("access_token", TOKEN)
            .with_setting("access_token", CUSTOMER),
        plain().with_setting("access_token.part", TOKEN),
        plain()
            .with_setting("anonymous", "true")
            .with_setting("customer_key", &CUSTOMER[..40]),
        plain()
            .with_setting("anonymous", "true")
            .with_setting("customer_key", format!("{CUSTOMER}!")),
        plain().with_secret("anonymous", Secret::new(TOKEN)),
    ] {
        shown.refused(&backend(), &wrong).await;
    }
    nowhere(&secrets(), &shown);
}
