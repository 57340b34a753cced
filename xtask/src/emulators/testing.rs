//! Emulators of nothing, for the tests of this folder.

use super::house::House;
use super::list::{Emulator, Origin};
use crate::shell::command;
use std::io::{Read, Write};
use std::net::TcpListener;

/// A folder of its own, with the directory that removes it.
pub(crate) fn house() -> (tempfile::TempDir, House) {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let house = House::at(dir.path()).expect("is made");
    (dir, house)
}

/// An emulator that is a shell script, and that is known by a header.
pub(crate) fn emulator(port: u16) -> Emulator {
    Emulator {
        name: "test",
        title: "test 1",
        port,
        variable: "LARDER_TEST_TEST",
        account: "",
        question: "/",
        sign: "Server: larder-test/1",
        origin: Origin::Pip(&[], ""),
        program: |house, emulator| {
            let mut command = command("sh", &[]);
            command.arg(house.home(emulator).join("script"));
            Ok(command)
        },
    }
}

/// Writes what the emulator is to do.
pub(crate) fn script(house: &House, emulator: &Emulator, text: &str) {
    std::fs::create_dir_all(house.home(emulator)).expect("is made");
    std::fs::write(house.home(emulator).join("script"), text).expect("is written");
}

/// A port that nobody has.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.local_addr().expect("is bound").port()
}

/// Answers every request on some port with the same words, as long as the tests run.
pub(crate) fn served(words: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("is bound").port();
    answer(listener, words);
    port
}

/// The same on a port of one's choice.
pub(crate) fn serve(port: u16, words: &'static str) {
    serve_at("127.0.0.1", port, words);
}

/// The same at an address of one's choice.
pub(crate) fn serve_at(host: &str, port: u16, words: &'static str) {
    answer(TcpListener::bind((host, port)).expect("binds"), words);
}

fn answer(listener: TcpListener, words: &'static str) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            // The request is taken, so that closing does not reset the answer away.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(words.as_bytes());
        }
    });
}
