//! Files that an engine writes itself, as a cluster does: taken whole, or not at all.

mod common;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use common::{Lake, whole};
use larder_io_core::{
    AtRest, BatchStream, Error, ErrorKind, Fill, Filled, Form, GcOptions, IoManager, LazyTable, Maintenance, NewPlace,
    Result, Scan, TableSource, Value, async_trait,
};
use parquet::arrow::ArrowWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What an engine writes, and what it says of it.
#[derive(Clone)]
struct Engine {
    schema: SchemaRef,
    /// The rows of each file.
    files: Vec<RecordBatch>,
    /// The rows that it claims.
    rows: u64,
    /// It fails once the files are there, and its own cleaning up with it.
    breaks: bool,
    reaches: bool,
}

fn schema(nullable: bool) -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, nullable)]))
}

fn batch(values: Vec<Option<i64>>) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(values));
    // As engines do: every column may be null in the file.
    RecordBatch::try_new(schema(true), vec![column]).expect("fits")
}

/// Files of numbers, truly told.
fn engine(files: &[&[i64]]) -> Engine {
    let files: Vec<RecordBatch> = files
        .iter()
        .map(|rows| batch(rows.iter().copied().map(Some).collect()))
        .collect();
    Engine {
        schema: schema(true),
        rows: files.iter().map(|file| file.num_rows() as u64).sum(),
        files,
        breaks: false,
        reaches: true,
    }
}

impl Engine {
    fn value(self) -> Value {
        Value::Table(Arc::new(self))
    }
}

#[async_trait]
impl TableSource for Engine {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn replayable(&self) -> bool {
        false
    }

    fn fill(&self) -> Option<&dyn Fill> {
        Some(self)
    }

    async fn scan(&self, request: Scan) -> Result<BatchStream> {
        if self.reaches {
            return Err(Error::new(ErrorKind::Unexpected, "the rows are asked for"));
        }
        let batches: Vec<Result<RecordBatch>> = self.files.iter().cloned().map(Ok).collect();
        request.apply(&self.schema, Box::pin(futures_util::stream::iter(batches)))
    }
}

#[async_trait]
impl Fill for Engine {
    fn reaches(&self, place: &NewPlace) -> bool {
        self.reaches && matches!(place, NewPlace::Folder(url) if url.starts_with("file:///") && url.ends_with('/'))
    }

    async fn fill(&self, place: &NewPlace) -> Result<Filled> {
        let folder = PathBuf::from(place.to_string().trim_start_matches("file://"));
        assert!(!folder.exists());
        std::fs::create_dir_all(&folder).expect("is made");
        let mut filled = Filled {
            rows: self.rows,
            ..Filled::default()
        };
        for (number, rows) in self.files.iter().enumerate() {
            let name = format!("part-{number:05}.parquet");
            let file = std::fs::File::create(folder.join(&name)).expect("is made");
            let mut writer = ArrowWriter::try_new(file, rows.schema(), None).expect("begins");
            writer.write(rows).expect("writes");
            writer.close().expect("ends");
            let bytes = std::fs::metadata(folder.join(&name)).expect("is there").len();
            filled.files.push((name, bytes));
        }
        std::fs::write(folder.join("_SUCCESS"), "").expect("writes");
        match self.breaks {
            true => Err(Error::new(ErrorKind::Unavailable, "the cluster is gone")),
            false => Ok(filled),
        }
    }
}

/// Names of everything below a directory that is no part of the log.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("is read") {
        let path = entry.expect("is read").path();
        match path.is_dir() {
            true if path.ends_with("_delta_log") || path.ends_with(".larder") => {}
            true => found.extend(files(&path)),
            false => found.push(path.file_name().expect("has a name").to_string_lossy().into_owned()),
        }
    }
    found
}

async fn store(lake: &Lake, asset: &str, engine: Engine) -> Result<larder_io_core::Receipt> {
    lake.manager.handle_output(&whole(asset), &engine.value()).await
}

#[tokio::test]
async fn what_an_engine_wrote_is_one_version_of_the_table() {
    let lake = Lake::new(|_| {});
    let receipt = store(&lake, "a", engine(&[&[1, 2], &[3], &[]])).await.expect("stores");
    assert_eq!(lake.all("a").await, ["1", "2", "3"]);
    assert_eq!((receipt.rows, receipt.version.as_str()), (Some(3), "0"));
    // Nobody here has seen the rows; their bytes were.
    assert!(receipt.content_hash.is_none() && receipt.stored_hash.is_some());
    let mut ctx = whole("a").to_input(Form::Table);
    ctx.verify = true;
    lake.manager.load_input(&ctx).await.expect("is what was stored");
    let left = files(lake.dir.path());
    assert_eq!(left.len(), 2, "{left:?}");
    // Engines read the files where they are, which are all of its rows.
    let table = LazyTable::new(match lake.manager.load_input(&ctx).await.expect("loads") {
        Value::Table(source) => source,
        other => panic!("{other:?}"),
    });
    let Some(AtRest::Files(urls)) = table.at_rest() else {
        panic!("is nowhere");
    };
    let there = |url: &String| Path::new(url.trim_start_matches("file://")).is_file();
    assert!(urls.len() == 2 && urls.iter().all(there), "{urls:?}");
    let replaced = store(&lake, "a", engine(&[&[7]])).await.expect("stores");
    assert_eq!(
        (lake.all("a").await, replaced.version.as_str()),
        (vec!["7".to_owned()], "1")
    );
}

#[tokio::test]
async fn a_result_without_rows_is_an_empty_table() {
    let lake = Lake::new(|_| {});
    for none in [engine(&[]), engine(&[&[]])] {
        let receipt = store(&lake, "a", none).await.expect("stores");
        assert_eq!(receipt.rows, Some(0));
        assert!(lake.all("a").await.is_empty());
    }
}

#[tokio::test]
async fn what_is_not_what_was_said_is_refused_and_the_old_value_stays() {
    let lake = Lake::new(|_| {});
    store(&lake, "a", engine(&[&[1]])).await.expect("stores");
    let before = files(lake.dir.path());
    let mut fewer = engine(&[&[2, 3]]);
    fewer.rows = 3;
    let mut nulls = engine(&[]);
    (nulls.schema, nulls.files, nulls.rows) = (schema(false), vec![batch(vec![Some(2), None])], 2);
    let mut others = engine(&[&[2]]);
    others.schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Utf8, true)]));
    let mut gone = engine(&[&[2]]);
    gone.breaks = true;
    for (engine, asset, kind, said) in [
        (fewer, "a", ErrorKind::InvalidData, "2 rows are in the files of 3"),
        (gone, "a", ErrorKind::Unavailable, "the cluster is gone"),
        // Tables of their own, whose columns fit.
        (nulls, "b", ErrorKind::InvalidData, "column `n` may not be null"),
        (others, "c", ErrorKind::InvalidData, "n Int64 instead of n Utf8"),
    ] {
        let error = store(&lake, asset, engine).await.expect_err(said);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(said), "{error}");
        assert_eq!(files(lake.dir.path()), before, "{said}");
    }
    assert_eq!(lake.all("a").await, ["1"]);
    // Without a null in them the same columns are taken.
    let mut firm = engine(&[&[5]]);
    firm.schema = schema(false);
    store(&lake, "b", firm).await.expect("stores");
    assert_eq!(lake.all("b").await, ["5"]);
}

#[tokio::test]
async fn rows_are_taken_where_the_engine_does_not_reach() {
    let lake = Lake::new(|_| {});
    let mut far = engine(&[&[1, 2]]);
    far.reaches = false;
    let receipt = store(&lake, "a", far).await.expect("stores");
    assert_eq!(lake.all("a").await, ["1", "2"]);
    assert!(receipt.content_hash.is_some());
}

#[tokio::test]
async fn gc_removes_what_a_crash_left_of_an_engine() {
    let lake = Lake::new(|_| {});
    store(&lake, "a", engine(&[&[1]])).await.expect("stores");
    let kept = files(lake.dir.path());
    let folder = lake.dir.path().join("a.delta/_larder_fill_0123");
    std::fs::create_dir_all(&folder).expect("is made");
    for name in ["part-00000.parquet", "_SUCCESS"] {
        std::fs::write(folder.join(name), "half").expect("writes");
    }
    let mut options = GcOptions::default();
    assert!(
        lake.manager.gc(&options).await.expect("looks").is_empty(),
        "it is young"
    );
    // A job that still writes needs what its first tasks wrote.
    let old = std::time::SystemTime::now() - Duration::from_secs(7200);
    let file = std::fs::File::options()
        .write(true)
        .open(folder.join("part-00000.parquet"));
    file.and_then(|file| file.set_modified(old)).expect("is set");
    options.older_than = Duration::from_secs(3600);
    assert!(
        lake.manager.gc(&options).await.expect("looks").is_empty(),
        "one of its files is young"
    );
    options.older_than = Duration::ZERO;
    let removed = lake.manager.gc(&options).await.expect("cleans");
    assert_eq!(removed.len(), 2, "{removed:?}");
    assert_eq!(files(lake.dir.path()), kept);
    assert_eq!(lake.all("a").await, ["1"]);
}
