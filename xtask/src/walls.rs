//! The walls between crates, proved by `cargo tree`.

use crate::facade;
use crate::shell::{Done, command, output};

/// A build, and what must not be in it.
struct Wall {
    arguments: &'static [&'static str],
    forbidden: &'static [&'static str],
}

const WALLS: &[Wall] = &[
    Wall {
        arguments: &["--package", "larder-io-core", "--no-default-features"],
        forbidden: &[
            "tokio",
            "object_store",
            "reqwest",
            "arrow-array",
            "arrow-schema",
            "parquet",
        ],
    },
    Wall {
        arguments: &["--package", "larder-io-core", "--all-features"],
        forbidden: &["tokio", "object_store", "reqwest", "parquet", "arrow-ipc", "arrow-csv"],
    },
    Wall {
        arguments: &["--package", "larder-catalog"],
        forbidden: &["tokio", "postgres", "larder-postgres", "rustls"],
    },
    Wall {
        arguments: &["--package", "larder-catalog", "--all-features"],
        forbidden: &[
            "object_store",
            "reqwest",
            "arrow-array",
            "larder-executor",
            "larder-io-object",
            "larder-io-fs",
            "larder-io-postgres",
        ],
    },
    Wall {
        arguments: &["--package", "larder-partitions", "--all-features"],
        forbidden: &[
            "tokio",
            "object_store",
            "reqwest",
            "arrow-array",
            "arrow-schema",
            "parquet",
            "larder-executor",
        ],
    },
    Wall {
        arguments: &["--package", "larder-io-memory"],
        forbidden: &["tokio", "object_store", "parquet", "larder-io-object", "larder-io-fs"],
    },
    Wall {
        arguments: &["--package", "larder-io-object"],
        forbidden: &["larder-executor", "larder-io-fs", "larder-io-memory", "reqwest"],
    },
    Wall {
        arguments: &["--package", "larder-io-fs"],
        forbidden: &["larder-executor", "larder-io-memory", "reqwest", "hyper"],
    },
    Wall {
        arguments: &["--package", "larder-io-s3", "--all-features"],
        forbidden: &[
            "larder-executor",
            "larder-io-fs",
            "larder-io-gcs",
            "larder-io-adls",
            "google-cloud-auth",
            "azure_core",
            "azure_identity",
        ],
    },
    Wall {
        arguments: &["--package", "larder-io-gcs", "--all-features"],
        forbidden: &[
            "larder-executor",
            "larder-io-fs",
            "larder-io-s3",
            "larder-io-adls",
            "aws-config",
            "aws-sdk-s3",
            "azure_core",
            "azure_identity",
        ],
    },
    Wall {
        arguments: &["--package", "larder-io-adls", "--all-features"],
        forbidden: &[
            "larder-executor",
            "larder-io-fs",
            "larder-io-s3",
            "larder-io-gcs",
            "aws-config",
            "aws-sdk-s3",
            "google-cloud-auth",
        ],
    },
    Wall {
        arguments: &["--package", "larder-io-delta", "--all-features"],
        forbidden: &[
            "larder-executor",
            "larder-io-fs",
            "larder-io-s3",
            "larder-io-gcs",
            "larder-io-adls",
            "datafusion",
        ],
    },
    Wall {
        arguments: &["--package", "larder-postgres", "--all-features"],
        forbidden: &[
            "larder-catalog",
            "larder-executor",
            "larder-io-object",
            "larder-io-postgres",
            "arrow-array",
            "aws-lc-rs",
            "object_store",
            "postgres",
            "reqwest",
        ],
    },
    Wall {
        arguments: &["--package", "larder-io-postgres", "--all-features"],
        forbidden: &[
            "larder-executor",
            "larder-catalog",
            "larder-io-object",
            "larder-io-fs",
            "larder-io-memory",
            "object_store",
            "parquet",
            "postgres",
            "reqwest",
            "aws-lc-rs",
        ],
    },
    Wall {
        arguments: &["--package", "larder-frames-polars", "--all-features"],
        forbidden: &[
            "larder-executor",
            "larder-io-object",
            "larder-io-fs",
            "larder-io-memory",
            "object_store",
            "parquet",
            "polars-io",
            "polars-lazy",
            "polars-ops",
        ],
    },
    // What is on without being asked for has no Polars, no PostgreSQL and no observers.
    Wall {
        arguments: &["--package", "larder"],
        forbidden: &[
            "larder-frames-polars",
            "polars-core",
            "polars-arrow",
            "postgres",
            "larder-postgres",
            "tokio-postgres",
            "larder-observe",
        ],
    },
    Wall {
        arguments: &["--package", "larder-executor", "--all-features"],
        forbidden: &[
            "datafusion",
            "sqlparser",
            "larder-engine-parse",
            "object_store",
            "parquet",
            "larder-io-object",
            "larder-io-fs",
            "larder-io-memory",
            "larder-cli",
        ],
    },
    // Observers know what a run tells, and nobody who stores.
    Wall {
        arguments: &["--package", "larder-observe", "--no-default-features"],
        forbidden: &[
            "arrow-schema",
            "metrics",
            "object_store",
            "opentelemetry",
            "ureq",
            "url",
        ],
    },
    Wall {
        arguments: &["--package", "larder-observe", "--all-features"],
        forbidden: &[
            "aws-lc-rs",
            "hyper",
            "larder-cli",
            "larder-io-fs",
            "larder-io-memory",
            "larder-io-object",
            "object_store",
            "parquet",
            "reqwest",
            "tonic",
        ],
    },
    Wall {
        arguments: &["--package", "larder-engine-datafusion", "--all-features"],
        forbidden: &[
            "larder-executor",
            "larder-io-object",
            "larder-io-fs",
            "larder-io-delta",
            "reqwest",
        ],
    },
    Wall {
        arguments: &["--package", "larder-engine-spark", "--all-features"],
        forbidden: &[
            "apache-spark-connect",
            "aws-lc-rs",
            "datafusion",
            "larder-executor",
            "larder-io-object",
            "larder-io-fs",
            "larder-io-delta",
            "object_store",
            "reqwest",
        ],
    },
    Wall {
        arguments: &["--package", "larder-engine-postgres", "--all-features"],
        forbidden: &[
            "larder-executor",
            "larder-catalog",
            "larder-engine-datafusion",
            "larder-io-object",
            "larder-io-fs",
            "datafusion",
            "object_store",
            "parquet",
            "reqwest",
        ],
    },
    Wall {
        arguments: &["--package", "larder-cli"],
        forbidden: &["object_store", "parquet", "larder-io-fs", "larder-io-memory", "reqwest"],
    },
];

/// Checks every wall.
pub(crate) fn run() -> Done {
    let mut broken = Vec::new();
    for wall in WALLS {
        check(wall.arguments, wall.forbidden, &mut broken)?;
    }
    for (feature, forbidden) in facade::FACADE {
        check(
            &["--package", "larder", "--no-default-features", "--features", feature],
            forbidden,
            &mut broken,
        )?;
    }
    match broken.is_empty() {
        true => {
            println!("{} walls stand", WALLS.len() + facade::FACADE.len());
            Ok(())
        }
        false => Err(format!("walls are broken:\n  {}", broken.join("\n  "))),
    }
}

fn check(arguments: &[&str], forbidden: &[&str], broken: &mut Vec<String>) -> Done {
    let mut all = vec!["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    all.extend(arguments);
    let tree = output(&mut command("cargo", &all))?;
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let found = forbidden.iter().filter(|name| names.contains(name));
    broken.extend(found.map(|name| format!("`cargo tree {}` holds {name}", arguments.join(" "))));
    Ok(())
}
