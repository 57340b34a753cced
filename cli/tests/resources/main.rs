//! Resources in processes of steps, and in runs that are interrupted, through a real command line. This program is the pipeline too.
#![cfg(unix)]

mod pipeline;

use libtest_mimic::{Arguments, Trial};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::Duration;

/// The variable that makes this program the pipeline.
const PIPELINE: &str = "LARDER_TEST_RESOURCES";
/// As often a file is looked at until something is in it: a minute.
const LOOKS: usize = 1200;

fn main() -> ExitCode {
    if std::env::var_os(PIPELINE).is_some() {
        return larder_cli::main(pipeline::definitions());
    }
    let tests: [(&str, fn()); 7] = [
        ("a_run_has_one_and_in_processes_each_has_its_own", once),
        ("what_needs_none_opens_none", needless),
        ("ctrl_c_closes_it", interrupted),
        ("in_a_process_its_time_is_none_of_the_steps", slow),
        ("ctrl_c_closes_it_while_it_is_checked", checking),
        ("check_tells_what_cannot_be_closed", unclosed),
        ("a_process_tells_what_cannot_be_opened_or_closed", broken),
    ];
    let trials = tests.map(|(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn start(home: &Path, settings: &str, arguments: &[&str]) -> Child {
    let diary = home.join("diary").display().to_string();
    let config = format!("[resources.diary]\nfile = '{diary}'\n{settings}");
    std::fs::write(home.join("larder.toml"), config).expect("is written");
    let program = std::env::current_exe().expect("is a program");
    let mut command = Command::new(program);
    let command = command.args(arguments).env_clear().env(PIPELINE, "1");
    let command = command.env("LARDER_HOME", home).current_dir(home);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().expect("starts")
}

fn ran(home: &Path, settings: &str, arguments: &[&str]) -> Output {
    start(home, settings, arguments).wait_with_output().expect("ends")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn diary(home: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(home.join("diary")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(what, process)| (what.to_owned(), process.to_owned()))
        .collect()
}

/// What each process wrote.
fn by_process(home: &Path) -> Vec<Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (what, process) in diary(home) {
        all.entry(process).or_default().push(what);
    }
    all.into_values().collect()
}

fn once() {
    for (executor, processes) in [("in_process", 1), ("threads", 1), ("processes", 2)] {
        let home = tempfile::tempdir().expect("a directory");
        let output = ran(
            home.path(),
            "",
            &["materialize", "a", "b", "plain", "--executor", executor],
        );
        assert!(output.status.success(), "{executor}: {}", told(&output));
        let all = by_process(home.path());
        assert_eq!(all.len(), processes, "{executor}: {all:?}");
        for of in all {
            let uses = vec!["use"; 2 / processes];
            assert_eq!(of, [vec!["open"], uses, vec!["close"]].concat(), "{executor}");
        }
    }
}

fn needless() {
    let home = tempfile::tempdir().expect("a directory");
    for arguments in [
        &["plan"][..],
        &["list"],
        &["explain", "a"],
        &["config", "check"],
        &["materialize", "plain", "--executor", "processes"],
    ] {
        let output = ran(home.path(), "", arguments);
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        assert!(diary(home.path()).is_empty(), "{arguments:?}");
    }
    let explained = told(&ran(home.path(), "", &["explain", "a"]));
    assert!(
        explained.contains("resources     diary (`resources::pipeline::Kept`)"),
        "{explained}"
    );
    let checked = told(&ran(home.path(), "retries = 1", &["config", "check"]));
    assert!(
        checked.contains("larder.toml:1:12") && checked.contains("file, retries"),
        "{checked}"
    );
}

fn interrupted() {
    for executor in ["in_process", "threads", "processes"] {
        let home = tempfile::tempdir().expect("a directory");
        let child = start(home.path(), "", &["materialize", "long", "--executor", executor]);
        let output = interrupt(home.path(), child, "use", 1);
        assert_eq!(output.status.code(), Some(130), "{executor}: {}", told(&output));
        // A process of a step has half a second for its end, which a busy machine may not give it.
        let least = if executor == "processes" { 2 } else { 3 };
        let all = by_process(home.path());
        let whole = ["open", "use", "close"];
        assert!(
            matches!(&all[..], [one] if one.len() >= least && whole.starts_with(&one.iter().map(String::as_str).collect::<Vec<_>>())),
            "{executor}: {all:?}"
        );
    }
}

/// Ends a pipeline by Ctrl-C, once this stands in its diary so often.
fn interrupt(home: &Path, child: Child, wanted: &str, times: usize) -> Output {
    let found = (0..LOOKS).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        diary(home).iter().filter(|(what, _)| what == wanted).count() == times
    });
    let id = Pid::from_child(&child);
    kill_process(id, Signal::INT).expect("is sent");
    let output = child.wait_with_output().expect("ends");
    assert!(found, "no {wanted}: {}", told(&output));
    output
}

/// A home in which `checked` is stored, and whose diary is empty.
fn stored() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    let output = ran(home.path(), "", &["materialize", "checked"]);
    assert!(output.status.success(), "{}", told(&output));
    std::fs::remove_file(home.path().join("diary")).expect("was written");
    home
}

fn checking() {
    let message = "could not be closed: it is stuck";
    for (settings, arguments) in [
        ("", &["check"][..]),
        ("stuck = true", &["check"]),
        ("stuck = true", &["check", "--json"]),
    ] {
        let home = stored();
        std::fs::write(home.path().join(pipeline::HOLD), "").expect("is written");
        let output = interrupt(home.path(), start(home.path(), settings, arguments), "check", 1);
        let said = told(&output);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert_eq!(by_process(home.path()), [["open", "check", "close"]], "{said}");
        assert!(said.contains("interrupted"), "{said}");
        assert_eq!(said.contains(message), !settings.is_empty(), "{said}");
    }
}

fn unclosed() {
    let home = stored();
    for (settings, trouble) in [("", false), ("stuck = true", true)] {
        let output = ran(home.path(), settings, &["check", "--json"]);
        assert!(output.status.success(), "{}", told(&output));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
        assert_eq!(document["checked"][0]["passed"], true, "{document}");
        assert_eq!(document["interrupted"], false, "{document}");
        let unclosed = document["unclosed"].as_array().expect("is a list");
        assert_eq!(unclosed.len(), usize::from(trouble), "{document}");
        let message = unclosed.iter().filter_map(|error| error["message"].as_str()).next();
        assert_eq!(
            message.is_some_and(|said| said.contains("it is stuck")),
            trouble,
            "{document}"
        );
    }
}

/// Opening takes longer than the step may, and is not given up for it; the step itself never ends and is. However slow the machine is,
/// the step's time begins only once it is open.
fn slow() {
    let home = tempfile::tempdir().expect("a directory");
    let arguments = ["materialize", "long", "--executor", "processes", "--step-timeout", "1s"];
    let output = ran(home.path(), "slow = 3", &arguments);
    let said = told(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error[Timeout]"), "{said}");
    let all = by_process(home.path());
    assert!(
        matches!(&all[..], [one] if one.starts_with(&["open".to_owned(), "opened".to_owned()])),
        "{all:?} {said}"
    );
}

fn broken() {
    let home = tempfile::tempdir().expect("a directory");
    let arguments = ["materialize", "a", "plain", "--executor", "processes", "--retries", "5"];
    let settings = "broken = true\nretries = 1\nretry.first_delay = '1ms'";
    let output = ran(home.path(), settings, &arguments);
    let said = told(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let message = "the resource `diary` (`resources::pipeline::Kept`), taken by `a`, `b`, `long`, the check `kept`, could not be opened in 2 attempts: nobody there (larder.toml:1:12)";
    assert!(said.contains(message), "{said}");
    assert!(said.contains("materialized plain"), "{said}");
    // One process, two attempts: the step is not made again.
    assert_eq!(by_process(home.path()), [["open", "open"]]);

    let home = tempfile::tempdir().expect("a directory");
    let output = ran(home.path(), "stuck = true", &arguments[..5]);
    let said = told(&output);
    assert!(output.status.success(), "{said}");
    let message = "the resource `diary` (`resources::pipeline::Kept`) could not be closed: it is stuck";
    assert!(said.contains(message), "{said}");
    let output = ran(home.path(), "stuck = true", &arguments[..3]);
    assert!(told(&output).contains(message), "{}", told(&output));
}
