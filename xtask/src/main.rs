//! Commands of the larder workspace: `cargo xtask test`, `cargo xtask ci`, `cargo xtask bench`, `cargo xtask emulators`, `cargo xtask cluster`.

#[cfg(feature = "bench")]
mod bench;
mod chromium;
mod ci;
mod cluster;
mod emulators;
mod facade;
mod postgresql;
mod python;
mod shell;
mod test;
mod walls;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test        every test, the ones that need Python, emulators, PostgreSQL, a browser or a built example too; says what is missing and how to get it
  ci          formatting, lints, docs, licences, each feature alone, the walls between crates, then `test`
  bench       speed and memory beside the bare libraries and peers, as a table and a page with charts
              [steps] [tables] [head] [clouds] [--quick] [--page FILE]
  emulators   up, down, status: object stores on loopback for tests, without Docker [localstack moto azurite fake-gcs]
  cluster     up, down, status: a Spark cluster on loopback, from PyPI [--workers N] [--cores N] [--memory MIB] [--conf NAME=VALUE ..]
  python      makes the Python environment of the tests that need one, and tells its interpreter
  walls       only the walls between crates";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("test") => test::run(),
        Some("ci") => ci::run(),
        Some("walls") => walls::run(),
        Some("emulators") => emulators::run(&arguments[1..]),
        Some("cluster") => cluster::run(&arguments[1..]),
        Some("python") => python::interpreter().map(|python| println!("{}", python.display())),
        Some("bench") => bench(&arguments[1..]),
        Some("--help" | "-h" | "help") => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The benchmarks are a build of their own, in release, so that nothing else waits for it.
#[cfg(not(feature = "bench"))]
fn bench(arguments: &[String]) -> shell::Done {
    let mut all = vec![
        "run",
        "--release",
        "--package",
        "xtask",
        "--features",
        "bench",
        "--",
        "bench",
    ];
    all.extend(arguments.iter().map(String::as_str));
    shell::cargo(&all)
}

#[cfg(feature = "bench")]
fn bench(arguments: &[String]) -> shell::Done {
    bench::run(arguments)
}
