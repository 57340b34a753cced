//! Every test.

use crate::shell::{Done, cargo, command, root, run as execute, target};
use crate::{chromium, cluster, emulators, postgresql, python};
use std::path::Path;

/// Runs every test: the workspace's, those that are ignored because they need something, a stranger's backend.
pub(crate) fn run_all() -> Done {
    // What can be missing or in the way is told first.
    let (python, dagster, duckdb) = (python::interpreter()?, python::dagster()?, python::duckdb()?);
    let postgresql = postgresql::programs()?;
    let chromium = chromium::program();
    if let Err(missing) = &chromium {
        eprintln!("the page of a run is not opened in a browser; missing: {missing}");
    }
    let migration = python::migration()?;
    let java = cluster::java();
    if let Err(missing) = &java {
        eprintln!("the tests on a Spark cluster (on_spark::) are not run; missing: {missing}");
    }
    emulators::with_all(|variables| {
        // One run shows everything that fails.
        let plain = cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
        let programs = [
            Some(("LARDER_PYTHON", python.as_path())),
            Some(("LARDER_DAGSTER", dagster.as_path())),
            Some(("LARDER_DUCKDB", duckdb.as_path())),
            Some((postgresql::VARIABLE, postgresql.as_path())),
            chromium.as_deref().ok().map(|chromium| (chromium::VARIABLE, chromium)),
            migration.as_deref().map(|python| (python::MIGRATION_VARIABLE, python)),
        ];
        let further = |spark: &[(&str, String)]| {
            let variables: Vec<(&str, String)> = variables.iter().chain(spark).cloned().collect();
            ignored(&programs, &variables)
        };
        let ignored = match &java {
            // Streams that end soon: whoever takes the end of one for the end of a result is found out by every test.
            Ok(_) => cluster::with(&[(cluster::STREAMS_END, "4s")], |address, note| {
                let note = note.display().to_string();
                further(&[(cluster::ADDRESS, address.to_owned()), (cluster::NOTE, note)])
            }),
            Err(_) => further(&[]),
        };
        plain.and(ignored)
    })?;
    stranger()
}

/// Runs the tests that are ignored because they need something: all of it is there now.
fn ignored(programs: &[Option<(&str, &Path)>], variables: &[(&str, String)]) -> Done {
    let home = target().join("flights-home");
    // A fresh home each time: the readers must see what this build wrote.
    if home.exists() {
        std::fs::remove_dir_all(&home).map_err(|error| format!("cannot clear {}: {error}", home.display()))?;
    }
    execute(
        command("cargo", &["run", "--quiet", "--all-features", "--example", "flights"])
            .env("LARDER_HOME", &home)
            .env_remove("LARDER_DEFAULT_IO_MANAGER"),
    )?;
    // `--tests` leaves out the examples in docs, where `ignore` means that they are no programs.
    let mut tests = command(
        "cargo",
        &[
            "test",
            "--workspace",
            "--all-features",
            "--tests",
            "--no-fail-fast",
            "--",
            "--ignored",
        ],
    );
    let there = |variable| {
        programs.iter().flatten().any(|(name, _)| *name == variable)
            || variables.iter().any(|(name, _)| *name == variable)
    };
    for (variable, name) in [
        (chromium::VARIABLE, "the_page_in_a_browser"),
        (python::MIGRATION_VARIABLE, "old_pipelines::"),
        (cluster::ADDRESS, "on_spark::"),
    ] {
        if !there(variable) {
            tests.args(["--skip", name]);
        }
    }
    tests
        .env("LARDER_FLIGHTS_HOME", &home)
        .envs(programs.iter().flatten().copied());
    execute(tests.envs(variables.iter().map(|(name, value)| (name, value))))
}

/// Builds and tests the backend outside of the workspace, as somebody else would: with its own manifest.
fn stranger() -> Done {
    // The same versions as the workspace, so that both share one build.
    let lock = |dir: &str| root().join(dir).join("Cargo.lock");
    std::fs::copy(lock("."), lock("examples/own-backend"))
        .map_err(|error| format!("cannot copy Cargo.lock: {error}"))?;
    let manifest = root().join("examples/own-backend/Cargo.toml").display().to_string();
    execute(command("cargo", &["test", "--manifest-path", &manifest]).env("CARGO_TARGET_DIR", target()))
}

/// The command.
pub(crate) fn run() -> Done {
    missing()?;
    run_all()
}

/// Says what is missing before an hour has gone by.
fn missing() -> Done {
    let needed = [
        (
            "python3",
            "--version",
            "Python 3.10 or later with venv: your system's packages python3 and python3-venv",
        ),
        (
            "npm",
            "--version",
            "Node.js 20 or later with npm, for an emulator: your system's packages nodejs and npm",
        ),
        ("cc", "--version", "a C compiler for zstd: your system's package gcc"),
    ];
    let missing: Vec<String> = needed
        .iter()
        .filter(|(program, flag, _)| {
            !std::process::Command::new(program)
                .arg(flag)
                .output()
                .is_ok_and(|out| out.status.success())
        })
        .map(|(program, _, how)| format!("\n  {program}: {how}"))
        .collect();
    let server = postgresql::programs().err().map(|how| format!("\n  {how}"));
    let protoc = cluster::protoc().err().map(|how| format!("\n  {how}"));
    let missing: Vec<String> = missing.into_iter().chain(server).chain(protoc).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("these are missing:{}", missing.concat())),
    }
}
