//! `capacity` and `advise`, by given sizes and by history.

use larder_catalog::{Catalog, Durations, Entry};
use larder_executor::{Asset, Definitions};
use larder_io_core::{AssetKey, Blob, Form, InputContext, Location, Maybe, Receipt, RunId, Table};
use larder_io_fs::FsConfig;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// `clean/flights`, taken by `page`; `days` has three partitions, `told` stores nothing, `never` never ran.
fn definitions(home: &Path) -> Definitions {
    let assets = [
        Asset::builder("clean/flights").function(|_| async { Ok(BTreeMap::from([("rows".to_owned(), 1_u64)])) }),
        Asset::builder("page")
            .input_from::<Maybe<BTreeMap<String, u64>>>("flights", "clean/flights")
            .function(|_| async { Ok(Blob::from(vec![7_u8; 2000])) }),
        Asset::builder("days")
            .partitions(larder_partitions::Partitioning::fixed("day", ["a", "b", "c"]))
            .function(|_| async { Ok(Blob::from(vec![7_u8; 1000])) }),
        Asset::builder("told").function(|_| async { Ok(()) }),
        Asset::builder("never").function(|_| async { Table::new(Arc::new(arrow_schema::Schema::empty()), vec![]) }),
    ];
    let manager = FsConfig::new(home.join("storage")).open().expect("opens");
    Definitions::new()
        .assets(assets)
        .default_io_manager(Arc::new(manager))
        .catalog_file(home.join("larder.db"))
        .variables([])
}

/// Exit code, standard output, standard error. `_` in an argument is a space.
fn run(home: &Path, args: &str) -> (u8, String, String) {
    let args = ["flights"]
        .into_iter()
        .chain(args.split_whitespace())
        .map(|arg| OsString::from(arg.replace('_', " ")));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = larder_cli::run(definitions(home), args, &mut out, &mut err, false);
    let text = |bytes| String::from_utf8(bytes).expect("is UTF-8");
    (code, text(out), text(err))
}

fn done(home: &Path, args: &str) -> String {
    let (code, out, err) = run(home, args);
    assert_eq!((code, err.as_str()), (0, ""), "{args}: {out}");
    out
}

fn json_of(home: &Path, args: &str) -> Json {
    serde_json::from_str(&done(home, &format!("{args} --json"))).expect("is one document")
}

fn figure<'j>(document: &'j Json, name: &str) -> &'j Json {
    let all = ["figures", "settings"].map(|list| document[list].as_array().expect("is a list"));
    let mut all = all.into_iter().flatten();
    all.find(|figure| figure["name"] == name).unwrap_or(&Json::Null)
}

/// Stores that somebody recorded: (asset, run, hours ago, form, format, bytes, seconds).
fn record(home: &Path, stores: &[(&str, &str, i64, Form, &str, u64, f64)]) {
    let runtime = tokio::runtime::Runtime::new().expect("starts");
    let catalog = Catalog::open(&home.join("larder.db")).expect("opens");
    for (asset, run, hours, form, format, bytes, seconds) in stores {
        let key: AssetKey = asset.parse().expect("is a key");
        let location: Location = asset.parse().expect("is a location");
        let ctx = InputContext::new(key.clone(), None, location.clone());
        let mut receipt = Receipt::foreign(&ctx, location, *form, format);
        receipt.bytes = *bytes;
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(*hours);
        let mut entry = Entry::new(key, None, RunId::from_text(*run), at, "io_manager", "v");
        entry.receipt = Some(receipt);
        entry.durations = Durations {
            store: Duration::from_secs_f64(*seconds),
            ..Durations::default()
        };
        catalog.record(entry);
    }
    runtime.block_on(catalog.flush()).expect("is written");
}

#[test]
fn given_sizes_need_no_history() {
    let home = tempfile::tempdir().expect("a directory");
    let args = "capacity --assets 1000 --size 25MiB --runs-per-day 3 --window 4h --concurrent 10 --memory 8GiB";
    let out = done(home.path(), args);
    let lines: Vec<Vec<&str>> = out
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    for line in [
        [
            "memory, one at a time",
            "75.0 MiB (78.6 MB)",
            "memory factor × largest value = 3 × 25.0 MiB",
        ],
        [
            "network a day",
            "73.2 GiB (78.6 GB)",
            "assets × size × stores a day = 1000 × 25.0 MiB × 3",
        ],
        [
            "network within 4 h",
            "41.7 Mibit/s (43.7 Mbit/s)",
            "a day's bytes × 8 ÷ window = 73.2 GiB × 8 ÷ 14400 s",
        ],
        [
            "max_concurrent_by_memory",
            "81",
            "the 81 largest of 1000 steps take 5.9 GiB, within 6.0 GiB",
        ],
        ["max_concurrent", "2", "min(2 by total, 81 by memory), 1 at least"],
    ] {
        assert!(lines.iter().any(|it| it == &line), "{line:?}\n{out}");
    }
    assert!(!home.path().join("larder.db").exists(), "no catalogue was made");
    let document = json_of(home.path(), args);
    let day = json!({
        "name": "network_per_day", "unit": "bytes", "value": 78_643_200_000_u64,
        "formula": "assets × size × stores a day = 1000 × 25.0 MiB × 3",
    });
    assert_eq!(figure(&document, "network_per_day"), &day);
    assert_eq!(figure(&document, "memory_budget")["value"], 6 * 1024_u64.pow(3));
    assert_eq!(
        (&document["from"], &document["window_seconds"]),
        (&json!("given"), &json!(14_400))
    );
}

#[test]
fn partitions_and_retention_make_the_storage() {
    let home = tempfile::tempdir().expect("a directory");
    let of = |more: &str| {
        json_of(
            home.path(),
            &format!("capacity --assets 50 --size 25MiB --partitions 365 {more}"),
        )
    };
    let published = 50 * 365 * 25 * 1024 * 1024_u64;
    let document = of("");
    assert_eq!(figure(&document, "storage_published")["value"], published);
    assert_eq!(figure(&document, "storage_held")["value"], 5 * published);
    let document = of("--retention last_2");
    assert_eq!(figure(&document, "storage_held")["value"], 2 * published);
    assert_eq!(figure(&of("--retention forever"), "storage_held"), &Json::Null);
}

#[test]
fn bad_input_is_told_with_what_to_write() {
    let home = tempfile::tempdir().expect("a directory");
    for (args, told) in [
        (
            "capacity --assets 5 --size 0MB",
            "it is zero; write `25MB`, `1.5GB` or `25MiB`",
        ),
        ("capacity --assets 5 --size=-1MB", "it is negative"),
        ("capacity --assets 5 --size much", "it does not begin with a number"),
        ("capacity --assets 5 --size 25", "it has no unit"),
        ("capacity --assets 5 --size 25mib", "did you mean `MiB`?"),
        (
            "capacity --assets 0 --size 25MB",
            "invalid value '0' for '--assets <N>'",
        ),
        (
            "capacity --assets=-2 --size 25MB",
            "invalid value '-2' for '--assets <N>'",
        ),
        ("capacity --assets 5", "--size <SIZE>"),
        ("capacity --size 5MB", "--assets <N>"),
        ("capacity --partitions 5", "--assets <N>"),
        ("capacity page --assets 5 --size 5MB", "cannot be used with"),
        ("capacity --runs-per-day 0", "is no number above 0"),
        ("capacity --runs-per-day nan", "is no number above 0"),
        ("capacity --runs-per-day=-1", "is no number above 0"),
        ("capacity --memory-factor inf", "is no number above 0"),
        ("capacity --window 0h", "a window of no time has no rate"),
        ("capacity --window 25h", "more than a day"),
        ("capacity --window 4x", "is no age"),
        ("capacity --concurrent 0", "invalid value '0' for '--concurrent <N>'"),
        ("capacity --retention last", "is no retention"),
        ("capacity --memory 0B", "it is zero"),
        ("advise --uses-per-day 0", "is no number above 0"),
        ("advise pgae", "did you mean `page`?"),
        ("capacity", "error[InvalidConfig]: nothing is recorded of this pipeline"),
        ("advise", "error[InvalidConfig]: nothing is recorded of this pipeline"),
    ] {
        let (code, out, err) = run(home.path(), args);
        assert_eq!((code, out.as_str()), (2, ""), "{args}: {err}");
        assert!(err.contains(told), "{args}: {err}");
    }
}

#[test]
fn history_has_sizes_and_rhythms() {
    let home = tempfile::tempdir().expect("a directory");
    done(home.path(), "materialize page told --quiet");
    let once = json_of(home.path(), "capacity --concurrent 2 --memory 1GB");
    assert_eq!(once["from"], "history");
    // `told` stores nothing: it is neither counted nor unknown.
    let unknown = json!([
        { "asset": "clean/flights", "why": "it was never materialized" },
        { "asset": "days", "why": "it was never materialized" },
        { "asset": "never", "why": "it was never materialized" },
    ]);
    assert_eq!(once["unknown"], unknown);
    assert_eq!(figure(&once, "memory_sequential")["value"], 6000);
    assert_eq!(figure(&once, "storage_published")["value"], 2000);
    assert_eq!(figure(&once, "network_per_day")["value"], 0);
    assert_eq!(
        figure(&once, "network_per_day")["without"],
        json!(["page"]),
        "one run is no rhythm"
    );
    let said = json_of(home.path(), "capacity --runs-per-day 4");
    assert_eq!(figure(&said, "network_per_day")["value"], 8000);
    assert_eq!(figure(&said, "network_per_day").get("without"), None);
    done(home.path(), "materialize page --quiet");
    let twice = json_of(home.path(), "capacity");
    assert_eq!(figure(&twice, "network_per_day")["value"], 4000);
    assert_eq!(twice["assets"][0]["stores_per_day"], 2.0);
    let out = done(home.path(), "capacity page never --concurrent 2 --memory 1GB");
    assert!(
        out.contains("\nunknown, and in no figure:\n  never: it was never materialized\n"),
        "{out}"
    );
    assert!(!out.contains("clean/flights"), "was not selected\n{out}");
    assert!(out.contains("assets × size × stores a day = 2.0 kB × 2"), "{out}");
}

#[test]
fn partitions_are_counted_one_by_one() {
    let home = tempfile::tempdir().expect("a directory");
    done(home.path(), "materialize days --partitions a,b --quiet");
    done(home.path(), "materialize days --partitions b --quiet");
    let document = json_of(home.path(), "capacity days --concurrent 1 --retention last_3");
    let asset = &document["assets"][0];
    assert_eq!((&asset["values"], &asset["size_bytes"]), (&json!(2), &json!(1000)));
    assert_eq!(asset["stores_per_day"], 3.0, "values, not runs");
    assert_eq!(figure(&document, "storage_published")["value"], 2000);
    assert_eq!(figure(&document, "storage_held")["value"], 6000);
    assert_eq!(figure(&document, "memory_sequential")["value"], 3000);
    done(home.path(), "delete days --partitions a --quiet");
    let document = json_of(home.path(), "capacity days");
    assert_eq!(
        figure(&document, "storage_published")["value"],
        1000,
        "what is deleted is not stored"
    );
}

#[test]
fn rhythms_count_from_the_oldest_store() {
    let home = tempfile::tempdir().expect("a directory");
    // Six in two days: three a day, of 40 MB and once 100 MB.
    let stores = ["a", "b", "c", "d", "e", "f"].map(|run| match run {
        "a" => ("clean/flights", run, 48, Form::Object, "json", 100_000_000, 1.0),
        _ => ("clean/flights", run, 8, Form::Object, "json", 40_000_000, 1.0),
    });
    record(home.path(), &stores);
    let document = json_of(home.path(), "capacity clean/flights --concurrent 1 --memory 1GB");
    let asset = &document["assets"][0];
    assert_eq!(
        (&asset["size_bytes"], &asset["largest_bytes"]),
        (&json!(50_000_000), &json!(100_000_000))
    );
    let stores = asset["stores_per_day"].as_f64().expect("is known");
    assert!((stores - 3.0).abs() < 0.01, "{stores}");
    assert_eq!(figure(&document, "memory_sequential")["value"], 300_000_000);
    let (_, _, err) = run(home.path(), "capacity clean/flights --memory 100MB --concurrent 1");
    assert!(
        err.starts_with("warning: the largest step takes 300.0 MB, more than the budget of 75.0 MB"),
        "{err}"
    );
}

#[test]
fn advice_follows_size_use_and_what_was_measured() {
    let home = tempfile::tempdir().expect("a directory");
    let mut stores = vec![
        ("clean/flights", "0", 24, Form::Object, "pickle", 85_000_000, 2.3),
        ("clean/flights", "1", 23, Form::Object, "json", 45_000_000, 0.8),
    ];
    // What takes it makes it often used.
    let runs: Vec<String> = (10..30).map(|run| run.to_string()).collect();
    stores.extend(
        runs.iter()
            .map(|run| ("page", run.as_str(), 20, Form::Blob, "bytes", 12_000_000_000, 60.0)),
    );
    record(home.path(), &stores);
    let (code, out, err) = run(home.path(), "advise --memory 16GB");
    assert_eq!(code, 0);
    let warned = "warning: page does not fit whole: 3 × 12.0 GB = 36.0 GB, and the memory is 16.0 GB\n";
    assert_eq!(err, warned);
    let line = |asset: &str| {
        out.lines()
            .find(|line| line.starts_with(asset))
            .expect(asset)
            .to_owned()
    };
    let flights = line("clean/flights");
    assert!(flights.contains("parquet, or arrow on local disk"), "{out}");
    assert!(
        flights.contains("45.0 MB is 10 MB to 1 GB, and used 22 times a day: return a `Table`"),
        "{out}"
    );
    assert!(line("page").contains("a `DataRef`"), "{out}");
    assert!(line("never").contains("unknown: it was never materialized"), "{out}");
    let measured = "measured: clean/flights: json 45.0 MB, 0.800 s (1 stored), was pickle 85.0 MB, 2.300 s (1 stored): 47 % fewer bytes, 65 % less time to store";
    assert!(out.lines().any(|line| line == measured), "{out}");
    assert_eq!(
        out.matches("measured:").count(),
        1,
        "nothing is said where nothing was measured"
    );
    let document = json_of(home.path(), "advise clean/flights --uses-per-day 2 --memory 16GB");
    assert_eq!(
        (&document[0]["way"], &document[0]["uses_per_day"]),
        (&json!("as_is"), &json!(2.0))
    );
    assert_eq!(document[0]["measured"][1]["format"], "pickle");
}

#[test]
fn a_function_that_takes_more_than_the_memory_is_refused() {
    let home = tempfile::tempdir().expect("a directory");
    record(
        home.path(),
        &[
            ("never", "0", 24, Form::Table, "parquet", 20_000_000_000, 60.0),
            ("clean/flights", "0", 24, Form::Object, "json", 9_000_000_000, 60.0),
        ],
    );
    let (code, out, err) = run(home.path(), "advise never page --memory 16GB");
    assert_eq!(code, 1, "{out}{err}");
    let refused: Vec<&str> = err.lines().filter(|line| line.starts_with("refused: ")).collect();
    let [refused] = refused.as_slice() else { panic!("{err}") };
    assert!(
        refused.contains("the function of page takes clean/flights whole (9.0 GB): 3 × 9.0 GB = 27.0 GB"),
        "{err}"
    );
    assert!(refused.contains("`engine = \"spark\"`"), "{err}");
    let (code, out, _) = run(home.path(), "advise never --json");
    assert_eq!(code, 0);
    let document: Json = serde_json::from_str(&out).expect("is one document");
    assert_eq!(document[0]["way"], "engine");
}
