//! Answers that are documents: listings, and what servers say of writes.

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::RANGE;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use object_store::client::{HttpError, HttpRequest, HttpResponseBody};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Bytes of an answer that are read before it counts as come. A page of 1,000 keys of 1 KiB takes about 3 MiB.
const DOCUMENT_BYTES: usize = 16 << 20;

/// Whether the answer is a document: values are read by ranges.
pub(super) fn is_wanted(request: &HttpRequest) -> bool {
    let ranged = request.headers().contains_key(RANGE) || request.headers().contains_key("x-ms-range");
    *request.method() != Method::HEAD && !(ranged && *request.method() == Method::GET)
}

/// Reads a document to its end, so that one that breaks off is a failed request. What is longer goes on as a stream.
pub(super) async fn read(mut body: HttpResponseBody) -> Result<HttpResponseBody, HttpError> {
    let mut read = BytesMut::new();
    while read.len() < DOCUMENT_BYTES {
        match body.frame().await {
            Some(frame) => read.extend_from_slice(&frame?.into_data().unwrap_or_default()),
            None => return Ok(read.freeze().into()),
        }
    }
    let first = Some(read.freeze());
    Ok(HttpResponseBody::new(Rest { first, body }))
}

/// What was read already, and the body it is of.
struct Rest {
    first: Option<Bytes>,
    body: HttpResponseBody,
}

impl Body for Rest {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut self.body).poll_frame(cx),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + first);
        }
        hint.set_lower(hint.lower() + first);
        hint
    }
}
