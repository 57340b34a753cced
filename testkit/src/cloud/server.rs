//! The HTTP server: receives a request, asks the script, answers.

use super::Dialect;
use super::call::Call;
use super::chunked::Chunked;
use super::connection::Connection;
use super::content::{Content, short};
use super::error::{Reason, refuse};
use super::fault::{Fault, Operation, Script};
use super::record::Request;
use super::reply::Reply;
use super::state::State;
use super::{azure, gcs, s3};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// What the server's thread and the test share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) script: Mutex<Script>,
    pub(super) requests: Mutex<Vec<Request>>,
    pub(super) latency: Mutex<Duration>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Accepts connections until it is dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // Small answers would wait for the acknowledgement of the ones before.
        let _ = stream.set_nodelay(true);
        let reset = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Connection {
            stream,
            reset: Arc::clone(&reset),
        });
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let (shared, reset) = (Arc::clone(&shared), Arc::clone(&reset));
                async move {
                    let answer = answer(&shared, request).await;
                    if answer.is_err() {
                        reset.store(true, Ordering::Relaxed);
                    }
                    answer
                }
            });
            // An error is a fault on purpose or a client that went away.
            let _ = http1::Builder::new().serve_connection(io, service).await;
        });
    }
}

/// Reads a body, and drops what is longer than the double keeps.
async fn receive(call: &mut Call, mut incoming: Incoming, keep: u64) -> Result<(), hyper::Error> {
    let streamed = call
        .header("x-amz-content-sha256")
        .is_some_and(|text| text.starts_with("STREAMING-"));
    let mut chunked = streamed.then(Chunked::default);
    let mut hasher = blake3::Hasher::new();
    let mut content = Content::default();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let parts = match &mut chunked {
            Some(chunked) => chunked.feed(data),
            None => vec![data],
        };
        for part in parts {
            hasher.update(&part);
            content.push(part);
            if content.len() > keep {
                content.discard();
            }
        }
    }
    (call.body, call.digest) = (content, short(&hasher));
    Ok(())
}

async fn answer(shared: &Shared, request: http::Request<Incoming>) -> io::Result<http::Response<Body>> {
    let (parts, incoming) = request.into_parts();
    let (dialect, keep) = {
        let state = lock(&shared.state);
        (state.dialect, state.options.keep)
    };
    let mut call = Call::new(&parts);
    match dialect {
        Dialect::S3 => s3::route(&mut call),
        Dialect::Gcs => gcs::route(&mut call),
        Dialect::Azure => azure::route(&mut call),
    }
    let stored = matches!(call.operation, Operation::Put | Operation::Part);
    receive(&mut call, incoming, if stored { keep } else { u64::MAX })
        .await
        .map_err(io::Error::other)?;
    call.keys = match (dialect, call.operation) {
        (Dialect::S3, Operation::Delete) => s3::deleted(&call),
        (Dialect::Azure, Operation::Delete) => azure::deleted(&call),
        (_, Operation::List) => vec![call.query("prefix").unwrap_or_default().to_owned()],
        _ => vec![call.key.clone()],
    };
    let mut record = Request::new(&call);
    let fault = lock(&shared.script).next(&record);
    record.fault.clone_from(&fault);
    lock(&shared.requests).push(record);
    let latency = *lock(&shared.latency);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let reply = match &fault {
        Some(fault) if !fault.applied() => None,
        _ => Some(carry_out(&mut lock(&shared.state), &call)),
    };
    spoil(dialect, &call, fault, reply).await
}

fn carry_out(state: &mut State, call: &Call) -> Reply {
    let answer = authenticate(state, call).and_then(|()| match state.dialect {
        Dialect::S3 => s3::answer(state, call),
        Dialect::Gcs => gcs::answer(state, call),
        Dialect::Azure => azure::answer(state, call),
    });
    let reply = answer.unwrap_or_else(|reason| refuse(state.dialect, call, &reason));
    match state.dialect {
        Dialect::S3 => reply.header("x-amz-request-id", "double"),
        Dialect::Gcs => reply.header("x-guploader-uploadid", "double"),
        Dialect::Azure => reply
            .header("x-ms-request-id", "double")
            .header("x-ms-version", "2024-11-04"),
    }
}

/// Compares names of credentials and the region of a signature; signatures themselves are not checked.
fn authenticate(state: &State, call: &Call) -> Result<(), Reason> {
    let sent = call
        .header("authorization")
        .or_else(|| call.query("X-Amz-Credential"))
        .unwrap_or_default();
    if let Some(wanted) = &state.options.credential {
        let mut words = sent.split(|c: char| c.is_whitespace() || "/:=,".contains(c));
        if !words.any(|word| word == wanted) {
            return Err(Reason::Unauthenticated);
        }
    }
    let signed = sent
        .split("Credential=")
        .last()
        .and_then(|scope| scope.split('/').nth(2));
    match (&state.options.region, signed) {
        (Some(region), Some(signed)) if state.dialect == Dialect::S3 && region != signed => {
            Err(Reason::WrongRegion(region.clone()))
        }
        _ => Ok(()),
    }
}

async fn spoil(
    dialect: Dialect,
    call: &Call,
    fault: Option<Fault>,
    reply: Option<Reply>,
) -> io::Result<http::Response<Body>> {
    let mut reply = reply.unwrap_or_else(|| refuse(dialect, call, &Reason::Expired));
    let mut end = End::Whole;
    match fault {
        None | Some(Fault::ExpiredToken) => {}
        Some(Fault::Status {
            code,
            vendor,
            retry_after,
            ..
        }) => {
            reply = refuse(dialect, call, &Reason::Status(code, vendor));
            let seconds = retry_after.map(|delay| delay.as_millis().div_ceil(1000));
            reply = reply.header_if("retry-after", seconds);
        }
        Some(Fault::ResetBefore | Fault::ResetAfter) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Stall | Fault::StallAfter) => std::future::pending().await,
        Some(Fault::Latency(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::StallBody) => end = End::Stalls,
        Some(Fault::TruncatedBody) => end = End::Breaks,
        Some(Fault::WrongLength) => reply.body = reply.body.slice(0..reply.body.len() / 2),
        Some(Fault::WrongEtag) => reply.spoil_etag(),
    }
    Ok(response(reply, call.method == Method::HEAD, end))
}

/// How a body ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Breaks,
    Stalls,
}

fn response(reply: Reply, head: bool, end: End) -> http::Response<Body> {
    let mut length = reply.body.len();
    let sent = match end {
        End::Whole => reply.body,
        _ => reply.body.slice(0..length / 2),
    };
    if end != End::Whole && length == 0 {
        length = 64;
    }
    let frames = stream::iter(sent.frames().map(|bytes| Ok(Frame::data(bytes))));
    let tail = stream::once(async move {
        if end == End::Stalls {
            std::future::pending::<()>().await;
        }
        // What was written before is sent first.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Err(io::ErrorKind::UnexpectedEof.into())
    });
    let tail = stream::iter((end != End::Whole).then_some(tail)).flatten();
    let body = match head {
        true => http_body_util::Empty::new()
            .map_err(|never| match never {})
            .boxed_unsync(),
        false => BodyExt::boxed_unsync(StreamBody::new(frames.chain(tail))),
    };
    let mut response = http::Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = reply.headers;
    if reply.status != 204 && reply.status != 304 && !response.headers().contains_key("content-length") {
        response
            .headers_mut()
            .insert("content-length", HeaderValue::from(length));
    }
    response
}
