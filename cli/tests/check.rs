//! `check`, and what a run tells of checks.

use larder_executor::check::table;
use larder_executor::{Asset, Check, CheckResult, Definitions, Severity};
use larder_io_fs::FsConfig;
use serde_json::Value as Json;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

fn definitions(home: &Path) -> Definitions {
    let number = home.join("number");
    let asset = Asset::builder("clean/number").function(move |_| {
        let text = std::fs::read_to_string(&number).unwrap_or_default();
        async move { Ok(text.trim().parse::<u64>().unwrap_or(3)) }
    });
    let next = Asset::builder("next")
        .input::<u64>("number")
        .function(|mut args| async move { Ok(args.input::<u64>().await? + 1) });
    let below = |most: u64| {
        move |mut args: larder_executor::Args| async move {
            let number = args.input::<u64>().await?;
            Ok(match number < most {
                true => CheckResult::passed(),
                false => CheckResult::failed(format!("{number} is not below {most}")),
            })
        }
    };
    let checks = [
        Check::builder("small")
            .description("below 10")
            .input::<u64>("number")
            .blocking()
            .function(below(10)),
        Check::builder("tiny")
            .severity(Severity::Warn)
            .input::<u64>("number")
            .function(below(5)),
    ];
    let manager = FsConfig::new(home.join("storage")).open().expect("opens");
    Definitions::new()
        .assets([asset, next])
        .checks(checks)
        .default_io_manager(Arc::new(manager))
        .catalog_file(home.join("larder.db"))
        .variables([])
        .without_config()
}

fn run(home: &Path, args: &str) -> (u8, String, String) {
    let args = ["flights"]
        .into_iter()
        .chain(args.split_whitespace())
        .map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = larder_cli::run(definitions(home), args, &mut out, &mut err, false);
    let text = |bytes| String::from_utf8(bytes).expect("is UTF-8");
    (code, text(out), text(err))
}

fn number(home: &Path, number: u64) {
    std::fs::write(home.join("number"), number.to_string()).expect("is written");
}

#[test]
fn a_run_tells_what_did_not_pass() {
    let home = tempfile::tempdir().expect("can be made");
    let home = home.path();
    let (code, out, _) = run(home, "materialize");
    assert!(code == 0 && out.contains("2 done, 2 checks passed in"), "{out}");
    number(home, 7);
    let (code, out, err) = run(home, "materialize");
    assert!(
        code == 0 && out.contains("2 done, 1 of 2 checks not passed in"),
        "{out}"
    );
    assert!(
        err.contains("warning clean/number does not pass the check `tiny`: 7 is not below 5\n"),
        "{err}"
    );
    number(home, 12);
    let (code, out, err) = run(home, "materialize");
    assert!(
        code == 1 && out.contains("0 done, 1 failed, 1 skipped, 2 of 2 checks not passed in"),
        "{out}"
    );
    assert!(
        err.contains("blocked clean/number does not pass the check `small`: 12 is not below 10\n"),
        "{err}"
    );
    assert!(
        err.contains("nothing of this call is published, old values stay"),
        "{err}"
    );
    // And afterwards.
    let (_, out, _) = run(home, "runs last");
    assert!(
        out.contains("  blocked clean/number `small`: 12 is not below 10\n"),
        "{out}"
    );
    let (_, out, _) = run(home, "runs last --json");
    let told: Json = serde_json::from_str(&out).expect("is one document");
    assert_eq!(
        (&told["checks"][0]["name"], &told["checks"][0]["passed"]),
        (&"small".into(), &false.into())
    );
    let page = home.join("page.html");
    assert_eq!(run(home, &format!("report --out {}", page.display())).0, 0);
    let page = std::fs::read_to_string(page).expect("is written");
    assert!(page.contains("<td>small</td><td>blocked</td><td>12 is not below 10</td>"));
    let (_, out, _) = run(home, "materialize --json");
    let events = out
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).expect("is JSON"));
    let checked: Vec<Json> = events.filter(|event| event["event"] == "checked").collect();
    assert_eq!(
        (checked.len(), &checked[0]["name"], &checked[0]["passed"]),
        (2, &"small".into(), &false.into())
    );
    assert_eq!(checked[1]["severity"], "warn");
}

#[test]
fn what_is_published_is_checked_on_demand() {
    let home = tempfile::tempdir().expect("can be made");
    let home = home.path();
    let (code, _, err) = run(home, "check");
    assert_eq!((code, err.as_str()), (0, "nothing is stored for clean/number\n"));
    assert_eq!(run(home, "check clean/number").0, 1);
    number(home, 7);
    run(home, "materialize -q");
    let (code, out, _) = run(home, "check");
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(code, 0, "a warning is no failure");
    assert_eq!(lines[0], ["asset", "check", "result", "took", "found"]);
    assert_eq!(&lines[1][..3], ["clean/number", "small", "passed"]);
    assert_eq!(&lines[2][..3], ["clean/number", "tiny", "warning"]);
    assert_eq!(lines[3].join(" "), "2 checks made: 0 failed, 1 warning");
    let (code, out, _) = run(home, "check --last");
    assert_eq!(code, 0);
    assert!(
        out.contains("tiny") && out.contains("warning") && out.contains("7 is not below 5") && out.contains("below 10"),
        "{out}"
    );
    let (_, out, _) = run(home, "check --last --json");
    let said: Json = serde_json::from_str(&out).expect("is one document");
    assert_eq!(said[0]["last"]["passed"], true);
    let (code, _, err) = run(home, "check next");
    assert!(code == 2 && err.contains("none of these assets has a check"), "{err}");
    let (_, out, _) = run(home, "explain clean/number");
    assert!(out.contains("checks        small (blocking), tiny"), "{out}");
}

#[test]
fn a_check_of_an_asset_that_is_not_there_is_a_wrong_definition() {
    let home = tempfile::tempdir().expect("can be made");
    let definitions = definitions(home.path()).checks([table::row_count("clean/numbers", 1..)]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["flights", "list"].map(OsString::from);
    let code = larder_cli::run(definitions, args, &mut out, &mut err, false);
    let err = String::from_utf8(err).expect("is UTF-8");
    assert!(
        code == 2
            && err.contains("the check `row_count`: there is no asset `clean/numbers`; did you mean `clean/number`?"),
        "{err}"
    );
}
