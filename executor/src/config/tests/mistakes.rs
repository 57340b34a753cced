//! What is refused, and in which words.

use super::*;

#[test]
fn mistakes_have_a_place_and_the_nearest_name() {
    for (text, message) in [
        (
            "io_manger = 'memory:'",
            "larder.toml:1:1: there is no key `io_manger`; did you mean `io_manager`?",
        ),
        (
            "zzz = 1",
            "larder.toml:1:1: there is no key `zzz` here; there are io_manager, layout, io_managers, resources, bind, retention, inline_bytes, run, observe, engine, engines, parameters, profile",
        ),
        (
            "[profile.p]\n  bnid = 1",
            "larder.toml:2:3: there is no key `bnid`; did you mean `bind`?",
        ),
        (
            "[profile.p.profile.q]",
            "larder.toml:1:12: there is no key `profile` here; there are io_manager, layout, io_managers, resources, bind, retention, inline_bytes, run, observe, engine, engines, parameters, parent",
        ),
        (
            "inline_bytes = -1",
            "larder.toml:1:16: `inline_bytes` is a number of bytes from 0 to 65536, not -1",
        ),
        (
            "inline_bytes = '4 KiB'",
            "larder.toml:1:16: `inline_bytes` is a number of bytes from 0 to 65536, not a string",
        ),
        (
            "io_manager = 7",
            "larder.toml:1:14: `io_manager`, a manager's key or URL, is a string, not an integer",
        ),
        (
            "io_managers = ['a']",
            "larder.toml:1:15: `io_managers` is a table, not a list",
        ),
        (
            "[io_managers]\na = 'memory:'",
            "larder.toml:2:5: the I/O manager `a` is a table, not a string",
        ),
        (
            "[bind]\na = { b = 1 }",
            "larder.toml:2:1: `a` is bound to nothing; write `manager = \"..\"`, a manager's key",
        ),
        (
            "[bind]\n'group:*' = 'a'",
            "larder.toml:2:1: `group:*` holds a `*`, but a group is named whole: `group:raw`",
        ),
        (
            "[bind]\n' ' = 'a'",
            "larder.toml:2:1: ` ` is no pattern; write a key, `reports/*`, `group:raw` or `*`",
        ),
        (
            "[io_managers.io_manager]",
            "larder.toml:1:14: `io_manager` means the default I/O manager; give this one another key",
        ),
        (
            "io_manager = 'warehous'\n[io_managers.warehouse]",
            "larder.toml:1:14: there is no I/O manager `warehous`; did you mean `warehouse`?",
        ),
        (
            "io_manager = 'a'\n[io_managers.a]\nhistory = 2",
            "larder.toml:2:14: this table has no `url`",
        ),
        (
            "io_manager = 'memroy:'",
            "larder.toml:1:14: no backend answers to the scheme `memroy`; did you mean `memory`?",
        ),
        (
            "io_manager = 'a'\n[io_managers.a]\nurl = 'nothing'",
            "larder.toml:3:7: an I/O manager's URL begins with a scheme, as in `file:///data/lake` or `memory:`",
        ),
        (
            "io_manager = 'memory:?histroy=2'",
            "larder.toml:1:14: in `memory:`: there is no setting `histroy`; did you mean `history`?",
        ),
        (
            "io_manager = 'a'\n[io_managers.a]\nurl = 'memory:'\nhistroy = 2",
            "larder.toml:4:1: in `memory:`: there is no setting `histroy`; did you mean `history`?",
        ),
        (
            "io_manager = 'a'\n[io_managers.a]\nurl = 'memory:'\nhistory = 'many'",
            "larder.toml:4:1: in `memory:`: the setting `history` takes a whole number from 0 to 18446744073709551615, not `many`",
        ),
        (
            "io_manager = 'a'\n[io_managers.a]\nurl = 'memory:'\nretry = { attemps = 2 }",
            "larder.toml:4:11: there is no setting `retry.attemps`; did you mean `retry.attempts`?",
        ),
        (
            "io_manager = 'a'\n[io_managers.a]\nurl = 'memory:'\nretry.attempts = 0",
            "larder.toml:4:7: `retry.attempts` is 0, so that nothing would be tried; 1 turns retries off",
        ),
        (
            "io_manager = 'a'\n[io_managers.a]\nurl = 'memory:'\ntimeout = 'of'",
            "larder.toml:4:1: the setting `timeout` is wrong: `of` is no timeout; did you mean `off`?",
        ),
        (
            "io_manager = 'memory:'\n[bind]\n'raw/*' = 'warehouse'",
            "larder.toml:3:11: there is no I/O manager `warehouse`; add one with `Definitions::io_manager(\"warehouse\", ..)`, or as `[io_managers.warehouse]` in larder.toml",
        ),
        (
            "io_manager = 'memory:'\n[bind]\n'raw/*' = 'memory:'\n[io_managers.a]",
            "larder.toml:3:11: there is no I/O manager `memory:`; there are a; for a URL, write a table `[io_managers.NAME]` and bind `NAME`",
        ),
        (
            "io_manager = \"memory:${NONE}\"",
            "larder.toml:1:14: the environment variable NONE is not set; set it, or write `${NONE:-default}`",
        ),
    ] {
        assert_eq!(refused(definitions(text)), message);
    }
    let broken = refused(definitions("a = 1\npassword = hunter2"));
    assert!(
        broken.starts_with("larder.toml:2:") && broken.contains("no TOML"),
        "{broken}"
    );
    assert!(!broken.contains("hunter2"), "{broken}");
}

#[test]
fn a_missing_feature_is_named() {
    for (scheme, feature) in [
        ("s3", "s3"),
        ("s3a", "s3"),
        ("gs", "gcs"),
        ("abfss", "adls"),
        ("abfs", "adls"),
        ("az", "adls"),
        ("file", "fs"),
    ] {
        let message = refused(definitions(&format!("io_manager = '{scheme}://bucket'")));
        assert!(message.contains(&format!("add the feature `{feature}`")), "{message}");
    }
}
