//! The example of the warehouse on a PostgreSQL server: another profile, the same tables.

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
fn said(home: &Path, url: &str, arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let done = Command::new(larder_integration_tests::example("warehouse"))
        .args(arguments)
        .current_dir(&root)
        .env("LARDER_CONFIG", root.join("examples/warehouse/larder.toml"))
        .env("LARDER_HOME", home)
        .env("WAREHOUSE_URL", url)
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

#[test]
#[ignore = "needs PostgreSQL's programs and the built example: cargo xtask test"]
fn the_profile_for_postgresql_makes_the_same_tables() {
    let server = Server::with_password();
    let url = server.url();
    let (here, there) = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let profile = ["--profile", "postgres"];
    let local = |arguments: &[&str]| said(here.path(), &url, arguments);
    let remote = |arguments: &[&str]| said(there.path(), &url, &[&profile, arguments].concat());
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
    // Rows of the raw tables came in, and everything else was made there.
    let made = server.number(
        "SELECT count(*) FROM assets.larder_values WHERE state = 'published' AND receipt ->> 'content_hash' IS NULL",
    );
    assert_eq!(made, 12 + 3);
    let plan = remote(&["explain", "customers/segments", "--query-plan"]);
    assert!(plan.contains("Seq Scan on assets.larder_data_"), "{plan}");
    // Others read them by their names.
    assert_eq!(server.number("SELECT count(*) FROM assets.reports__segments"), 4);
}
