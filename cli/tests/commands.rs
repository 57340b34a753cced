//! Every command through [`larder_cli::run`], on values in memory.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder_executor::{Asset, Definitions};
use larder_io_core::{Blob, Error, ErrorKind, Table};
use larder_io_memory::MemoryIo;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A pipeline, and whether its asset `reports/delays` fails.
struct Fixture {
    definitions: Definitions,
    broken: Arc<AtomicBool>,
}

fn flights() -> Table {
    let carriers: ArrayRef = Arc::new(StringArray::from(vec![Some("AA"), Some(""), None]));
    let delays: ArrayRef = Arc::new(Int64Array::from(vec![Some(-3), None, Some(1200)]));
    Table::from(RecordBatch::try_from_iter([("carrier", carriers), ("delay", delays)]).expect("fits"))
}

impl Fixture {
    fn new() -> Self {
        let broken = Arc::new(AtomicBool::new(false));
        let fails = Arc::clone(&broken);
        let run = AtomicU64::new(0);
        let assets = [
            Asset::builder("raw/flights")
                .description("Every flight.\nMore.")
                .function(|_| async { Ok(flights()) }),
            Asset::builder("reports/delays")
                .input_from::<Table>("flights", "raw/flights")
                .function(move |mut args| {
                    let (fails, run) = (fails.load(Ordering::Relaxed), run.fetch_add(1, Ordering::Relaxed));
                    async move {
                        let flights: Table = args.input().await?;
                        args.context().info("counting");
                        let cause = io::Error::other("the \x1b[31mcause");
                        let failure = Error::new(ErrorKind::AssetFailed, "no delays today").with_source(cause);
                        match fails {
                            true => Err(failure),
                            false => Ok(BTreeMap::from(
                                [("rows", flights.rows() as u64), ("run", run)]
                                    .map(|(name, count)| (name.to_owned(), count)),
                            )),
                        }
                    }
                }),
            Asset::builder("reports/page")
                .input_from::<BTreeMap<String, u64>>("delays", "reports/delays")
                .extension("html")
                .function(|mut args| async move {
                    let delays: BTreeMap<String, u64> = args.input().await?;
                    Ok(Blob::from(format!("<p>{}</p>\n", delays.len()).into_bytes()))
                }),
            Asset::builder("reports/image").function(|_| async { Ok(Blob::from(vec![0xff_u8; 2000])) }),
            Asset::builder("told")
                .input_from::<()>("page", "reports/page")
                .function(|_| async { Ok(()) }),
        ];
        let definitions = Definitions::new()
            .assets(assets)
            .with_every_asset_in(Arc::new(MemoryIo::new()));
        Self { definitions, broken }
    }

    /// Exit code, standard output, standard error.
    fn run(&self, args: &str) -> (u8, String, String) {
        run(self.definitions.clone(), args, false)
    }

    fn json(&self, args: &str) -> Json {
        let (code, out, err) = self.run(&format!("{args} --json"));
        assert_eq!((code, err.as_str()), (0, ""));
        serde_json::from_str(&out).expect("is one document")
    }
}

fn run(definitions: Definitions, args: &str, terminal: bool) -> (u8, String, String) {
    let args = ["target/debug/flights"]
        .into_iter()
        .chain(args.split_whitespace())
        .map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = larder_cli::run(definitions, args, &mut out, &mut err, terminal);
    (
        code,
        String::from_utf8(out).expect("is UTF-8"),
        String::from_utf8(err).expect("is UTF-8"),
    )
}

#[test]
fn without_a_command_everything_is_materialized() {
    let (code, out, err) = Fixture::new().run("");
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("materialized raw/flights  3 rows"), "{err}");
    assert!(err.contains("info reports/delays: counting"), "{err}");
    let summary: Vec<&str> = out.lines().collect();
    assert!(summary[0].starts_with("asset "), "{out}");
    assert!(
        summary[1].starts_with("raw/flights ") && summary[1].contains(" 3 "),
        "{out}"
    );
    assert!(out.contains("nothing to store"), "{out}");
    assert!(out.contains("5 done in "), "{out}");
    assert!(!out.contains('\x1b') && !err.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn a_selection_runs_alone_and_quietly() {
    let fixture = Fixture::new();
    let (code, out, err) = fixture.run("materialize +reports/delays --quiet --max-concurrent 1");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    assert_eq!(fixture.run("show reports/page").0, 1, "was not selected");
}

#[test]
fn a_failed_asset_is_told_with_what_it_stopped() {
    let fixture = Fixture::new();
    fixture.broken.store(true, Ordering::Relaxed);
    let (code, out, err) = fixture.run("");
    assert_eq!(code, 1);
    assert!(
        out.contains("raw/flights") && out.contains("2 done, 1 failed, 2 skipped in "),
        "{out}"
    );
    assert!(err.contains("failed reports/delays  AssetFailed"), "{err}");
    assert!(err.contains("skipped told  because reports/delays failed"), "{err}");
    assert!(err.contains("error[AssetFailed]: no delays today\n"), "{err}");
    assert!(err.contains("\n  asset: reports/delays\n"), "{err}");
    assert!(err.contains("\n  caused by: the \\u{1b}[31mcause\n"), "{err}");
    assert!(err.contains("\n  skipped because of it: reports/page, told\n"), "{err}");
    let (code, out, err) = fixture.run("--json");
    assert_eq!((code, err.as_str()), (1, ""));
    let events: Vec<Json> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("is JSON"))
        .collect();
    assert_eq!(events[0]["event"], "run_started");
    let failed = events
        .iter()
        .find(|event| event["event"] == "step_failed")
        .expect("failed");
    assert_eq!(failed["error"]["kind"], "AssetFailed");
    let last = events.last().expect("is there");
    assert_eq!(
        (&last["event"], &last["failed"], &last["skipped"]),
        (&"run_finished".into(), &1.into(), &2.into())
    );
}

#[test]
fn wrong_usage_and_wrong_definitions_are_2() {
    let fixture = Fixture::new();
    for (args, told) in [
        (
            "materialize raw/fligths",
            "error[InvalidDefinition]: there is no asset `raw/fligths`; did you mean `raw/flights`?",
        ),
        ("show delays", "did you mean `reports/delays`?"),
        ("show", "<ASSET>"),
        ("gc --older-than 3x", "write a whole number and s, m, h or d"),
        ("materialize --max-concurrent 0", "invalid value '0'"),
        ("graph --dot --mermaid", "cannot be used with"),
        ("graph --dot --json", "cannot be used with"),
        (
            "raw/flights",
            "tip: to materialize an asset, write `materialize raw/flights`",
        ),
    ] {
        let (code, out, err) = fixture.run(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args}: {err}");
        assert!(err.contains(told), "{args}: {err}");
    }
    let (code, _, err) = fixture.run("show nothing --json");
    let error: Json = serde_json::from_str(&err).expect("is JSON");
    assert_eq!((code, &error["error"]["kind"]), (2, &"InvalidDefinition".into()));
    let (code, _, err) = run(
        Definitions::new().asset(Asset::external::<u8>("a")).variables([]),
        "list",
        false,
    );
    assert_eq!(code, 2);
    assert!(
        err.starts_with("error[InvalidConfig]: `a`: there is no default I/O manager"),
        "{err}"
    );
}

#[test]
fn help_and_version_are_0_and_name_the_program() {
    let (code, out, _) = Fixture::new().run("--help");
    assert!(code == 0 && out.contains("Usage: flights [OPTIONS] [COMMAND]"), "{out}");
    let (code, out, _) = Fixture::new().run("show --help");
    assert!(
        code == 0 && out.contains("Usage: flights show [OPTIONS] [ASSET]"),
        "{out}"
    );
    let (code, out, _) = Fixture::new().run("--version");
    assert!(code == 0 && out.starts_with("flights (larder "), "{out}");
}

#[test]
fn list_graph_and_explain() {
    let fixture = Fixture::new();
    let (code, out, _) = fixture.run("list");
    assert_eq!(code, 0);
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["asset", "form", "io", "manager", "description"]);
    assert_eq!(lines[1], ["raw/flights", "table", "everything", "Every", "flight."]);
    assert_eq!(fixture.json("list")[1]["inputs"], serde_json::json!(["raw/flights"]));
    let (_, tree, _) = fixture.run("graph");
    let wanted = "raw/flights\n└── reports/delays\n    └── reports/page\n        └── told\nreports/image\n";
    assert_eq!(tree, wanted);
    assert_eq!(
        fixture.json("graph")["edges"][0],
        serde_json::json!({ "from": "raw/flights", "to": "reports/delays" })
    );
    assert!(fixture.run("graph --dot").1.starts_with("digraph"));
    let (_, out, _) = fixture.run("explain raw/flights");
    assert!(
        out.contains("  io manager    everything, because every asset is stored there\n"),
        "{out}"
    );
    assert!(out.contains("  published     nothing yet\n"), "{out}");
    fixture.run("");
    assert!(
        fixture
            .run("explain raw/flights")
            .1
            .contains("  published     version ")
    );
    assert_eq!(fixture.json("explain raw/flights")["published"]["rows"], 3);
    assert_eq!(fixture.run("explain told").0, 0);
}

#[test]
fn show_tells_the_forms_apart() {
    let fixture = Fixture::new();
    let (code, _, err) = fixture.run("show raw/flights");
    assert!(
        code == 1 && err.contains("error[NotFound]") && err.contains("  asset: raw/flights"),
        "{err}"
    );
    fixture.run("");
    let wanted = "\
┌─────────┬───────┐
│ carrier ┆ delay │
│ Utf8    ┆ Int64 │
╞═════════╪═══════╡
│ AA      ┆    -3 │
│ \"\"      ┆  null │
└─────────┴───────┘
2 of 3 rows, 2 columns
";
    assert_eq!(fixture.run("show raw/flights --head 2").1, wanted);
    let document = fixture.json("show raw/flights --head 1");
    assert_eq!(
        (&document["total_rows"], document["rows"].as_array().map(Vec::len)),
        (&3.into(), Some(1))
    );
    assert_eq!(
        fixture.run("show reports/delays").1,
        "{\n  \"rows\": 3,\n  \"run\": 0\n}\n"
    );
    assert_eq!(fixture.run("show reports/page").1, "<p>2</p>\n");
    assert_eq!(fixture.json("show reports/page")["text"], "<p>2</p>\n");
    assert!(fixture.run("show reports/image").1.starts_with("2.0 kB, not text\n"));
    assert_eq!(fixture.run("show told").0, 2);
}

#[test]
fn old_versions_are_listed_shown_and_restored() {
    let fixture = Fixture::new();
    assert!(
        fixture
            .run("history reports/delays")
            .1
            .contains("no version of reports/delays is kept")
    );
    fixture.run("");
    fixture.run("");
    let (code, out, _) = fixture.run("history reports/delays");
    let marks: Vec<bool> = out.lines().skip(1).map(|line| line.starts_with('*')).collect();
    assert_eq!((code, marks), (0, vec![true, false]), "{out}");
    let document = fixture.json("history reports/delays");
    let old = document["versions"][1]["version"].as_str().expect("is text").to_owned();
    assert!(
        fixture
            .run(&format!("show reports/delays --version {old}"))
            .1
            .contains("\"run\": 0")
    );
    let (code, out, _) = fixture.run(&format!("restore reports/delays {old}"));
    assert!(
        code == 0 && out.starts_with("restored reports/delays to the value of version "),
        "{out}"
    );
    assert!(fixture.run("show reports/delays").1.contains("\"run\": 0"));
    let (code, _, err) = fixture.run("restore reports/delays zzz");
    assert!(code == 1 && err.contains("error[NotFound]"), "{err}");
}

#[test]
fn gc_finds_nothing_in_memory() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.run("gc --dry-run").1,
        "nothing is left behind that is older than 24 h\n"
    );
    assert_eq!(fixture.json("gc --older-than 7d")["removed"], serde_json::json!([]));
}

#[test]
fn a_watcher_that_cannot_see_bars_gets_lines() {
    let (code, _, err) = run(Fixture::new().definitions, "", true);
    assert!(code == 0 && err.contains("materialized"), "{err}");
}

/// Somebody who goes away.
struct Closed(io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_does_not() {
    let fixture = Fixture::new();
    for (kind, wanted) in [(io::ErrorKind::BrokenPipe, 0), (io::ErrorKind::StorageFull, 1)] {
        for args in [&["x", "list"][..], &["x", "--json"], &["x", "--help"]] {
            let mut err = Vec::new();
            let args = args.iter().map(OsString::from);
            let code = larder_cli::run(fixture.definitions.clone(), args, &mut Closed(kind), &mut err, false);
            let err = String::from_utf8(err).expect("is UTF-8");
            assert_eq!((code, err.is_empty()), (wanted, wanted == 0), "{err}");
        }
    }
    assert_eq!(
        fixture.run("show reports/delays").0,
        0,
        "the run went on without its reader"
    );
}

#[test]
fn each_partition_may_have_a_run_of_its_own() {
    let days = Asset::builder("days")
        .partitions(larder_partitions::Partitioning::fixed("kind", ["a", "b", "c"]))
        .function(|args| async move {
            match args.context().partition().and_then(|partition| partition.get("kind")) {
                Some("b") => Err(Error::new(ErrorKind::AssetFailed, "no b")),
                _ => Ok(1_u64),
            }
        });
    let definitions = Definitions::new()
        .assets([days])
        .with_every_asset_in(Arc::new(MemoryIo::new()));
    let (code, _, err) = run(definitions.clone(), "materialize days --partitions-per-run 1", false);
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("materialized days kind=a") && err.contains("materialized days kind=c"),
        "{err}"
    );
    let told =
        "1 partition failed in 1 of 3 runs\n  try again: materialize days --partitions 'b' --partitions-per-run 1";
    assert!(err.contains(told), "{err}");
    let (code, _, err) = run(
        definitions,
        "materialize days --partitions a,c --partitions-per-run 1",
        false,
    );
    assert_eq!(code, 0, "{err}");
}
