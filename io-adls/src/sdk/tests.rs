use super::*;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Request, StatusCode};
use std::sync::Mutex as StdMutex;

/// Answers every request alike, and remembers where they went.
#[derive(Debug)]
struct Answers {
    status: u16,
    body: String,
    asked: StdMutex<Vec<String>>,
}

impl Answers {
    fn new(status: u16, body: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            status,
            body: body.into(),
            asked: StdMutex::default(),
        })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panicked").clone()
    }
}

#[async_trait]
impl HttpClient for Answers {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.asked
            .lock()
            .expect("no test panicked")
            .push(request.url().to_string());
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::from(self.status),
            Headers::new(),
            self.body.clone(),
        ))
    }
}

fn token(lasts: u32) -> String {
    format!(
        r#"{{"token_type":"Bearer","expires_in":{lasts},"ext_expires_in":{lasts},"access_token":"a-token-of-the-test"}}"#
    )
}

fn principal() -> AdlsConfig {
    let mut config = AdlsConfig::new("lake", "data", "");
    config.tenant_id = Some("tenant".to_owned());
    config.client_id = Some("client".to_owned());
    config.client_secret = Some(larder_io_core::Secret::new("hunter2"));
    config
}

#[tokio::test]
async fn a_token_is_asked_for_once_until_shortly_before_it_expires() {
    let (logins, metadata) = (Answers::new(200, token(3600)), Answers::new(500, ""));
    let mut config = principal();
    config.authority_host = Some("https://login.example".to_owned());
    let chain = Chain::with_clients(&config, logins.clone(), metadata.clone());
    for _ in 0..3 {
        let credential = chain.get_credential().await.expect("is given");
        assert_eq!(
            *credential,
            AzureCredential::BearerToken("a-token-of-the-test".to_owned())
        );
    }
    assert_eq!(logins.asked(), ["https://login.example/tenant/oauth2/v2.0/token"]);
    assert!(metadata.asked().is_empty(), "a secret asks no metadata address");

    let short = Answers::new(200, token(200));
    let chain = Chain::with_clients(&config, short.clone(), metadata);
    for _ in 0..2 {
        chain.get_credential().await.expect("is given");
    }
    assert_eq!(short.asked().len(), 2, "less than five minutes are left");
}

#[tokio::test]
async fn a_refused_secret_is_told_without_it() {
    let said = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}"#;
    let chain = Chain::with_clients(&principal(), Answers::new(401, said), Answers::new(500, ""));
    let refused = larder_io_object::error::error(chain.get_credential().await.expect_err("is refused"));
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(refused.message().contains("service principal"), "{refused}");
    let shown = format!("{refused} {refused:?} {chain:?}");
    assert!(shown.contains("AADSTS7000215") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_managed_identity_is_asked_at_the_metadata_address_alone() {
    let answer =
        r#"{"access_token":"a-token-of-the-test","expires_on":"4102444800","resource":"x","token_type":"Bearer"}"#;
    let (logins, metadata) = (Answers::new(500, ""), Answers::new(200, answer));
    let mut config = AdlsConfig::new("lake", "data", "");
    config.identity = Identity::Managed;
    config.client_id = Some("mine".to_owned());
    let chain = Chain::with_clients(&config, logins.clone(), metadata.clone());
    chain.get_credential().await.expect("is given");
    let asked = metadata.asked();
    assert!(
        asked.len() == 1 && asked[0].contains("client_id=mine") && asked[0].contains("storage.azure.com"),
        "{asked:?}"
    );
    assert!(logins.asked().is_empty());
}
