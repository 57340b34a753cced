//! `doctor`, through [`larder_cli::run`].

use larder_executor::{Asset, Definitions};
use larder_io_memory::MemoryIo;
use larder_testkit::broken::{Broken, Fault};
use serde_json::Value as Json;
use std::ffi::OsString;
use std::sync::Arc;

const CONFIG: &str = r#"
[io_managers.idle]
url = "memory:"

[io_managers.short]
url = "memory:?history=1"
"#;

fn definitions() -> Definitions {
    Definitions::new()
        .backend(larder_io_memory::backend())
        .backend(larder_io_fs::backend())
        .config_text(CONFIG)
        .variables([])
        .io_manager("used", Arc::new(MemoryIo::new()))
        .asset(
            Asset::builder("value")
                .io_manager("used")
                .function(|_| async { Ok(1_u8) }),
        )
}

/// Exit code, standard output, standard error.
fn run(definitions: Definitions, args: &str) -> (u8, String, String) {
    let args = ["flights"]
        .into_iter()
        .chain(args.split_whitespace())
        .map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = larder_cli::run(definitions, args, &mut out, &mut err, false);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("is UTF-8");
    (code, text(out), text(err))
}

fn json(definitions: Definitions, args: &str) -> (u8, Json) {
    let (code, out, err) = run(definitions, &format!("{args} --json"));
    assert_eq!(err, "");
    (code, serde_json::from_str(&out).expect("is one document"))
}

#[test]
fn advice_is_no_failure() {
    let (code, out, err) = run(definitions(), "doctor");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    let headlines: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.ends_with(" (memory:)"))
        .collect();
    assert_eq!(headlines[1..], ["short (memory:)", "used (memory:)"], "{out}");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("history") && line.contains("advised")),
        "{out}"
    );
    assert!(
        out.contains("\n  history: for old versions, have the storage keep them"),
        "{out}"
    );
    assert_eq!(lines.last(), Some(&"3 I/O managers examined, 1 with advice"), "{out}");
    let (code, out, _) = run(definitions(), "doctor used --quiet");
    assert_eq!(
        (code, out.contains("examined,"), out.contains("used (memory:)")),
        (0, false, true)
    );
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let broken = Arc::new(Broken::new(MemoryIo::new(), Fault::IgnoresPreconditions));
    let (code, out, err) = run(definitions().io_manager("broken", broken.clone()), "doctor broken");
    assert_eq!((code, err.as_str()), (1, ""));
    let row = out
        .lines()
        .find(|line| line.starts_with("conditional writes"))
        .expect("a row");
    assert!(
        row.contains("wrong") && row.contains("ignored: a write that wanted nothing to be there"),
        "{row}"
    );
    assert!(out.contains("\n  conditional writes: two writers at once"), "{out}");
    assert!(out.contains("set `preconditions = false`"), "{out}");
    assert!(out.ends_with("1 I/O manager examined, 1 wrong\n"), "{out}");
    let (code, document) = json(definitions().io_manager("broken", broken), "doctor broken");
    assert_eq!(
        (code, &document["io_managers"][0]["verdict"]),
        (1, &Json::from("wrong"))
    );
    let examined = document["io_managers"][0]["examined"].as_array().expect("a list");
    let found = examined
        .iter()
        .find(|examined| examined["what"] == "conditional writes")
        .expect("is there");
    assert_eq!(found["verdict"], "wrong");
    assert!(
        found["advice"]
            .as_str()
            .is_some_and(|advice| advice.contains("preconditions = false")),
        "{found}"
    );
}

#[test]
fn usage_ends_with_2() {
    let (code, out, err) = run(definitions(), "doctor usde");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("there is no I/O manager `usde`; did you mean `used`?"),
        "{err}"
    );
    assert_eq!(run(definitions(), "doctor --large=0").0, 2);
    assert_eq!(run(definitions(), "doctor --larg").0, 2);
}

#[test]
fn what_cannot_be_opened_and_is_not_used_is_told_beside_the_rest() {
    let broken = definitions().config_text(CONFIG.replace("history=1", "history=0"));
    let (code, out, err) = run(broken, "doctor");
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    assert!(out.lines().last().is_some_and(|line| line.contains("1 wrong")), "{out}");
    assert!(out.contains("\n  open: ") && out.contains("`history` is 0"), "{out}");
    assert!(out.contains("used (memory:)"), "{out}");
}

#[test]
fn local_disk_is_examined_and_left_as_it_was() {
    let home = tempfile::tempdir().expect("a directory");
    let root = home.path().join("root");
    let url = format!("file://{}", root.display());
    let (code, document) = json(definitions().io_manager_url("disk", url), "doctor disk --large=9");
    assert_eq!(code, 0, "{document:#}");
    let examined = document["io_managers"][0]["examined"].as_array().expect("a list");
    let told: Vec<(&str, &str)> = examined
        .iter()
        .map(|examined| {
            (
                examined["what"].as_str().unwrap_or(""),
                examined["verdict"].as_str().unwrap_or(""),
            )
        })
        .collect();
    let whats = [
        "write",
        "head",
        "read",
        "conditional writes",
        "list",
        "history",
        "large write",
        "large read",
        "large conditional writes",
        "delete",
    ];
    assert_eq!(told, whats.map(|what| (what, "fine")), "{document:#}");
    assert!(
        examined.iter().all(|examined| examined["seconds"].is_number()),
        "{document:#}"
    );
    let visible: Vec<_> = std::fs::read_dir(&root)
        .expect("is there")
        .map(|entry| entry.expect("can be read").file_name())
        .filter(|name| name != ".larder")
        .collect();
    assert!(visible.is_empty(), "{visible:?}");
}

/// In a thread that is nobody: root may do everything.
#[cfg(target_os = "linux")]
#[test]
fn a_root_without_permission_says_so() {
    use rustix::thread::{Uid, set_thread_res_uid};
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).expect("is mine");
    let root = home.path().join("root");
    std::fs::create_dir(&root).expect("is made");
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o555)).expect("is mine");
    let definitions = definitions().io_manager_url("disk", format!("file://{}", root.display()));
    let as_nobody = std::thread::spawn(move || {
        if rustix::process::geteuid().is_root() {
            let nobody = Uid::from_raw(65_534);
            // Threads that the command starts inherit it.
            set_thread_res_uid(nobody, nobody, nobody).expect("root may");
        }
        run(definitions, "doctor disk")
    });
    let (code, out, err) = as_nobody.join().expect("does not panic");
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    let row = out.lines().find(|line| line.starts_with("write")).expect("a row");
    assert!(row.contains("wrong") && row.contains("PermissionDenied"), "{out}");
    assert!(
        out.contains("\n  write: ") && out.contains(&root.display().to_string()),
        "{out}"
    );
    assert!(
        out.lines()
            .any(|line| line.starts_with("read") && line.contains("skipped")),
        "{out}"
    );
}
