//! The server, and calls that are tried again.

use crate::address::Address;
use crate::error::map;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::settings::Settings;
use larder_io_core::{Error, ErrorKind, Result};
use spark_connect_core::{RetryPolicy, SparkConnectClient, SparkError};
use spark_connect_proto as proto;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A Spark Connect server. Cloning shares the connection, which is made anew when it is lost.
#[derive(Clone)]
pub struct Spark {
    client: Arc<SparkConnectClient>,
    settings: Arc<Settings>,
    place: Arc<str>,
    version: Arc<str>,
}

impl Spark {
    /// Connects, and asks the server for its version.
    ///
    /// # Errors
    /// `Unavailable` when nobody answers in as many tries as the settings allow, which says how to start a server; `Unauthenticated`;
    /// `InvalidConfig` for settings that sessions must not have, and when something else answers there.
    ///
    /// # Cancel safety
    /// A dropped future leaves nothing behind.
    pub async fn connect(address: &Address, settings: &Settings) -> Result<Self> {
        settings.of_session()?;
        let place = address.to_string();
        // It does not connect yet. Its own words may repeat a secret.
        let mut client = SparkConnectClient::connect(address.builder())
            .await
            .map_err(|_| Error::new(ErrorKind::InvalidConfig, format!("the address {place} cannot be used")))?;
        client.set_retry_policy(RetryPolicy::no_retries());
        let request = proto::AnalyzePlanRequest {
            session_id: client.session_id().to_owned(),
            user_context: Some(user(&client)),
            client_type: Some(client_type()),
            analyze: Some(proto::analyze_plan_request::Analyze::SparkVersion(Default::default())),
            ..Default::default()
        };
        let answer = tried(settings, settings.connect_timeout, || {
            client.analyze_plan(request.clone())
        })
        .await
        .map_err(|refusal| map(&refusal, &place, "connecting to Spark"))?;
        // The question has opened a session.
        let _ = tokio::time::timeout(settings.connect_timeout, client.release_session()).await;
        let version = match answer.result {
            Some(proto::analyze_plan_response::Result::SparkVersion(version)) => version.version,
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    format!("what answers at {place} does not tell Spark's version"),
                ));
            }
        };
        Ok(Self {
            client: Arc::new(client),
            settings: Arc::new(settings.clone()),
            place: place.into(),
            version: version.into(),
        })
    }

    /// The version of Spark that answers.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Opens a session: its views, settings and queries are its own. Take one for each query.
    ///
    /// It ends at the server when it and the rows of its queries are dropped.
    ///
    /// # Errors
    /// `Unavailable`; `InvalidConfig` for a setting that Spark does not take.
    ///
    /// # Cancel safety
    /// A dropped future may leave an empty session, which the server ends by itself when nobody has used it for an hour.
    pub async fn session(&self) -> Result<Session> {
        let mut client = self.client.with_new_session_id();
        client.set_retry_policy(RetryPolicy::no_retries());
        Session::open(client, Arc::clone(&self.settings), Arc::clone(&self.place)).await
    }
}

impl fmt::Debug for Spark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spark({}, {})", self.place, self.version)
    }
}

/// Who asks. A session belongs to a user.
pub(crate) fn user(client: &SparkConnectClient) -> proto::UserContext {
    proto::UserContext {
        user_id: client.user_id().unwrap_or_default().to_owned(),
        ..Default::default()
    }
}

pub(crate) fn client_type() -> String {
    format!("larder/{}", env!("CARGO_PKG_VERSION"))
}

/// A call whose answer may be lost, and that can be made twice, tried as often as the settings say.
pub(crate) async fn tried<T, F>(
    settings: &Settings,
    longest: Duration,
    mut call: impl FnMut() -> F,
) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, SparkError>>,
{
    let mut number = 0;
    loop {
        number += 1;
        let refusal = match tokio::time::timeout(longest, call()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Refusal::from(error),
            Err(_) => silence(longest),
        };
        if !refusal.is_passing() || number >= settings.tries.max(1) {
            return Err(refusal);
        }
        tokio::time::sleep(Settings::pause(number)).await;
    }
}

/// Nobody answered. As gRPC's Unavailable, not as its deadline: nobody set one.
pub(crate) fn silence(longest: Duration) -> Refusal {
    Refusal {
        code: 14,
        message: format!("no answer in {longest:?}"),
        ..Refusal::default()
    }
}
