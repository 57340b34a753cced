//! What commits tell of themselves.

mod common;

use common::{Lake, in_run, ints, partition, table};

/// Who made a commit stands in it, for whoever reads the log.
#[tokio::test(flavor = "multi_thread")]
async fn commits_say_who_made_them() {
    let lake = Lake::new(|_| {});
    let mut ctx = in_run(partition("t", &[("date", "2024-01-01")]), "nightly");
    ctx.code_version = Some("v7".to_owned());
    lake.store(&ctx, table(vec![("n", ints([1]))])).await.expect("stores");
    let log = lake.dir.path().join("t.delta/_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(log).expect("is there");
    let actions = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("is JSON"));
    let info = actions
        .map(|action| action["commitInfo"].clone())
        .find(|info| !info.is_null());
    let told = &info.expect("has one")["larder"];
    for (name, expected) in [
        ("run", "nightly"),
        ("asset", "t"),
        ("partition", "date=2024-01-01"),
        ("codeVersion", "v7"),
        ("mode", "overwrite"),
    ] {
        assert_eq!(told[name], expected, "{told}");
    }
}
