//! The example of the warehouse on a PostgreSQL server and in a Spark cluster: another profile, the same tables.

use larder_testkit::postgresql::Server;
use std::path::Path;
use std::process::Command;

/// What is made, but for the partitions.
const TABLES: [&str; 6] = [
    "raw/nation",
    "raw/customer",
    "raw/orders",
    "customers/aggregates",
    "customers/segments",
    "reports/segments",
];

/// Runs the example, which has to succeed, and gives what it says.
fn said(home: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let done = Command::new(larder_integration_tests::example("warehouse"))
        .args(arguments)
        .current_dir(&root)
        .env("LARDER_CONFIG", root.join("examples/warehouse/larder.toml"))
        .env("LARDER_HOME", home)
        .envs(variables.iter().copied())
        .env_remove("LARDER_DEFAULT_IO_MANAGER")
        .output()
        .expect("runs");
    let (out, error) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(done.status.success(), "{arguments:?}: {out}{error}");
    out.into_owned()
}

/// Makes everything here and by a profile, and compares.
fn the_same_tables(here: &Path, there: &Path, variables: &[(&str, &str)], profile: &str) {
    let local = |arguments: &[&str]| said(here, variables, arguments);
    let remote = |arguments: &[&str]| said(there, variables, &[&["--profile", profile], arguments].concat());
    local(&["--quiet"]);
    remote(&["--quiet"]);
    let rows = |said: &str| -> serde_json::Value {
        let document: serde_json::Value = serde_json::from_str(said).expect("is JSON");
        document["rows"].clone()
    };
    for table in TABLES {
        let show = ["show", table, "--json", "--head", "100000"];
        let (expected, found) = (rows(&local(&show)), rows(&remote(&show)));
        assert!(expected.as_array().is_some_and(|rows| rows.len() > 3), "{table}");
        // No `assert_eq`: it would show all of both.
        assert!(found == expected, "{table} differs");
    }
    let months =
        "select ship_mode, lines, revenue, date as month from reports.monthly_revenue order by month, ship_mode";
    let show = ["show", "--sql", months, "--json", "--head", "1000"];
    let (expected, found) = (rows(&local(&show)), rows(&remote(&show)));
    assert_eq!(found, expected);
    assert_eq!(found.as_array().map(Vec::len), Some(12 * 7));
}

#[test]
#[ignore = "needs PostgreSQL's programs and the built example: cargo xtask test"]
fn the_profile_for_postgresql_makes_the_same_tables() {
    let server = Server::with_password();
    let url = server.url();
    let (here, there) = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let variables = [("WAREHOUSE_URL", url.as_str())];
    the_same_tables(here.path(), there.path(), &variables, "postgres");
    // Rows of the raw tables came in, and everything else was made there.
    let made = server.number(
        "SELECT count(*) FROM assets.larder_values WHERE state = 'published' AND receipt ->> 'content_hash' IS NULL",
    );
    assert_eq!(made, 12 + 3);
    let explain = ["--profile", "postgres", "explain", "customers/segments", "--query-plan"];
    let plan = said(there.path(), &variables, &explain);
    assert!(plan.contains("Seq Scan on assets.larder_data_"), "{plan}");
    // Others read them by their names.
    assert_eq!(server.number("SELECT count(*) FROM assets.reports__segments"), 4);
}

#[cfg(feature = "spark")]
mod on_spark {
    use super::*;

    #[test]
    #[ignore = "needs a Spark cluster and the built example: cargo xtask test"]
    fn the_profile_for_spark_makes_the_same_tables() {
        let server =
            std::env::var("LARDER_TEST_SPARK").expect("LARDER_TEST_SPARK names a server: cargo xtask cluster up");
        let (here, there) = (
            tempfile::tempdir().expect("a directory"),
            tempfile::tempdir().expect("a directory"),
        );
        let lake = there.path().join("lake").display().to_string();
        let variables = [("SPARK_URL", server.as_str()), ("WAREHOUSE_LAKE", lake.as_str())];
        the_same_tables(here.path(), there.path(), &variables, "spark");
        let explain = ["--profile", "spark", "explain", "customers/segments", "--query-plan"];
        let plan = said(there.path(), &variables, &explain);
        assert!(plan.contains("Scan parquet"), "{plan}");
    }
}
