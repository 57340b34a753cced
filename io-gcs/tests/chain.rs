//! Credentials that Google's own library turns into tokens, and where those go.

mod support;

use larder_io_core::{ErrorKind, Form, IoManager, Secret};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use support::{PART, blob, cloud, config, open, output};

type Answer = (&'static str, &'static str);

const TOKEN: Answer = (
    "200 OK",
    r#"{"access_token":"from-the-chain","expires_in":3600,"token_type":"Bearer"}"#,
);

/// A server that gives one answer, which may be changed, to every request for a token; its address and how often it was asked.
fn tokens(answer: Answer) -> (String, Arc<Mutex<Answer>>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}/token", listener.local_addr().expect("is bound"));
    let (answer, asked) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicUsize::new(0)));
    let (told, counter) = (Arc::clone(&answer), Arc::clone(&asked));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !whole(&request) {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            counter.fetch_add(1, Ordering::Relaxed);
            let (status, body) = *told.lock().expect("is whole");
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    (address, answer, asked)
}

/// Whether head and body are there.
fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

fn user(token_uri: &str) -> Secret {
    Secret::new(format!(
        r#"{{"type":"authorized_user","client_id":"id","client_secret":"secret-of-the-client","refresh_token":"secret-to-refresh","token_uri":"{token_uri}"}}"#
    ))
}

#[tokio::test]
#[cfg(feature = "sdk")]
async fn a_users_token_is_asked_for_once_and_sent_with_every_request() {
    let (address, _, asked) = tokens(TOKEN);
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.access_token = None;
    config.service_account = Some(user(&address));
    let manager = open(config);
    for (at, bytes) in [("small", 10), ("large", PART + 1)] {
        manager
            .handle_output(&output(at), &blob(1, bytes))
            .await
            .expect("is stored");
    }
    assert!(
        manager
            .head(&output("small").to_input(Form::Blob))
            .await
            .expect("can tell")
            .is_some()
    );
    for request in cloud.requests() {
        assert_eq!(
            request.header("authorization"),
            Some("Bearer from-the-chain"),
            "{request:?}"
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
#[cfg(feature = "sdk")]
async fn a_refused_user_is_told_what_to_do_and_asked_for_again() {
    let (address, answer, _) = tokens(("400 Bad Request", r#"{"error":"invalid_grant"}"#));
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.access_token = None;
    config.service_account = Some(user(&address));
    let manager = open(config.clone());
    let error = manager
        .handle_output(&output("a"), &blob(1, 10))
        .await
        .expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert!(
        error.message().contains("gcloud auth application-default login"),
        "{error}"
    );
    let shown = format!("{error} {error:?} {manager:?} {config:?}");
    assert!(
        !shown.contains("secret-of-the-client") && !shown.contains("secret-to-refresh"),
        "{shown}"
    );
    assert!(cloud.requests().is_empty());
    *answer.lock().expect("is whole") = TOKEN;
    manager
        .handle_output(&output("a"), &blob(1, 10))
        .await
        .expect("is accepted now");
}

#[tokio::test]
#[cfg(not(feature = "sdk"))]
async fn other_credentials_need_the_library() {
    let (address, _, asked) = tokens(TOKEN);
    let cloud = cloud(false).await;
    let mut config = config(&cloud);
    config.access_token = None;
    config.service_account = Some(user(&address));
    let error = config.open().map(drop).expect_err("needs the library");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:?}");
    assert!(error.message().contains("feature `sdk`"), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
