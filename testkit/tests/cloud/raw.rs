//! Requests as they stand on the wire, and answers as they come.

use larder_testkit::cloud::Cloud;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// What stands between the first pair of tags.
    pub(crate) fn tag(&self, name: &str) -> &str {
        self.tags(name).first().copied().unwrap_or_default()
    }

    pub(crate) fn tags(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        self.body
            .split(&open)
            .skip(1)
            .filter_map(|rest| rest.split(&close).next())
            .collect()
    }
}

/// Sends one request, whose path begins behind the endpoint, and reads until the connection is closed.
pub(crate) fn ask(cloud: &Cloud, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let endpoint = cloud.endpoint();
    let address = endpoint.trim_start_matches("http://");
    let (host, account) = address.split_once('/').unwrap_or((address, ""));
    let account = if account.is_empty() {
        String::new()
    } else {
        format!("/{account}")
    };
    let mut text = format!("{method} {account}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    let mut stream = TcpStream::connect(host).expect("the double listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout that is not zero");
    stream.write_all(text.as_bytes()).expect("the double reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the double answers");
    parse(&String::from_utf8_lossy(&bytes))
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let split = |line: &str| {
        line.split_once(": ")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    Answer {
        status: status.expect("a status"),
        headers: lines.filter_map(split).collect(),
        body: body.to_owned(),
    }
}

/// A request without headers or body.
pub(crate) fn get(cloud: &Cloud, path: &str) -> Answer {
    ask(cloud, "GET", path, &[], "")
}
