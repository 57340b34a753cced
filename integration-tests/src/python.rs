//! Programs in Python with the libraries that `cargo xtask test` installs.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What every program ends with. Threads of a library may still run, and taking the interpreter down under them sometimes
/// aborts it ("terminate called without an active exception"), after everything was done.
const END: &str = "\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n";

/// Runs a program with arguments and an input; gives what it printed.
///
/// # Panics
/// When it fails, with what it said.
pub fn python<A: AsRef<OsStr>>(code: &str, arguments: &[A], input: &str) -> String {
    let mut command = interpreter("LARDER_PYTHON");
    command.args(["-c", &format!("{code}{END}")]).args(arguments);
    ended(command, input)
}

/// Runs a program in a file with the interpreter that a variable names, as [`python`] does.
///
/// # Panics
/// When it fails, with what it said; when the variable is not set.
pub fn python_file(variable: &str, file: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = interpreter(variable);
    command.arg(file).args(arguments);
    ended(command, input)
}

fn interpreter(variable: &str) -> Command {
    let python = std::env::var(variable);
    Command::new(python.unwrap_or_else(|_| panic!("{variable} is set to an interpreter with the libraries")))
}

fn ended(mut command: Command, input: &str) -> String {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("Python runs");
    let mut stdin = child.stdin.take().expect("is piped");
    // A program that ended early tells why below.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let ran = child.wait_with_output().expect("Python ends");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("is text").trim().to_owned()
}
