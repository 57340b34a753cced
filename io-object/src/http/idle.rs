//! Bodies that end with an error of ours when they break off, and when nothing comes any more.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use larder_io_core::{Effect, Error, ErrorKind};
use object_store::client::{HttpError, HttpErrorKind, HttpResponseBody};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A body whose every piece must come within a time.
pub(super) struct Idle {
    body: HttpResponseBody,
    allowed: Duration,
    effect: Effect,
    timer: Pin<Box<Sleep>>,
}

impl Idle {
    /// `effect` is that of a request whose answer cannot be read.
    pub(super) fn new(body: HttpResponseBody, allowed: Duration, effect: Effect) -> Self {
        Self {
            body,
            allowed,
            effect,
            timer: Box::pin(tokio::time::sleep(allowed)),
        }
    }
}

impl Body for Idle {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let next = Instant::now() + self.allowed;
            self.timer.as_mut().reset(next);
            let broken = |error: HttpError| {
                let kind = error.kind();
                let message = "the answer broke off in its middle; check the network and any proxy";
                let ours = Error::new(ErrorKind::Unavailable, message).with_effect(self.effect);
                HttpError::new(kind, ours.with_source(error))
            };
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => {
                let message = format!("the answer stopped in its middle: no byte came for {:?}", self.allowed);
                let error = Error::new(ErrorKind::Timeout, message).with_effect(self.effect);
                Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Interrupted, error))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
