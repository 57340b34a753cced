//! `[run]`: what it comes to, and in which words it is refused.

use super::*;
use crate::{Executor, RunOptions};
use std::time::Duration;

const BASE: &str = r#"
[run]
max_concurrent = 3
executor = "threads"
step_timeout = "10m"
timeout = "2h"
retries = 2
retry = { first_delay = "1s", max_delay = "2s", jitter = false }

[profile.prod.run]
executor = "processes"
step_timeout = "off"
retry = { attempts = 6 }
"#;

fn options(definitions: Definitions) -> RunOptions {
    built(definitions.default_io_manager(Arc::new(MemoryIo::new()))).run_options()
}

#[test]
fn the_profile_goes_before_the_base_line_by_line() {
    let base = options(definitions(BASE));
    let retry = base.retry.expect("is given");
    assert_eq!((base.max_concurrent, base.executor), (3, Executor::Threads));
    assert_eq!(base.step_timeout, Some(Duration::from_secs(600)));
    assert_eq!(base.timeout, Some(Duration::from_secs(7200)));
    assert_eq!((retry.attempts, retry.jitter), (3, false));
    assert_eq!(
        (retry.first_delay, retry.max_delay),
        (Duration::from_secs(1), Duration::from_secs(2))
    );

    let prod = options(definitions(BASE).choose_profile("prod"));
    let retry = prod.retry.expect("is given");
    assert_eq!((prod.max_concurrent, prod.executor), (3, Executor::Processes));
    assert_eq!(prod.step_timeout, None);
    // `retries` of the base and `retry.attempts` are one thing.
    assert_eq!((retry.attempts, retry.first_delay), (6, Duration::from_secs(1)));

    let none = options(definitions(""));
    assert_eq!((none.executor, none.timeout), (Executor::InProcess, None));
    assert!(none.retry.is_none());
    // Delays alone turn no retries on: they wait for `--retries`.
    let delays = options(definitions("[run]\nretry.first_delay = '1s'"));
    assert_eq!(delays.retry.expect("is given").attempts, 1);
}

#[test]
fn limits_and_a_memory_budget_stand_there_too() {
    let text = "[run]\nlimits = { db = 2, 'tag:team' = 3 }\nmemory_budget = '2GiB'\n[profile.prod.run]\nlimits.db = 1";
    let limits = |options: RunOptions| {
        let mut limits: Vec<String> = options.limits.iter().map(ToString::to_string).collect();
        limits.sort();
        (limits, options.memory_budget)
    };
    let said = |limits: [&str; 2]| (limits.map(str::to_owned).to_vec(), Some(2 << 30));
    assert_eq!(limits(options(definitions(text))), said(["db=2", "tag:team=3"]));
    assert_eq!(
        limits(options(definitions(text).choose_profile("prod"))),
        said(["db=1", "tag:team=3"])
    );
}

#[test]
fn reports_say_what_and_where() {
    let report = definitions(BASE)
        .choose_profile("prod")
        .default_io_manager(Arc::new(MemoryIo::new()))
        .check_config()
        .expect("is right");
    let lines: Vec<String> = report
        .run
        .iter()
        .map(|line| format!("{}={} {}", line.name, line.value, line.defined))
        .collect();
    assert_eq!(
        lines,
        [
            "executor=processes larder.toml:11:1 in the profile `prod`",
            "step_timeout=off larder.toml:12:1 in the profile `prod`",
            "retry.attempts=6 larder.toml:13:11 in the profile `prod`",
            "max_concurrent=3 larder.toml:3:1",
            "timeout=2h larder.toml:6:1",
            "retry.first_delay=1s larder.toml:8:11",
            "retry.max_delay=2s larder.toml:8:31",
            "retry.jitter=false larder.toml:8:49",
        ]
    );
}

#[test]
fn an_asset_tells_how_it_is_executed() {
    let own = |asset: crate::AssetBuilder| {
        let asset = asset.function(|_| async { Ok(1_u64) });
        let pipeline = built(
            Definitions::new()
                .asset(asset)
                .default_io_manager(Arc::new(MemoryIo::new()))
                .config_text("[run]\nretries = 2\nretry.first_delay = '1s'\nstep_timeout = '1m'")
                .variables([]),
        );
        let key = "a".parse().expect("is a key");
        (pipeline.explain(&key).expect("is known").execution, pipeline)
    };
    assert_eq!(
        own(Asset::builder("a")).0,
        ["retries 2 (by [run])", "timeout 1m (by [run])"]
    );
    let (told, pipeline) = own(Asset::builder("a").retries(0).timeout(Duration::from_secs(5)));
    assert_eq!(told, ["retries 0 (the asset's own)", "timeout 5s (the asset's own)"]);
    // The number is the asset's, the delay the run's.
    let run = pipeline.run_options().retry.expect("is given");
    let own = pipeline.0.assets[0].retry_within(&run);
    assert_eq!((own.attempts, own.first_delay), (1, Duration::from_secs(1)));
}

#[test]
fn mistakes_name_the_key_and_its_place() {
    for (text, message) in [
        (
            "run = 1",
            "larder.toml:1:7: `run`, which says how runs are executed, is a table, not an integer",
        ),
        (
            "[run]\nmax_concurent = 1",
            "larder.toml:2:1: there is no key `max_concurent` in `[run]`; did you mean `max_concurrent`?",
        ),
        (
            "[run]\nzzz = 1",
            "larder.toml:2:1: there is no key `zzz` in `[run]`; there are max_concurrent, executor, retries, retry, step_timeout, timeout, limits, memory_budget",
        ),
        (
            "[run]\nmax_concurrent = 0",
            "larder.toml:2:18: `run.max_concurrent` is a whole number of at least 1, not 0",
        ),
        (
            "[run]\nlimits.db = 0",
            "larder.toml:2:13: `run.limits.db` is a whole number of at least 1, not 0",
        ),
        (
            "[run]\nmemory_budget = '0GiB'",
            "larder.toml:2:17: `0GiB` is no size: it is zero; write `25MB`, `1.5GB` or `25MiB`",
        ),
        (
            "[run]\nmax_concurrent = -4",
            "larder.toml:2:18: `run.max_concurrent` is a whole number of at least 1, not -4",
        ),
        (
            "[run]\nmax_concurrent = 'all'",
            "larder.toml:2:18: `run.max_concurrent` is a whole number of at least 1, not a string",
        ),
        (
            "[run]\nretries = 99999999999",
            "larder.toml:2:11: `run.retries` is too large: 99999999999",
        ),
        (
            "[run]\nexecutor = 'proceses'",
            "larder.toml:2:12: there is no executor `proceses`; did you mean `processes`?",
        ),
        (
            "[run]\nretries = -1",
            "larder.toml:2:11: `run.retries` is a whole number of at least 0, not -1",
        ),
        (
            "[run]\nretries = 1\nretry.attempts = 2",
            "larder.toml:3:7: `retry.attempts` says again what `retries` says; leave one of them out",
        ),
        (
            "[run]\nretry.attempts = 0",
            "larder.toml:2:18: `run.retry.attempts` is a whole number of at least 1, not 0",
        ),
        (
            "[run]\nretry.jiter = true",
            "larder.toml:2:7: there is no key `jiter` in `[run.retry]`; did you mean `jitter`?",
        ),
        (
            "[run]\nretry.jitter = 1",
            "larder.toml:2:16: `run.retry.jitter` is true or false, not an integer",
        ),
        (
            "[run]\nretry.first_delay = '1m'",
            "larder.toml:2:7: `retry.first_delay` is 1m, longer than `retry.max_delay` of 10s; make one of them fit the other",
        ),
        (
            "[run]\ntimeout = '0s'",
            "larder.toml:2:11: `run.timeout` is 0, so that nothing could ever run; write `\"off\"` for no limit",
        ),
        (
            "[run]\nstep_timeout = '-5s'",
            "larder.toml:2:16: `run.step_timeout`: `-5s` is no duration: it is negative; write a number with a unit, as in `100ms`, `10s`, `5m`",
        ),
        (
            "[run]\nstep_timeout = 5",
            "larder.toml:2:16: `run.step_timeout`, a duration such as `30s`, is a string, not an integer",
        ),
        // Also in a profile that is not the chosen one.
        (
            "[profile.p.run]\ntimeout = '0s'",
            "larder.toml:2:11: `run.timeout` is 0, so that nothing could ever run; write `\"off\"` for no limit",
        ),
    ] {
        assert_eq!(refused(definitions(text)), message);
    }
}

#[test]
fn an_asset_that_could_never_run_is_refused() {
    let asset = |builder: crate::AssetBuilder| {
        let asset = builder.function(|_| async { Ok(1_u64) });
        let built = Definitions::new()
            .asset(asset)
            .default_io_manager(Arc::new(MemoryIo::new()));
        built
            .without_config()
            .build()
            .expect_err("is wrong")
            .message()
            .to_owned()
    };
    assert_eq!(
        asset(Asset::builder("a").timeout(Duration::ZERO)),
        "`a`: `timeout` is 0, so that it could never run; leave it out for no limit"
    );
    assert_eq!(
        asset(Asset::builder("a").retry(crate::RetryPolicy::of_attempts(0))),
        "`a`: `retry.attempts` is 0, so that nothing would be tried; 1 turns retries off"
    );
}
