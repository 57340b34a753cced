//! What carries OTLP: requests over the observers' own HTTP client.

use crate::endpoint::Endpoint;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};

/// The longest answer that is read, in bytes; a collector's is empty or an error of a few lines.
const LONGEST: u64 = 64 * 1024;

/// Blocks: it is only called on the threads of the SDK.
#[derive(Debug)]
pub(super) struct Client(pub(super) Endpoint);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let (_, answer) = self.0.send(|agent| {
            let request = Request::from_parts(parts.clone(), &*body);
            let (parts, mut body) = agent.run(request)?.into_parts();
            let body = body.with_config().limit(LONGEST).read_to_vec()?;
            Ok((parts.status.as_u16(), Response::from_parts(parts, body.into())))
        })?;
        Ok(answer)
    }
}
