//! What the configuration says of the engine. No server is needed.

use larder_executor::{Asset, Definitions};
use larder_io_core::ErrorKind;

fn refusal(config: &str) -> String {
    let asked = Definitions::new()
        .backend(larder_io_postgres::backend())
        .engine_backend(larder_engine_postgres::backend())
        .variables([])
        .asset(Asset::builder("q").sql("select 1 as x"))
        .config_text(config);
    asked.build().map(drop).expect_err(config).to_string()
}

#[test]
fn settings_of_a_manager_mean_nothing_to_an_engine() {
    for (setting, said) in [
        ("retry = { attempts = 2 }", "retry"),
        ("timeout = '1m'", "timeout"),
        ("timeout = { base = '1m' }", "timeout"),
        ("max_concurrent = 3", "max_concurrent"),
        ("retention = 'last 5'", "retention"),
        ("history = 3", "history"),
        ("schema = 'x'", "schema"),
        ("grace = '1m'", "grace"),
        ("views = false", "views"),
        ("verify = true", "verify"),
        ("lock_timeout = '1s'", "lock_timeout"),
        ("ssl_mode = 'require'", "did you mean `sslmode`?"),
    ] {
        let config =
            format!("engine = 'postgres'\n[engines.postgres]\nurl = 'postgres://me@db.example/d'\n{setting}\n");
        let told = refusal(&config);
        // With the place of the setting.
        assert!(told.contains(said) && told.contains(":4:"), "{setting}: {told}");
    }
}

#[test]
fn an_engine_that_cannot_be_opened_is_told_once() {
    let asset = |name: &str| Asset::builder(name).sql("select 1 as x");
    let asked = Definitions::new()
        .engine_backend(larder_engine_postgres::backend())
        .variables([])
        .asset(asset("a"))
        .asset(asset("b"))
        .config_text("engine = 'postgres'\n[engines.postgres]\nurl = '${NOWHERE}'\n");
    let error = asked.build().map(drop).expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    assert_eq!(error.message().matches("NOWHERE is not set").count(), 1, "{error}");
    assert!(!error.message().contains("`a`"), "{error}");
}

#[test]
fn what_is_missing_is_said_where_every_engine_needs_an_address() {
    let told = refusal("");
    for said in [
        "`postgres`",
        "`engine = \"postgres\"`",
        "`[engines.postgres]`",
        "`url = \"postgres://..\"`",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(!told.contains("datafusion"), "{told}");
    let told = refusal("[engines.postgres]\nurl = 'postgres://me@db.example/d'\n");
    assert!(
        told.contains("`engine = \"postgres\"`, since `[engines.postgres]` is there"),
        "{told}"
    );
    let neither = Definitions::new()
        .variables([])
        .asset(Asset::builder("q").sql("select 1 as x"));
    let told = neither.build().map(drop).expect_err("is refused").to_string();
    assert!(
        told.contains("`datafusion`") && told.contains("`engine-postgres`"),
        "{told}"
    );
}
