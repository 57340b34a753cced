//! `larder optimize` and `larder vacuum`, as somebody types them.

use super::{numbers, on_disk, rows};
use larder_executor::{Asset, Definitions};
use larder_io_core::Table;
use larder_io_delta::WriteMode;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const RUNS: u64 = 4;
const ROWS: i64 = 100;

struct Lake {
    dir: TempDir,
    definitions: Definitions,
}

impl Lake {
    /// A table that each run appends to.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let manager = on_disk(dir.path(), |config| config.mode = WriteMode::Append);
        let asset = Asset::builder("orders").function(|_| async { Ok(rows((0..ROWS).rev())) });
        let definitions = Definitions::new().asset(asset).with_every_asset_in(Arc::new(manager));
        Self { dir, definitions }
    }

    /// Exit code, standard output, standard error.
    fn run(&self, args: &str) -> (u8, String, String) {
        let args = ["larder"].into_iter().chain(args.split_whitespace()).map(Into::into);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = larder_cli::run(self.definitions.clone(), args, &mut out, &mut err, false);
        let text = |bytes| String::from_utf8(bytes).expect("is text");
        (code, text(out), text(err))
    }

    /// What a command that goes well prints.
    fn done(&self, args: &str) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "{args}: {err}");
        out
    }

    fn refused(&self, args: &str) -> String {
        let (code, out, err) = self.run(args);
        assert_ne!(code, 0, "{args}: {out}{err}");
        err
    }

    fn json(&self, args: &str) -> Json {
        let (code, out, err) = self.run(&format!("{args} --json"));
        assert_eq!((code, err.as_str()), (0, ""), "{args}");
        serde_json::from_str(&out).expect("is one document")
    }

    /// Files of rows, also those that no version needs.
    fn files(&self) -> Vec<PathBuf> {
        let table = self.dir.path().join("orders.delta");
        let entries = std::fs::read_dir(table).expect("is there");
        let paths = entries.map(|entry| entry.expect("is there").path());
        let is_data = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "parquet");
        let mut files: Vec<PathBuf> = paths.filter(is_data).collect();
        files.sort_unstable();
        files
    }

    fn stored(&self) -> Vec<i64> {
        let runtime = tokio::runtime::Runtime::new().expect("starts");
        runtime.block_on(async {
            let pipeline = self.definitions.clone().build().expect("fits");
            numbers(&pipeline.load::<Table>("orders").await.expect("loads"))
        })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("has one").to_string_lossy().into_owned()
}

#[test]
fn files_are_rewritten_and_then_removed() {
    let lake = Lake::new();
    for _ in 0..RUNS {
        lake.done("materialize");
    }
    let small = lake.files();
    assert_eq!(small.len() as u64, RUNS);

    let told = lake.refused("optimize orders --z-order price");
    assert!(told.contains("`price`"), "{told}");
    let told = lake.refused("optimize order");
    assert!(told.contains("did you mean `orders`"), "{told}");
    assert_eq!(lake.files(), small, "what is refused writes nothing");

    let done = lake.json("optimize orders --z-order n");
    assert_eq!(
        (&done["files_before"], &done["files_after"]),
        (&json!(RUNS), &json!(1)),
        "{done}"
    );
    let each = (0..ROWS).flat_map(|number| std::iter::repeat_n(number, RUNS as usize));
    assert!(lake.stored().into_iter().eq(each), "rows lie in the order of `n`");
    let told = lake.done("optimize orders");
    assert!(told.contains("orders has no files worth rewriting"), "{told}");

    let told = lake.done("vacuum orders");
    assert!(told.contains("no file is older than the retention"), "{told}");
    let told = lake.refused("vacuum orders --retention 1s");
    assert!(told.contains("force"), "{told}");
    assert_eq!(lake.files().len() as u64, RUNS + 1);

    let planned = lake.json("vacuum --retention 0s --force --dry-run");
    assert_eq!(lake.files().len() as u64, RUNS + 1, "only tells");
    let removed = lake.json("vacuum --retention 0s --force");
    let names = |told: &Json| -> Vec<String> {
        let removed = told["removed"].as_array().expect("is a list");
        let name = |entry: &Json| file_name(Path::new(entry["name"].as_str().expect("is text")));
        let mut names: Vec<String> = removed.iter().map(name).collect();
        names.sort_unstable();
        names
    };
    let old: Vec<String> = small.iter().map(|path| file_name(path)).collect();
    assert_eq!(names(&planned), old);
    assert_eq!(names(&removed), old);
    assert_eq!(lake.files().len(), 1);
    assert_eq!(lake.stored().len() as u64, RUNS * ROWS as u64);
}
