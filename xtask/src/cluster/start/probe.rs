//! Looking at processes and ports, and ending processes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Asks a process to end, or ends it.
pub(crate) fn signal(name: &str, pid: u32) {
    // An error means that it is gone already.
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// The processes that a process started.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    // Of all threads: the one that starts executors is not the first.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let all = tasks
        .map(|task| task.path().join("children"))
        .chain([PathBuf::from(path)]);
    let mut found: Vec<u32> = all
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A port of this machine that nobody has.
pub(super) fn free() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no port is free: {error}"))
}

fn dial(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    Some(stream)
}

/// Whether somebody answers HTTP/2 there, which gRPC is spoken over: the first frame is the server's settings.
pub(crate) fn speaks(port: u16) -> bool {
    let Some(mut stream) = dial(port) else { return false };
    let mut frame = [0_u8; 9];
    let asked = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    asked.is_ok() && stream.read_exact(&mut frame).is_ok() && frame[3] == 4
}

/// What a page of the web says, with its head.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = dial(port)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut told = Vec::new();
    stream.read_to_end(&mut told).ok()?;
    Some(String::from_utf8_lossy(&told).into_owned())
}
