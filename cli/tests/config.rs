//! Profiles and the commands `config`, through [`larder_cli::run`].

use larder_executor::{Asset, Definitions};
use serde_json::Value as Json;
use std::ffi::OsString;
use std::path::Path;

const TEXT: &str = r#"
io_manager = "warehouse"

[io_managers.warehouse]
url = "memory:"
history = 2

[io_managers.cheap]
url = "memory:"

[bind]
"nothing/*" = "cheap"

[profile.prod]
io_manager = "cheap"

[profile.prod.io_managers.cheap]
history = { env = "KEPT" }

[profile.prod.bind]
"reports/*" = "warehouse"
"#;

/// A pipeline beside a file.
fn definitions(file: &Path, variables: &[(&str, &str)]) -> Definitions {
    let config = [("LARDER_CONFIG", file.to_str().expect("is UTF-8")), ("KEPT", "3")];
    let variables = config
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Definitions::new()
        .assets(["raw/flights", "reports/delays"].map(|key| Asset::builder(key).function(|_| async { Ok(1_u64) })))
        .backend(larder_io_memory::backend())
        .variables(variables)
}

/// Exit code, standard output, standard error of a command on some text.
fn run(text: &str, variables: &[(&str, &str)], args: &str) -> (u8, String, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("larder.toml");
    std::fs::write(&file, text).expect("writes");
    let args = ["flights"]
        .into_iter()
        .chain(args.split_whitespace())
        .map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = larder_cli::run(definitions(&file, variables), args, &mut out, &mut err, false);
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("is UTF-8");
        text.replace(&format!("{}/", directory.path().display()), "")
    };
    (code, text(out), text(err))
}

fn explained(variables: &[(&str, &str)], args: &str) -> String {
    let (code, out, err) = run(TEXT, variables, args);
    assert_eq!(code, 0, "{err}");
    out
}

#[test]
fn explain_tells_why_and_where_it_is_defined() {
    let base = explained(&[], "explain reports/delays");
    assert!(
        base.contains("io manager    warehouse, because larder.toml:2:14 makes it the default"),
        "{base}"
    );
    assert!(base.contains("defined       at larder.toml:4:14\n"), "{base}");
    assert!(base.contains("settings      history\n"), "{base}");
    let prod = "warehouse, because larder.toml:21:1 in the profile `prod` binds `reports/*` to it";
    for (variables, args) in [
        (&[][..], "explain reports/delays --profile prod"),
        (&[][..], "--profile prod explain reports/delays"),
        (&[("LARDER_PROFILE", "prod")][..], "explain reports/delays"),
        (
            &[("LARDER_PROFILE", "none")][..],
            "explain reports/delays --profile prod",
        ),
    ] {
        let told = explained(variables, args);
        assert!(told.contains(prod), "{told}");
    }
    let default = explained(&[], "explain raw/flights --profile prod");
    assert!(
        default.contains("cheap, because larder.toml:15:14 in the profile `prod` makes it the default"),
        "{default}"
    );
    assert!(
        default.contains("at larder.toml:8:14 and larder.toml:17:27 in the profile `prod`"),
        "{default}"
    );
    let environment = explained(
        &[("LARDER_DEFAULT_IO_MANAGER", "memory:")],
        "explain raw/flights --profile prod",
    );
    assert!(
        environment.contains("because the environment variable LARDER_DEFAULT_IO_MANAGER names it"),
        "{environment}"
    );
    assert_eq!(run(TEXT, &[], "explain raw/flights --quiet").2, "");
    let (_, _, warning) = run(TEXT, &[], "explain raw/flights");
    assert_eq!(
        warning,
        "warning: larder.toml:12:1: `nothing/*` fits no asset of this pipeline\n"
    );
    let json: Json = serde_json::from_str(&explained(&[], "explain raw/flights --json")).expect("is JSON");
    assert_eq!(json["settings"][0], "history");
    assert_eq!(json["defined"], "at larder.toml:4:14");
}

#[test]
fn mistakes_end_with_2_and_say_where() {
    for (from, to, args, message) in [
        (
            "[io_managers.cheap]",
            "[io_manager.cheap]",
            "",
            "larder.toml:8:2: this is no TOML",
        ),
        (
            "[bind]",
            "[bnid]",
            "",
            "larder.toml:11:2: there is no key `bnid`; did you mean `bind`?",
        ),
        (
            "history = 2",
            "histroy = 2",
            "list",
            "larder.toml:6:1: in `memory:`: there is no setting `histroy`; did you mean `history`?",
        ),
        (
            "= \"cheap\"",
            "= \"cheep\"",
            "list",
            "larder.toml:12:15: there is no I/O manager `cheep`; did you mean `cheap`?",
        ),
        (
            "",
            "",
            "list --profile prdo",
            "larder.toml has no profile `prdo`, which --profile asks for; did you mean `prod`?",
        ),
        (
            "\"KEPT\"",
            "\"NONE\"",
            "list --profile prod",
            "larder.toml:18:19: the environment variable NONE is not set",
        ),
    ] {
        let (code, out, err) = run(&TEXT.replacen(from, to, 1), &[], args);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(message), "{message}\n{err}");
    }
}

#[test]
fn a_check_tells_what_would_be_used() {
    let (code, out, err) = run(TEXT, &[], "config check --profile prod");
    assert_eq!(code, 0, "{err}");
    for line in [
        "larder.toml, profile prod; there are prod",
        "the default is cheap, because larder.toml:15:14 in the profile `prod` makes it the default",
    ] {
        assert!(out.lines().any(|told| told == line), "{line}\n{out}");
    }
    for start in ["cheap ", "warehouse ", "reports/* ", "nothing/* "] {
        assert!(out.lines().any(|told| told.starts_with(start)), "{start}\n{out}");
    }
    assert_eq!(
        err,
        "warning: larder.toml:12:1: `nothing/*` fits no asset of this pipeline\n"
    );
    let (_, out, _) = run(TEXT, &[], "config check --json");
    let report: Json = serde_json::from_str(&out).expect("is JSON");
    assert_eq!(report["io_managers"][0]["key"], "cheap");
    assert_eq!(
        (&report["io_managers"][1]["assets"], &report["profile"]),
        (&Json::from(2), &Json::Null)
    );
    let (code, _, err) = run(&TEXT.replace("[bind]", "nonsense = 1\n[bind]"), &[], "config check");
    assert_eq!(code, 2);
    assert!(
        err.contains("larder.toml:11:1: in `memory:`: there is no setting `nonsense`"),
        "{err}"
    );
    assert_eq!(
        run(&TEXT.replace("[bind]", "nonsense = 1\n[bind]"), &[], "list").0,
        0,
        "nobody uses it"
    );
}

#[test]
fn the_schema_needs_no_valid_file() {
    let (code, out, err) = run("nonsense", &[], "config schema");
    assert_eq!((code, err.as_str()), (0, ""));
    let schema: Json = serde_json::from_str(&out).expect("is JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let memory = &schema["$defs"]["io_manager.memory"]["properties"];
    assert!(
        memory["history"]["description"]
            .as_str()
            .is_some_and(|text| text.contains("Default 5")),
        "{memory}"
    );
    assert_eq!(memory["url"]["pattern"], "^((memory):|\\$)");
    let parts: Vec<&str> = schema["properties"]
        .as_object()
        .expect("has parts")
        .keys()
        .map(String::as_str)
        .collect();
    let known = [
        "bind",
        "engine",
        "engines",
        "inline_bytes",
        "io_manager",
        "io_managers",
        "layout",
        "observe",
        "parameters",
        "profile",
        "resources",
        "retention",
        "run",
    ];
    assert_eq!(parts, known);
}
