//! How long versions are kept, and who says so.

use super::*;

fn kept(text: &str, profile: Option<&str>, key: &str) -> Option<String> {
    let mut definitions = definitions(text)
        .default_io_manager(Arc::new(MemoryIo::new()))
        .io_manager("of_code", Arc::new(MemoryIo::new()))
        .retention("of_code", "last 7".parse().expect("is one"))
        .asset(
            Asset::builder("reports/own")
                .retention("forever")
                .function(|_| async { Ok(1_u64) }),
        )
        .asset(
            Asset::builder("reports/code")
                .io_manager("of_code")
                .function(|_| async { Ok(1_u64) }),
        );
    if let Some(profile) = profile {
        definitions = definitions.choose_profile(profile);
    }
    let pipeline = definitions.build().unwrap_or_else(|error| panic!("{error}"));
    let key = key.parse().expect("is a key");
    pipeline.explain(&key).expect("is there").retention
}

#[test]
fn the_most_specific_wins() {
    let text = "[io_managers.m]\nurl = 'memory:'\nretention = 'last 3'\n[bind]\n'raw/*' = 'm'\n[retention]\n'reports/*' = '30 days'\n'raw/planes' = 'last 2 or 12h'\n[profile.p.retention]\n'*' = 'last 9'";
    for (key, wanted) in [
        ("reports/own", Some("forever, because the asset says so")),
        (
            "reports/delays",
            Some("30 days, because larder.toml:7:1 says so for `reports/*`"),
        ),
        (
            "raw/planes",
            Some("last 2 or 12h, because larder.toml:8:1 says so for `raw/planes`"),
        ),
        ("raw/flights", Some("last 3, because the I/O manager `m` is set so")),
    ] {
        assert_eq!(kept(text, None, key).as_deref(), wanted);
    }
    assert_eq!(kept("", None, "reports/delays"), None);
    let of_code = "last 7, because the I/O manager `of_code` is set so";
    assert_eq!(kept("", None, "reports/code").as_deref(), Some(of_code));
    let of_profile = "last 9, because larder.toml:10:1 in the profile `p` says so for `*`";
    assert_eq!(kept(text, Some("p"), "raw/planes").as_deref(), Some(of_profile));
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, wanted) in [
        (
            "[retention]\n'*' = '5'",
            "larder.toml:2:7: `5` is no retention: `5` is no number of versions and no time; write `last 5`, `30 days`, `last 3 or 30 days` or `forever`",
        ),
        (
            "[retention]\n'' = 'last 5'",
            "larder.toml:2:1: `` is no pattern; write a key, `reports/*`, `group:raw` or `*`",
        ),
        (
            "[io_managers.m]\nurl = 'memory:'\nretention = 'last 0'",
            "larder.toml:3:13: `last 0` is no retention: `last` needs a number from 1 on; write `last 5`, `30 days`, `last 3 or 30 days` or `forever`",
        ),
        (
            "[bind]\n'raw/*' = { manager = 'm', retention = 'last 5' }",
            "larder.toml:2:28: how long versions are kept stands in `[retention]`, for each pattern",
        ),
    ] {
        let definitions = definitions(text).default_io_manager(Arc::new(MemoryIo::new()));
        let error = definitions.check_config().map(drop).expect_err(text);
        assert!(error.message().contains(wanted), "{}", error.message());
    }
    let error = definitions("")
        .default_io_manager(Arc::new(MemoryIo::new()))
        .retention("nobody", larder_io_core::Retention::FOREVER)
        .build()
        .map(drop)
        .expect_err("is nobody");
    assert!(
        error
            .message()
            .contains("a retention is set for the I/O manager `nobody`"),
        "{error}"
    );
}
