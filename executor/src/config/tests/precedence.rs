//! Which manager gets an asset.

use super::*;

#[test]
fn the_most_specific_wins() {
    let text = |base_default: &str, base: &str, profile_default: &str, profile: &str| {
        format!(
            "{base_default}\n{MANAGERS}\n[bind]\n{base}\n[profile.p]\n{profile_default}\n[profile.p.bind]\n{profile}"
        )
    };
    let from_code = |text: &str| {
        definitions(text)
            .default_io_manager_url("memory:")
            .io_manager_url("own", "memory:")
    };
    let delays = |definitions: Definitions| bound(&built(definitions), "reports/delays");
    let full = text(
        "io_manager = 'a'",
        "'reports/*' = 'b'",
        "io_manager = 'c'",
        "'reports/*' = 'd'",
    );

    let own = from_code(&full)
        .asset(
            Asset::builder("reports/own")
                .io_manager("own")
                .function(|_| async { Ok(1_u64) }),
        )
        .profile("p")
        .bind_group("reports", "e");
    assert_eq!(
        bound(&built(own), "reports/own"),
        ("own".to_owned(), "the asset names it".to_owned())
    );

    let of_profile = from_code(&full).profile("p").bind_group("reports", "e");
    let because = "larder.toml:15:1 in the profile `p` binds `reports/*` to it";
    assert_eq!(delays(of_profile), ("d".to_owned(), because.to_owned()));

    let of_base = from_code(&full).bind_group("reports", "e");
    assert_eq!(
        delays(of_base),
        ("b".to_owned(), "larder.toml:11:1 binds `reports/*` to it".to_owned())
    );

    let without_bind = text("io_manager = 'a'", "", "io_manager = 'c'", "");
    let of_group = from_code(&without_bind).profile("p").bind_group("reports", "e");
    assert_eq!(
        delays(of_group),
        ("e".to_owned(), "the group `reports` is bound to it".to_owned())
    );

    let variable = |value: &str| [("LARDER_DEFAULT_IO_MANAGER".to_owned(), value.to_owned())];
    let (key, because) = delays(from_code(&without_bind).profile("p").variables(variable("memory:")));
    assert_eq!(
        (key.as_str(), because.as_str()),
        (
            "io_manager",
            "the environment variable LARDER_DEFAULT_IO_MANAGER names it"
        )
    );
    assert_eq!(
        delays(from_code(&without_bind).variables(variable("b"))).0,
        "b",
        "a key will do"
    );

    let of_profile = delays(from_code(&without_bind).profile("p"));
    assert_eq!(
        of_profile,
        (
            "c".to_owned(),
            "larder.toml:13:14 in the profile `p` makes it the default".to_owned()
        )
    );
    let of_base = delays(from_code(&without_bind));
    assert_eq!(
        of_base,
        ("a".to_owned(), "larder.toml:1:14 makes it the default".to_owned())
    );
    let of_code = delays(from_code(MANAGERS));
    assert_eq!(
        of_code,
        ("io_manager".to_owned(), "it is the default in code".to_owned())
    );
    assert!(
        refused(definitions(MANAGERS)).contains("there is no default I/O manager"),
        "no local disk is here"
    );
}

#[test]
fn of_patterns_the_longer_literal_prefix_wins() {
    let bind = |lines: &str| built(definitions(&format!("io_manager = 'e'\n{MANAGERS}\n[bind]\n{lines}")));
    let pipeline = bind("'*' = 'a'\n'group:reports' = 'b'\n'reports/*' = 'c'\n'reports/delays' = 'd'");
    let key = |key: &str| bound(&pipeline, key).0;
    assert_eq!(
        [key("raw/flights"), key("reports/page"), key("reports/delays")],
        ["a", "c", "d"]
    );
    let pipeline = bind("'*s' = 'a'\n'group:reports' = 'b'\n'r*' = 'c'\n'reports/d*' = 'd'");
    let key = |key: &str| bound(&pipeline, key).0;
    assert_eq!(
        [key("raw/flights"), key("reports/page"), key("reports/delays")],
        ["c", "c", "d"]
    );
    assert_eq!(bound(&bind("'*' = 'a'\n'group:reports' = 'b'"), "reports/page").0, "b");

    let tie = format!("io_manager = 'e'\n{MANAGERS}\n[bind]\n'reports/*' = 'a'\n'reports/*s' = 'b'");
    assert_eq!(
        refused(definitions(&tie)),
        "larder.toml:12:1: `reports/*s` fits `reports/delays`, but `reports/*` (at larder.toml:11:1) fits as well, and neither is more specific; name `reports/delays` by its whole key"
    );
    let solved = built(definitions(&format!("{tie}\n'reports/delays' = 'c'")));
    assert_eq!(bound(&solved, "reports/delays").0, "c", "nobody else met the tie");
}

#[test]
fn a_pattern_that_fits_nothing_is_a_warning() {
    let pipeline = built(definitions(&format!(
        "io_manager = 'a'\n{MANAGERS}\n[bind]\n'report/*' = 'a'"
    )));
    assert_eq!(
        pipeline.warnings(),
        ["larder.toml:11:1: `report/*` fits no asset of this pipeline"]
    );
    assert!(
        built(definitions(&format!(
            "io_manager = 'a'\n{MANAGERS}\n[bind]\n'raw/*' = 'a'"
        )))
        .warnings()
        .is_empty()
    );
}

#[test]
fn who_chooses_the_profile() {
    let text = format!(
        "io_manager = 'a'\n{MANAGERS}\n[profile.b]\nio_manager='b'\n[profile.c]\nio_manager='c'\n[profile.d]\nio_manager='d'"
    );
    let variable = [("LARDER_PROFILE".to_owned(), "c".to_owned())];
    let key = |definitions: Definitions| bound(&built(definitions), "raw/flights").0;
    assert_eq!(key(definitions(&text)), "a");
    assert_eq!(key(definitions(&text).profile("b")), "b");
    assert_eq!(key(definitions(&text).profile("b").variables(variable.clone())), "c");
    assert_eq!(
        key(definitions(&text)
            .profile("b")
            .variables(variable.clone())
            .choose_profile("d")),
        "d"
    );
    let near = text.replace("[profile.b]", "[profile.prod]");
    assert_eq!(
        refused(definitions(&near).choose_profile("prd")),
        "larder.toml has no profile `prd`, which --profile asks for; did you mean `prod`? there are prod, c, d"
    );
    assert_eq!(
        refused(definitions(MANAGERS).variables(variable)),
        "larder.toml has no profile `c`, which LARDER_PROFILE asks for; it has none; a profile begins with `[profile.c]`"
    );
}
