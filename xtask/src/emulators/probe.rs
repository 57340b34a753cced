//! Who answers on a port, and to whom.

use super::list::Emulator;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long one answer may take; an emulator that is starting may take a connection and say nothing yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is read of an answer: the four are below 4 KB.
const ANSWER_BYTES: u64 = 64 * 1024;

/// What answers at an emulator's address.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// Nothing listens.
    Nobody,
    /// It does, in its version.
    Itself,
    /// Something else, or itself before it is ready: what it said first.
    Other(String),
}

/// Asks at an emulator's address.
pub(crate) fn ask(emulator: &Emulator) -> Answer {
    let address = SocketAddr::from(([127, 0, 0, 1], emulator.port));
    let Ok(stream) = TcpStream::connect_timeout(&address, PATIENCE) else {
        return Answer::Nobody;
    };
    match said(stream, emulator) {
        Ok(answer) if answer.contains(emulator.sign) => Answer::Itself,
        Ok(answer) => Answer::Other(match answer.lines().next() {
            Some(line) => format!("it says `{}`", line.chars().take(80).collect::<String>()),
            None => "it says nothing".to_owned(),
        }),
        Err(error) => Answer::Other(format!("it does not answer: {error}")),
    }
}

fn said(mut stream: TcpStream, emulator: &Emulator) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // One piece: a server may answer and close after the first.
    let question = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
        emulator.question, emulator.port
    );
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    match stream.take(ANSWER_BYTES).read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        // A connection kept open in spite of the header has told what it had.
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

/// Whether somebody listens on the port at an address that other machines reach. Linux only; elsewhere the answer is no.
pub(crate) fn exposed(port: u16) -> bool {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .any(|table| listens_beyond_loopback(&table, port))
}

/// The same for the text of one of the kernel's tables.
fn listens_beyond_loopback(table: &str, port: u16) -> bool {
    /// The state of a socket that listens.
    const LISTENS: &str = "0A";
    let port = format!("{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next().and_then(|local| local.split_once(':'));
        let state = words.nth(1);
        // Each group of four bytes is in the machine's order, so that 127 is the last byte of its group.
        local.is_some_and(|(host, at)| {
            at == port
                && state == Some(LISTENS)
                && match host.len() {
                    8 => !host.ends_with("7F"),
                    _ => {
                        host != "00000000000000000000000001000000"
                            && !(host.starts_with("0000000000000000FFFF0000") && host.ends_with("7F"))
                    }
                }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Answer, ask, listens_beyond_loopback};
    use crate::emulators::testing::{emulator, free_port, served};

    #[test]
    fn tells_itself_from_others_and_from_nobody() {
        let port = free_port();
        assert_eq!(ask(&emulator(port)), Answer::Nobody);
        let ours = served("HTTP/1.1 200 OK\r\nServer: larder-test/1\r\n\r\n");
        assert_eq!(ask(&emulator(ours)), Answer::Itself);
        let other = served("SSH-2.0-Other\r\n");
        assert_eq!(
            ask(&emulator(other)),
            Answer::Other("it says `SSH-2.0-Other`".to_owned())
        );
    }

    #[test]
    fn sees_who_listens_for_other_machines() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let table =
            |local: &str, state: &str| format!("{head}   0: {local} 00000000:0000 {state} 00000000:00000000 00:0\n");
        assert!(listens_beyond_loopback(&table("00000000:11D6", "0A"), 4566));
        assert!(listens_beyond_loopback(&table("0200A8C0:11D6", "0A"), 4566));
        assert!(listens_beyond_loopback(
            &table("00000000000000000000000000000000:11D6", "0A"),
            4566
        ));
        assert!(!listens_beyond_loopback(&table("0100007F:11D6", "0A"), 4566));
        assert!(!listens_beyond_loopback(
            &table("00000000000000000000000001000000:11D6", "0A"),
            4566
        ));
        assert!(!listens_beyond_loopback(
            &table("0000000000000000FFFF00000100007F:11D6", "0A"),
            4566
        ));
        assert!(
            !listens_beyond_loopback(&table("00000000:11D6", "01"), 4566),
            "a connection does not listen"
        );
        assert!(
            !listens_beyond_loopback(&table("00000000:0050", "0A"), 4566),
            "another port"
        );
    }
}
