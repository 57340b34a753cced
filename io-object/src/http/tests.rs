//! The guard over a server that is a list of answers, with a clock that does not wait.

use super::{Guard, Transport};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Body, Frame};
use larder_io_core::{Effect, Error, ErrorKind, Result, Retry};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// What a server answers.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// This status, with the delay that it asks for.
    Status(u16, Option<u64>),
    /// A body of so many pieces of 1 MiB.
    Pieces(usize),
    /// A body that breaks off after one piece.
    Breaks,
    /// A body that stops after one piece.
    Stops,
    /// Never anything.
    Nothing,
    /// The connection fails.
    Reset,
}

/// A body by pieces.
struct Script(VecDeque<Option<Bytes>>, Answer);

impl Body for Script {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, HttpError>>> {
        match (self.0.pop_front(), self.1) {
            (Some(Some(piece)), _) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            (_, Answer::Stops) => Poll::Pending,
            (_, Answer::Breaks) => Poll::Ready(Some(Err(broken()))),
            _ => Poll::Ready(None),
        }
    }
}

fn broken() -> HttpError {
    HttpError::new(
        HttpErrorKind::Interrupted,
        std::io::Error::from(std::io::ErrorKind::ConnectionReset),
    )
}

/// Gives its answers in order, the last of them for ever.
#[derive(Debug)]
struct Server {
    answers: Vec<Answer>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl HttpService for Server {
    async fn call(&self, _: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers[asked.min(self.answers.len() - 1)];
        let mut response = http::Response::builder();
        let pieces = match answer {
            Answer::Nothing => std::future::pending().await,
            Answer::Reset => return Err(broken()),
            Answer::Status(status, delay) => {
                response = response.status(status);
                if let Some(delay) = delay {
                    response = response.header("retry-after", delay);
                }
                0
            }
            Answer::Pieces(pieces) => pieces,
            Answer::Breaks | Answer::Stops => 1,
        };
        let pieces = std::iter::repeat_n(Some(Bytes::from(vec![7; 1 << 20])), pieces).collect();
        Ok(response
            .body(HttpResponseBody::new(Script(pieces, answer)))
            .expect("is a response"))
    }
}

#[derive(Debug)]
struct Connector(Mutex<Option<Server>>);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let server = self.0.lock().expect("nobody panics").take();
        Ok(HttpClient::new(server.expect("one client is made")))
    }
}

struct Asked {
    result: Result<HttpResponse>,
    requests: usize,
    took: Duration,
}

/// Sends one request through a guard.
async fn ask(method: Method, ranged: bool, answers: &[Answer]) -> Asked {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server {
        answers: answers.to_vec(),
        asked: Arc::clone(&asked),
    };
    let transport = Transport {
        first_delay: Duration::from_millis(1),
        ..Transport::default()
    };
    let judge = Arc::new(|refusal: &super::Refusal| refusal.by_status());
    let guard = Guard::over(transport, judge, Arc::new(Connector(Mutex::new(Some(server)))));
    let mut request = http::Request::builder().method(method).uri("http://store/key");
    if ranged {
        request = request.header("range", "bytes=0-9");
    }
    let request = request.body(Bytes::new().into()).expect("is a request");
    let began = Instant::now();
    let result = guard.client().expect("connects").execute(request).await;
    Asked {
        result: result.map_err(|error| crate::error::nested(&error).expect("an error of ours")),
        requests: asked.load(Ordering::Relaxed),
        took: began.elapsed(),
    }
}

fn told(error: &Error) -> (ErrorKind, Retry, Effect, u32) {
    (error.kind(), error.retry(), error.effect(), error.attempts())
}

#[tokio::test(start_paused = true)]
async fn waits_as_long_as_the_server_asks() {
    for status in [429, 503] {
        let asked = ask(
            Method::PUT,
            false,
            &[Answer::Status(status, Some(4)), Answer::Status(200, None)],
        )
        .await;
        assert_eq!(asked.result.expect("it is healed").status(), StatusCode::OK);
        assert_eq!(asked.requests, 2);
        assert!(asked.took >= Duration::from_secs(4), "{status}: {:?}", asked.took);
    }
}

#[tokio::test(start_paused = true)]
async fn hands_up_a_delay_that_is_too_long() {
    let asked = ask(
        Method::PUT,
        false,
        &[Answer::Status(429, Some(6)), Answer::Status(200, None)],
    )
    .await;
    let error = asked.result.expect_err("6 s are more than the 5 s of `longest_delay`");
    let later = Retry::After(Some(Duration::from_secs(6)));
    assert_eq!(told(&error), (ErrorKind::RateLimited, later, Effect::None, 1));
    assert_eq!((asked.requests, asked.took), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_what_stalls() {
    let timeout = Transport::default().read_timeout;
    for (method, effect) in [(Method::PUT, Effect::Unknown), (Method::HEAD, Effect::None)] {
        let asked = ask(method, false, &[Answer::Nothing]).await;
        let error = asked.result.expect_err("nothing comes");
        assert_eq!(told(&error), (ErrorKind::Timeout, Retry::After(None), effect, 3));
        assert!(asked.requests == 3 && asked.took >= 3 * timeout, "{:?}", asked.took);
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_counts_when_all_of_it_has_come() {
    for (end, kind) in [
        (Answer::Breaks, ErrorKind::Unavailable),
        (Answer::Stops, ErrorKind::Timeout),
    ] {
        for (method, effect) in [(Method::GET, Effect::None), (Method::POST, Effect::Unknown)] {
            let asked = ask(method.clone(), false, &[end, Answer::Pieces(2)]).await;
            let body = asked.result.expect("it is healed").into_body().bytes().await;
            assert_eq!((asked.requests, body.expect("it is whole").len()), (2, 2 << 20));
            let error = ask(method, false, &[end])
                .await
                .result
                .expect_err("it never comes whole");
            assert_eq!(told(&error), (kind, Retry::After(None), effect, 3));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_is_a_stream() {
    for (end, kind) in [
        (Answer::Breaks, ErrorKind::Unavailable),
        (Answer::Stops, ErrorKind::Timeout),
    ] {
        let asked = ask(Method::GET, true, &[end]).await;
        assert_eq!(asked.requests, 1);
        let body = asked.result.expect("its beginning came").into_body();
        let error = body.bytes().await.expect_err("its end does not come");
        let error = crate::error::nested(&error).expect("an error of ours");
        assert_eq!(told(&error), (kind, Retry::After(None), Effect::None, 1));
    }
}

#[tokio::test]
async fn a_long_document_goes_on_as_a_stream() {
    let asked = ask(Method::GET, false, &[Answer::Pieces(20)]).await;
    let body = asked
        .result
        .expect("it comes")
        .into_body()
        .bytes()
        .await
        .expect("it is whole");
    assert!(
        body.len() == 20 << 20 && body.iter().all(|byte| *byte == 7),
        "{}",
        body.len()
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_does_not_undo_what_went_before() {
    let refused = Answer::Status(403, None);
    let error = ask(Method::PUT, false, &[Answer::Reset, refused])
        .await
        .result
        .expect_err("it is refused");
    assert_eq!(
        told(&error),
        (ErrorKind::PermissionDenied, Retry::Never, Effect::Unknown, 2)
    );
    let error = ask(Method::PUT, false, &[refused])
        .await
        .result
        .expect_err("it is refused");
    assert_eq!(
        told(&error),
        (ErrorKind::PermissionDenied, Retry::Never, Effect::None, 1)
    );
}
