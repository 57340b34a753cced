//! Everything that must hold before a change lands.

use crate::shell::{Done, cargo, command, output, root, run as execute};
use crate::{test, walls};
use std::path::Path;

/// Lines of one source file at most.
const FILE_LINES: usize = 400;

/// Crates that must build alone, with each of these feature sets.
const ALONE: &[(&str, &[&str])] = &[
    ("larder-io-core", &["--no-default-features"]),
    ("larder-io-core", &["--features", "arrow"]),
    ("larder-io-object", &["--no-default-features"]),
    ("larder-io-object", &[]),
    ("larder-io-fs", &["--no-default-features"]),
    ("larder-io-memory", &["--no-default-features"]),
    ("larder-io-s3", &["--no-default-features"]),
    ("larder-io-s3", &[]),
    ("larder-io-gcs", &["--no-default-features"]),
    ("larder-io-gcs", &[]),
    ("larder-io-adls", &["--no-default-features"]),
    ("larder-io-adls", &[]),
    ("larder-io-delta", &[]),
    ("larder-postgres", &[]),
    ("larder-io-postgres", &[]),
    ("larder-engine-datafusion", &[]),
    ("larder-engine-parse", &[]),
    ("larder-engine-postgres", &[]),
    ("larder-engine-spark", &[]),
    ("larder-partitions", &[]),
    ("larder-catalog", &[]),
    ("larder-catalog", &["--features", "postgres"]),
    ("larder-frames-polars", &[]),
    ("larder-executor", &["--no-default-features"]),
    ("larder-cli", &[]),
    ("larder-observe", &[]),
    ("larder-testkit", &[]),
    ("larder-testkit", &["--features", "postgres"]),
    ("larder", &["--no-default-features"]),
    ("larder", &["--no-default-features", "--features", "fs"]),
    ("larder", &["--no-default-features", "--features", "memory"]),
    ("larder", &["--no-default-features", "--features", "s3"]),
    ("larder", &["--no-default-features", "--features", "gcs"]),
    ("larder", &["--no-default-features", "--features", "adls"]),
    ("larder", &["--no-default-features", "--features", "delta,fs"]),
    ("larder", &["--no-default-features", "--features", "datafusion,fs"]),
    ("larder", &["--no-default-features", "--features", "polars"]),
    ("larder", &["--no-default-features", "--features", "catalog-postgres"]),
    ("larder", &["--no-default-features", "--features", "postgres"]),
    ("larder", &["--no-default-features", "--features", "engine-postgres"]),
    ("larder", &["--no-default-features", "--features", "engine-spark"]),
    (
        "larder",
        &["--no-default-features", "--features", "openlineage,prometheus,otlp"],
    ),
];

/// The command.
pub(crate) fn run() -> Done {
    cargo(&["fmt", "--all", "--check"])?;
    short_files()?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ])?;
    let docs = &[
        "doc",
        "--workspace",
        "--all-features",
        "--no-deps",
        "--exclude",
        "xtask",
    ];
    execute(command("cargo", docs).env("RUSTDOCFLAGS", "-D warnings"))?;
    licences()?;
    walls::run()?;
    for &(package, features) in ALONE {
        let mut arguments = vec!["check", "--quiet", "--package", package];
        arguments.extend(features);
        cargo(&arguments)?;
    }
    test::run()
}

fn short_files() -> Done {
    let listed = output(&mut command("git", &["ls-files", "*.rs"]))?;
    let long = |file: &&str| {
        std::fs::read_to_string(root().join(Path::new(file))).is_ok_and(|text| text.lines().count() > FILE_LINES)
    };
    let long: Vec<&str> = listed.lines().filter(long).collect();
    match long.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "files over {FILE_LINES} lines, each asking to become two: {}",
            long.join(", ")
        )),
    }
}

/// Bans, licences and sources always; advisories only where their database can be fetched.
fn licences() -> Done {
    if output(&mut command("cargo", &["deny", "--version"])).is_err() {
        cargo(&["install", "--locked", "--version", "0.20.2", "cargo-deny"])
            .map_err(|error| format!("{error}; install cargo-deny by hand"))?;
    }
    // Crates of other systems too, which no build here has needed.
    cargo(&["fetch", "--locked"])?;
    cargo(&[
        "deny",
        "--workspace",
        "--offline",
        "check",
        "bans",
        "licenses",
        "sources",
    ])?;
    match cargo(&["deny", "fetch", "db"]) {
        Ok(()) => cargo(&["deny", "--workspace", "check", "--disable-fetch", "advisories"]),
        Err(error) => {
            println!("advisories are not checked: their database cannot be fetched ({error})");
            Ok(())
        }
    }
}
