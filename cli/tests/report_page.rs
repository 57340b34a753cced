//! The page of `report`, and what `compare` and `runs` tell of the same runs; the page also in a real browser.

use larder_cli::run;
use larder_executor::{Asset, Definitions};
use larder_io_core::{Error, ErrorKind, Table};
use larder_io_fs::backend;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where the screenshots are kept.
fn pictures() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&target).expect("can be made");
    target
}

/// A name that would be more than a name in a careless page.
const HOSTILE: &str = "bad|<img src=x onerror=\"document.title='taken'\">";
const MESSAGE: &str = "</pre><script>document.title='taken'</script> the source has no rows";

fn table(rows: u64) -> Table {
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    let count = rows.cast_signed();
    let numbers: ArrayRef = Arc::new((0..count).map(|at| Some(at * 7919 % 1000)).collect::<Int64Array>());
    let words: ArrayRef = Arc::new(
        (0..count)
            .map(|at| Some(format!("word {}", at % 97)))
            .collect::<StringArray>(),
    );
    Table::from(RecordBatch::try_from_iter([("number", numbers), ("word", words)]).expect("fits"))
}

/// Five layers of twelve assets, of which three fail; each run more rows than the one before.
struct Fixture {
    home: tempfile::TempDir,
    rows: Arc<AtomicU64>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("can be made"),
            rows: Arc::new(AtomicU64::new(2000)),
        }
    }

    fn definitions(&self) -> Definitions {
        let mut assets = Vec::new();
        let name = |layer: usize, at: usize| match (layer, at) {
            (2, 5) => HOSTILE.to_owned(),
            (0, _) => format!("raw/source_{at:02}"),
            (4, _) => format!("reports/of_something_long/page_{at:02}"),
            _ => format!("clean/{}/table_{at:02}", ["", "joined", "filtered", "counted"][layer]),
        };
        for layer in 0..5 {
            for at in 0..12 {
                let mut builder = Asset::builder(name(layer, at));
                let inputs: Vec<String> = match layer {
                    0 => Vec::new(),
                    _ => vec![name(layer - 1, at), name(layer - 1, (at * 5 + layer) % 12)],
                };
                for (number, input) in inputs.iter().enumerate() {
                    builder = builder.input_from::<Table>(format!("input{number}"), input.clone());
                }
                let (rows, fails) = (Arc::clone(&self.rows), matches!((layer, at), (1, 9) | (2, 5) | (3, 8)));
                let count = inputs.len();
                assets.push(builder.function(move |mut args| {
                    let rows = rows.load(Ordering::Relaxed);
                    async move {
                        for _ in 0..count {
                            args.input::<Table>().await?;
                        }
                        tokio::time::sleep(Duration::from_millis(3 + at as u64)).await;
                        match fails {
                            true => Err(Error::new(ErrorKind::AssetFailed, MESSAGE)),
                            false => Ok(table(rows * (1 + at as u64))),
                        }
                    }
                }));
            }
        }
        let home = self.home.path().display().to_string();
        Definitions::new()
            .assets(assets)
            .backend(backend())
            .without_config()
            .variables([("LARDER_HOME".to_owned(), home)])
    }

    fn told(&self, args: &[&str]) -> (u8, String, String) {
        let args = std::iter::once("pipeline")
            .chain(args.iter().copied())
            .map(OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(self.definitions(), args, &mut out, &mut err, false);
        let text = |bytes| String::from_utf8(bytes).expect("is text");
        (code, text(out), text(err))
    }

    fn json(&self, args: &[&str]) -> Json {
        let (code, out, err) = self.told(&[args, &["--json"]].concat());
        assert_eq!((code, err.as_str()), (0, ""));
        serde_json::from_str(&out).expect("is one document")
    }

    /// Some runs, each of more rows; the page of the last one.
    fn page(&self, runs: u64) -> (PathBuf, String) {
        for _ in 0..runs {
            self.rows.fetch_add(700, Ordering::Relaxed);
            let (code, ..) = self.told(&["materialize", "--quiet", "--max-concurrent", "3"]);
            assert_eq!(code, 1, "three fail");
        }
        let file = self.home.path().join("page.html");
        let (code, out, err) = self.told(&["report", "--out", &file.display().to_string()]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with("wrote "), "{out}");
        let html = std::fs::read_to_string(&file).expect("was written");
        (file, html)
    }
}

#[test]
fn a_page_has_all_of_a_run() {
    let fixture = Fixture::new();
    let (_, html) = fixture.page(2);
    assert_eq!(html.matches("class=\"node ").count(), 60);
    assert_eq!(html.matches("class=\"node failed\"").count(), 3);
    assert!(html.matches("class=\"node held\"").count() > 3);
    assert_eq!(html.matches("class=\"error\"").count(), 3);
    assert!(!html.contains("<img") && html.matches("<script").count() == 1);
    assert!(html.contains("raw/source_07") && html.contains("Memory at its peak"));
    let (code, _, err) = fixture.told(&["report", "--out", "/nowhere/page.html"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("cannot be written to /nowhere/page.html") && err.contains("`--out`"),
        "{err}"
    );
    let (_, _, err) = fixture.told(&["report", "zzz"]);
    assert!(err.contains("there is no run `zzz`"), "{err}");
}

#[test]
fn two_runs_are_compared() {
    let fixture = Fixture::new();
    let (code, _, err) = fixture.told(&["compare"]);
    assert_eq!(code, 2, "{err}");
    fixture.page(1);
    let (_, _, err) = fixture.told(&["compare"]);
    assert!(err.contains("there is no run before the last one"), "{err}");
    fixture.rows.store(60_000, Ordering::Relaxed);
    fixture.page(1);
    let compared = fixture.json(&["compare", "previous", "last"]);
    let assets = compared["assets"].as_array().expect("is a list");
    let slower = |at: usize| assets[at]["slower_seconds"].as_f64().expect("is a number");
    assert!((1..assets.len()).all(|at| slower(at - 1) >= slower(at)));
    let of = |name: &str| assets.iter().find(|asset| asset["assets"] == name).expect("is there");
    let one = of("raw/source_11");
    assert_eq!(one["before"]["rows"], 2700 * 12);
    assert_eq!(one["after"]["rows"], 60_700 * 12);
    assert!(one["after"]["bytes"].as_u64() > one["before"]["bytes"].as_u64());
    assert_eq!(of(HOSTILE)["what"], "fails in both");
    let (_, text, _) = fixture.told(&["compare", "--limit", "100"]);
    assert!(
        text.contains("raw/source_11") && text.contains("fails in both"),
        "{text}"
    );
    assert!(text.contains("times as large"), "{text}");
    let run = fixture.json(&["runs", "last"]);
    assert_eq!(run["run"], compared["after"]);
    let steps = run["steps"].as_array().expect("is a list");
    let step = steps
        .iter()
        .find(|step| step["assets"][0] == "raw/source_11")
        .expect("is there");
    assert!(
        step["store_seconds"].as_f64() > Some(0.0) && step["value_bytes"].as_u64() > Some(0),
        "{step}"
    );
    assert!(run["memory"]["peak_bytes"].as_u64() > Some(0), "{run}");
}

/// What a browser prints.
fn browser(page: &Path, more: &[String]) -> String {
    let browser = std::env::var_os("LARDER_CHROMIUM").expect("LARDER_CHROMIUM names a Chromium");
    let profile = tempfile::tempdir().expect("can be made");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ])
        .args(["--enable-logging=stderr", "--virtual-time-budget=3000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(more)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("can be started");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    // Scripts and styles that are refused, and errors of scripts, are told there.
    assert!(!told.contains("CONSOLE"), "{told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The page with one more script of its own, which the page lets run.
fn with_script(page: &Path, html: &str, script: &str) -> PathBuf {
    let nonce = html
        .split("<script nonce=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let nonce = nonce.expect("the page has a script");
    let copy = page.with_file_name("copy.html");
    let more = format!("<script nonce=\"{nonce}\">{script}</script></body>");
    std::fs::write(&copy, html.replace("</body>", &more)).expect("can be written");
    copy
}

#[test]
#[ignore = "needs Chromium in LARDER_CHROMIUM"]
fn the_page_in_a_browser() {
    let fixture = Fixture::new();
    let (page, html) = fixture.page(4);
    std::fs::copy(&page, pictures().join("page.html")).expect("can be kept");
    for (name, scheme) in [("light", 1), ("dark", 0)] {
        let picture = pictures().join(format!("{name}.png"));
        drop(std::fs::remove_file(&picture));
        let options = [
            format!("--screenshot={}", picture.display()),
            format!("--blink-settings=preferredColorScheme={scheme}"),
            "--window-size=1500,3600".to_owned(),
        ];
        browser(&page, &options);
        assert!(std::fs::metadata(&picture).expect("was taken").len() > 50_000);
    }
    // What the browser made of it: how it looks, whether anything of it acted, whether it sorts.
    let look = "
        const box = name => { const r = document.querySelector(name).getBoundingClientRect(); return [r.width, r.height]; };
        const column = () => [...document.querySelectorAll('#history ~ div td:last-child')].length;
        document.querySelector('table.sortable thead th:nth-child(7)').click();
        const rows = [...document.querySelectorAll('table.sortable')[0].tBodies[0].rows];
        const sorted = rows.map(row => Number(row.cells[6].dataset.v));
        const result = { title: document.title, images: document.images.length, graph: box('svg.graph'), timeline: box('svg.timeline'),
            background: getComputedStyle(document.body).backgroundColor, nodes: document.querySelectorAll('g.node').length,
            wide: document.documentElement.scrollWidth <= innerWidth, charts: column(), sorted };
        const pre = document.createElement('pre'); pre.id = 'result'; pre.textContent = JSON.stringify(result); document.body.append(pre);";
    let copy = with_script(&page, &html, look);
    let mut backgrounds = BTreeMap::new();
    for (name, scheme) in [("light", 1), ("dark", 0)] {
        let dom = browser(
            &copy,
            &[
                "--dump-dom".to_owned(),
                format!("--blink-settings=preferredColorScheme={scheme}"),
                "--window-size=1500,1000".to_owned(),
            ],
        );
        let result = dom
            .split("<pre id=\"result\">")
            .nth(1)
            .and_then(|rest| rest.split("</pre>").next());
        let result: Json = serde_json::from_str(result.expect("the script ran")).expect("is JSON");
        assert!(
            result["title"]
                .as_str()
                .is_some_and(|title| title.starts_with("larder: run ")),
            "{result}"
        );
        assert_eq!((&result["images"], &result["nodes"]), (&Json::from(0), &Json::from(60)));
        assert_eq!(result["wide"], true, "the page is wider than its window");
        assert!(
            result["graph"][0].as_f64() > Some(900.0) && result["timeline"][1].as_f64() > Some(600.0),
            "{result}"
        );
        let sorted: Vec<f64> = result["sorted"]
            .as_array()
            .expect("is a list")
            .iter()
            .filter_map(Json::as_f64)
            .collect();
        assert!(
            sorted.len() > 40 && sorted.is_sorted_by(|one, other| one >= other),
            "{sorted:?}"
        );
        backgrounds.insert(name, result["background"].clone());
    }
    assert_ne!(backgrounds["light"], backgrounds["dark"]);
}
