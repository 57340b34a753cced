//! What carries OTLP: requests over the observers' own HTTP client.

use crate::agent::{agent, shown};
use crate::told::Once;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use std::time::Duration;
use url::Url;

/// The longest answer that is read, in bytes; a collector's is empty or an error of a few lines.
const LONGEST: u64 = 64 * 1024;

/// Blocks: it is only called on the threads of the SDK.
#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    endpoint: String,
    told: Once,
}

impl Client {
    pub(super) fn new(url: &Url, timeout: Duration) -> Self {
        Self {
            agent: agent(url, timeout),
            endpoint: shown(url),
            told: Once::default(),
        }
    }

    fn tell(&self, why: &str) {
        self.told.tell(|| {
            tracing::warn!(
                endpoint = self.endpoint,
                why,
                "the endpoint of OpenTelemetry does not take what a run tells; the run goes on without it"
            );
        });
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let answer = self.agent.run(request.map(|body| body.to_vec()))?;
        let (parts, mut body) = answer.into_parts();
        let body = body.with_config().limit(LONGEST).read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        match self.send(request) {
            Ok(answer) => {
                if !answer.status().is_success() {
                    self.tell(&format!("it answers with status {}", answer.status().as_u16()));
                }
                Ok(answer)
            }
            Err(error) => {
                self.tell(&error.to_string());
                Err(error.into())
            }
        }
    }
}
