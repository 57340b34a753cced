//! AWS's chain, with an environment of its own: in another process.

use larder_io_core::{AssetKey, ErrorKind, Form, IoManager, OutputContext};
use larder_io_s3::S3Config;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::mpsc;

/// Set in the process that has the environment under test.
const CHILD: &str = "LARDER_TEST_CHILD";

/// Asks for a value at an address where nobody is, after credentials were looked for, and prints the error.
#[tokio::test]
async fn child() {
    let Ok(profile) = std::env::var(CHILD) else { return };
    let mut config = S3Config::new("bucket", "");
    config.endpoint = Some("https://127.0.0.1:1".to_owned());
    config.http.attempts = 1;
    config.profile = Some(profile).filter(|profile| !profile.is_empty());
    let manager = config.open().expect("opens");
    let context = OutputContext::new(
        AssetKey::new(["x"]).expect("is a key"),
        None,
        "x".parse().expect("is a location"),
    );
    let error = manager
        .head(&context.to_input(Form::Blob))
        .await
        .expect_err("nobody is there");
    println!("said: {:?}: {error}", error.kind());
}

/// Runs [`child`] with these variables and no others of AWS's.
fn run(profile: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().expect("a test has a file"));
    command
        .args(["--exact", "child", "--nocapture"])
        .env_clear()
        .env(CHILD, profile);
    // No metadata address, no files of whoever runs the tests.
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nowhere")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
    let Output { stdout, status, .. } = command.envs(variables.iter().copied()).output().expect("runs");
    assert!(status.success());
    String::from_utf8_lossy(&stdout).into_owned()
}

#[test]
fn a_container_is_asked_although_it_has_no_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("is bound");
    let (asked, was_asked) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = BufReader::new(stream);
            let _ = reader.read_line(&mut line);
            let _ = asked.send(line);
            let body = r#"{"AccessKeyId":"id","SecretAccessKey":"secret","Token":"token","Expiration":"2099-01-01T00:00:00Z"}"#;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = reader.get_mut().write_all(format!("{head}{body}").as_bytes());
        }
    });
    let url = format!("http://{address}/creds");
    let said = run("", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)]);
    assert!(was_asked.try_recv().is_ok_and(|line| line.contains("/creds")), "{said}");
    assert!(said.contains(&format!("said: {:?}", ErrorKind::Unavailable)), "{said}");
}

#[test]
fn a_named_profile_is_the_only_source() {
    let keys = [("AWS_ACCESS_KEY_ID", "somebody"), ("AWS_SECRET_ACCESS_KEY", "else")];
    let said = run("nosuch", &keys);
    assert!(said.contains("Unauthenticated") && said.contains("`nosuch`"), "{said}");
    let said = run("", &keys);
    assert!(said.contains(&format!("said: {:?}", ErrorKind::Unavailable)), "{said}");
}
