//! Azure: an account's key, a shared access signature, a connection string, a client's secret, a customer's key.

use crate::search::Secrets;
use crate::{Shown, echoes_and_nobody, every_fault, nowhere, soon, watch};
use larder_io_adls::{AdlsConfig, backend};
use larder_io_core::{ManagerUrl, Secret};
use larder_testkit::cloud::{ACCOUNT, Cloud, Dialect};

const KEY: &str = "RGlzdGluY3QvYWNjb3VudCtrZXkvb2YvdGhlL3Rlc3Q/Pz8+Pg==";
const SIGNATURE: &str = "Distinct/signature+of/the+test/0123456789abc=";
const CLIENT: &str = "Dis8Q~tinct-client.secret_of~the-test";
const CUSTOMER: &str = "QXp1cmVDdXN0b21lcn5EaXN0aW5jdC9LZXkrPz4xMjM=";

fn secrets() -> Secrets {
    let secrets = Secrets::default().with("the key", KEY).with("the signature", SIGNATURE);
    secrets
        .with("the client's secret", CLIENT)
        .with("the customer's key", CUSTOMER)
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn url(endpoint: &str) -> ManagerUrl {
    let url: ManagerUrl = "az://data/lake".parse().expect("is a URL");
    let endpoint = if endpoint.ends_with(ACCOUNT) {
        endpoint.to_owned()
    } else {
        format!("{endpoint}/{ACCOUNT}")
    };
    soon(
        url.with_setting("endpoint", endpoint)
            .with_setting("customer_key", CUSTOMER),
    )
}

fn key(endpoint: &str) -> ManagerUrl {
    url(endpoint).with_secret("access_key", Secret::new(KEY))
}

pub(crate) fn sas(endpoint: &str) -> ManagerUrl {
    let token = format!(
        "?sv=2023-11-03&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00:00:00Z&sig={}",
        encoded(SIGNATURE)
    );
    url(endpoint).with_setting("sas_token", token)
}

fn connection(endpoint: &str) -> ManagerUrl {
    url(endpoint).with_setting(
        "connection_string",
        format!("AccountName={ACCOUNT};AccountKey={KEY};EndpointSuffix=core.windows.net"),
    )
}

fn signed_connection(endpoint: &str) -> ManagerUrl {
    url(endpoint).with_setting(
        "connection_string",
        format!(
            "BlobEndpoint={endpoint};SharedAccessSignature=sv=2023-11-03&sig={}",
            encoded(SIGNATURE)
        ),
    )
}

fn client(endpoint: &str) -> ManagerUrl {
    let url = url(endpoint)
        .with_setting("tenant_id", "11111111-1111-1111-1111-111111111111")
        .with_setting("client_id", "id");
    url.with_setting("client_secret", CLIENT)
        .with_setting("authority_host", endpoint.trim_end_matches(&format!("/{ACCOUNT}")))
}

#[tokio::test]
async fn azure() {
    watch::begin();
    let mut shown = Shown::default();
    let ways = [
        (false, key as fn(&str) -> _),
        (true, key),
        (false, sas),
        (false, connection),
        (false, signed_connection),
    ];
    for (versioned, with) in ways {
        let cloud = Cloud::start(Dialect::Azure).await;
        let cloud = if versioned { cloud.with_versioning() } else { cloud };
        cloud.create_bucket("data");
        let url = with(&cloud.endpoint());
        let config = AdlsConfig::from_url(&url).expect("is right");
        shown.debug(&url);
        shown.debug(&config);
        every_fault(&mut shown, &cloud, &config.open().expect("opens")).await;
        let sent = cloud
            .requests()
            .iter()
            .any(|request| request.header("x-ms-encryption-key") == Some(CUSTOMER));
        assert!(sent, "the customer's key was not sent");
        shown.debug(&cloud.requests());
    }
    for with in [key as fn(&str) -> _, sas, client] {
        echoes_and_nobody(&mut shown, &backend(), with).await;
    }
    nowhere(&secrets(), &shown);
}

#[tokio::test]
async fn mistakes_in_settings_of_azure() {
    watch::begin();
    let mut shown = Shown::default();
    let plain = || {
        soon(
            format!("az://data/lake?account={ACCOUNT}&endpoint=http://127.0.0.1:1")
                .parse()
                .expect("is a URL"),
        )
    };
    let connection = |text: String| plain().with_setting("connection_string", text);
    for wrong in [
        plain().with_setting("access_key", format!("{KEY}!")),
        plain().with_setting("access_key", format!("{KEY}\n")),
        plain().with_setting("access_keys", KEY),
        plain().with_setting("access_key.part", KEY),
        plain()
            .with_setting("access_key", KEY)
            .with_setting("access_key", CLIENT),
        plain().with_setting("sas_token", SIGNATURE),
        plain().with_setting("sas_token", format!("sv=1&sig=%FF{SIGNATURE}")),
        connection(format!("AccountName={ACCOUNT};AccountKey={KEY}!")),
        connection(format!("AccountName={ACCOUNT};AccountKey{KEY}")),
        connection(format!("AccountKey={KEY};AccountKey={KEY}")),
        connection(KEY.to_owned()),
        connection(format!("AccountName=another;AccountKey={KEY}")),
        plain().with_setting("client_secret", CLIENT),
        plain().with_secret("identity", Secret::new(CLIENT)),
        plain()
            .with_setting("access_key", KEY)
            .with_setting("customer_key", &CUSTOMER[..40]),
        plain()
            .with_setting("access_key", KEY)
            .with_setting("customer_key", format!("{CUSTOMER}!")),
    ] {
        shown.refused(&backend(), &wrong).await;
    }
    nowhere(&secrets(), &shown);
}
