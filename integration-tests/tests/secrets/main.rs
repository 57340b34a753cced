//! No secret is shown (law 15): not in settings, managers, receipts and errors with all their causes, nor in what any library below
//! traces or logs at its finest level, however requests fail.
//!
//! Everything is one program's, so that what is traced is seen by one subscriber.

mod azure;
mod gcs;
mod s3;
mod search;
mod watch;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use larder::{AssetValue, Blob, Form, IoManager, Location, Receipt};
use larder_integration_tests::{bytes_of, context};
use larder_io_core::{Backend, Error, GcOptions, ManagerUrl};
use larder_testkit::cloud::{Cloud, Fault, When};
use search::Secrets;
use std::fmt::{Debug, Write};
use std::sync::Arc;

/// Bytes of a value that is an upload.
const LARGE: usize = 9 << 20;

/// What a person may see.
#[derive(Default)]
struct Shown(String);

impl Shown {
    fn debug(&mut self, what: &impl Debug) {
        let _ = writeln!(self.0, "{what:?}\n{what:#?}");
    }

    fn error(&mut self, error: &Error) {
        self.debug(error);
        let _ = writeln!(self.0, "{error} {:?}", error.causes());
        let mut next = std::error::Error::source(error);
        while let Some(cause) = next {
            let _ = writeln!(self.0, "{cause}\n{cause:?}\n{cause:#?}");
            next = cause.source();
        }
    }

    fn result<T: Debug>(&mut self, result: Result<T, Error>) {
        match result {
            Ok(value) => self.debug(&value),
            Err(error) => self.error(&error),
        }
    }

    fn receipt(&mut self, result: Result<Receipt, Error>) {
        if let Ok(receipt) = &result {
            self.0 += &serde_json::to_string(receipt).expect("is JSON");
        }
        self.result(result);
    }

    /// Uses a manager in every way. Whether that goes well is not asked here.
    async fn exercise(&mut self, manager: &dyn IoManager) {
        self.debug(&manager);
        self.debug(manager.info());
        let (output, input) = (context("a/b"), context("a/b").to_input(Form::Blob));
        for size in [10, LARGE] {
            let value = Blob::from(bytes_of(1, size)).into_value();
            self.receipt(manager.handle_output(&output, &value).await);
            let loaded = async { Vec::<u8>::from_value(manager.load_input(&input).await?).await };
            self.result(loaded.await.map(|bytes| bytes.len()));
        }
        self.result(manager.head(&input).await);
        let listed: Result<Vec<Location>, Error> = manager.list(None).try_collect().await;
        self.result(listed);
        if let Some(versions) = manager.versions() {
            let history = versions.history(&input).await;
            if let Some(oldest) = history.as_ref().ok().and_then(|history| history.last()) {
                self.receipt(versions.restore(&input, &oldest.version).await);
            }
            self.result(history);
        }
        if let Some(maintenance) = manager.maintenance() {
            self.result(maintenance.survey().await);
            self.result(maintenance.gc(&GcOptions::default()).await);
        }
        self.result(manager.delete(&input).await);
    }

    /// A mistake in the settings is refused with words, when the manager is opened or used.
    async fn refused(&mut self, backend: &Arc<dyn Backend>, url: &ManagerUrl) {
        let input = context("a").to_input(Form::Blob);
        let used = async { backend.open(url)?.head(&input).await };
        let refused = used.await.map(drop).expect_err("is wrong");
        self.debug(url);
        let _ = writeln!(self.0, "{url}");
        self.error(&refused);
    }
}

/// Uses a manager of a double that fails in every way, one after the other.
async fn every_fault(shown: &mut Shown, cloud: &Cloud, manager: &dyn IoManager) {
    shown.exercise(manager).await;
    let statuses = [400, 401, 403, 404, 407, 409, 412, 416, 429, 500, 503].map(Fault::status);
    let others = [
        Fault::ExpiredToken,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::TruncatedBody,
        Fault::WrongLength,
        Fault::WrongEtag,
    ];
    for fault in statuses.into_iter().chain(others) {
        cloud.fail(When::any().always(), fault);
        shown.exercise(manager).await;
        cloud.heal();
    }
}

/// Settings for requests that fail soon.
fn soon(url: ManagerUrl) -> ManagerUrl {
    url.with_setting("http.attempts", "2")
        .with_setting("http.first_delay", "1ms")
        .with_setting("http.longest_delay", "2ms")
        .with_variables(std::collections::BTreeMap::new())
}

/// A server that answers every request with a status and the whole head of the request, as AWS does with signatures that it does not
/// accept, and proxies that are being debugged.
async fn echo(status: u16) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("is bound"));
    let answer = move |request: Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        body.collect().await?;
        let head = format!("{} {}\n{:?}", head.method, head.uri, head.headers);
        let said = format!("<Code>Refused</Code><Message>no</Message><CanonicalRequest>{head}</CanonicalRequest>");
        let mut answer = Response::new(Full::new(Bytes::from(format!("<Error>{said}</Error>"))));
        *answer.status_mut() = status.try_into().expect("is a status");
        answer.headers_mut().insert("etag", HeaderValue::from_static("\"1\""));
        Ok::<_, hyper::Error>(answer)
    };
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer));
            // A client that goes away is none of the server's business.
            tokio::spawn(async move { drop(served.await) });
        }
    });
    endpoint
}

/// Uses managers whose server shows them what they sent, and managers whose server is not there.
async fn echoes_and_nobody(shown: &mut Shown, backend: &Arc<dyn Backend>, url: impl Fn(&str) -> ManagerUrl) {
    let mut endpoints = vec!["http://127.0.0.1:1".to_owned()];
    for status in [200, 400, 401, 403, 404, 409, 412, 416, 500] {
        endpoints.push(echo(status).await);
    }
    for endpoint in endpoints {
        let manager = backend.open(&url(&endpoint)).expect("opens");
        shown.exercise(manager.as_ref()).await;
    }
}

/// Nothing that was shown, traced or logged holds a secret in any form.
fn nowhere(secrets: &Secrets, shown: &Shown) {
    secrets.not_in("what was shown", &shown.0);
    secrets.not_in("what was traced", &watch::everything());
}

/// A backend, and the URL of a manager of it at an endpoint.
type Way = (Arc<dyn Backend>, fn(&str) -> ManagerUrl);

#[tokio::test]
async fn the_password_of_a_proxy() {
    watch::begin();
    let password = "Distinct-passw0rd-of-the-proxy";
    let secrets = Secrets::default().with("the password", password);
    let ways: [Way; 3] = [
        (larder_io_s3::backend(), s3::url),
        (larder_io_gcs::backend(), gcs::token),
        (larder_io_adls::backend(), azure::sas),
    ];
    for (backend, url) in ways {
        let mut shown = Shown::default();
        let behind = |proxy: String| url("http://nowhere.invalid").with_setting("http.proxy", proxy);
        // A proxy that is not there, and texts that are no proxy.
        let manager = backend
            .open(&behind(format!("http://user:{password}@127.0.0.1:1")))
            .expect("opens");
        shown.exercise(manager.as_ref()).await;
        for wrong in [
            format!("user:{password}@ proxy"),
            format!("http://user:{password}@ proxy"),
            format!("ftp://user:{password}@proxy"),
        ] {
            shown.refused(&backend, &behind(wrong)).await;
        }
        nowhere(&secrets, &shown);
    }
}
