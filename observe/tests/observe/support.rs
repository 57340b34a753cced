//! Pipelines to look at, and what is warned of.

use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use larder_executor::{Asset, Definitions, Observer, Pipeline, RunOptions, RunReport, Selection};
use larder_io_core::{Error, ErrorKind, Result, Table};
#[cfg(any(feature = "openlineage", feature = "otlp"))]
use larder_io_memory::MemoryIo;
use larder_partitions::Partitioning;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use tracing_subscriber::fmt::MakeWriter;

fn table() -> Table {
    let fields = vec![
        Field::new("carrier", DataType::Utf8, false),
        Field::new("delay", DataType::Int64, true),
    ];
    let names = Arc::new(StringArray::from(vec!["AA", "UA", "DL"]));
    let delays = Arc::new(Int64Array::from(vec![Some(5), None, Some(-1)]));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![names, delays]).expect("is a batch");
    batch.into()
}

/// `raw/flights`, a table of three rows; `delays` of it, a number; `days`, two partitions; with `fail`, `broken`, which fails, and
/// `after`, which waits for it.
pub(crate) fn pipeline(home: &Path, fail: bool) -> Pipeline {
    let flights = Asset::builder("raw/flights").function(|_| async move { Ok(table()) });
    let delays = Asset::builder("delays")
        .input_from::<Table>("flights", "raw/flights")
        .function(|mut args| async move {
            let flights: Table = args.input().await?;
            args.context().info("counted");
            Ok(flights.rows() as u64)
        });
    let days = Asset::builder("days")
        .partitions(Partitioning::daily("2024-01-01").end("2024-01-03"))
        .function(|args| async move { Ok(args.context().partition().map(ToString::to_string)) });
    let mut assets = vec![flights, delays, days];
    if fail {
        let broken = Asset::builder("broken").function(|_| async move {
            let cause = io::Error::other("the disk is full");
            let error = Error::new(ErrorKind::Timeout, "nobody \"answered\"\nin time").with_source(cause);
            Err::<u64, _>(error)
        });
        let after = Asset::builder("after")
            .input_from::<u64>("broken", "broken")
            .function(|_| async move { Ok(1_u64) });
        assets.extend([broken, after]);
    }
    Definitions::new()
        .assets(assets)
        .backend(larder_io_fs::backend())
        .variables([("LARDER_HOME".to_owned(), home.display().to_string())])
        .default_io_manager_url(format!("file://{}", home.join("storage").display()))
        .build()
        .expect("is valid")
}

/// `pair` and `other`, two assets of three partitions that one call makes.
#[cfg(any(feature = "openlineage", feature = "otlp"))]
pub(crate) fn at_once(fail: bool) -> Pipeline {
    use larder_executor::OutputSpec;
    use larder_io_core::{Output, Partitions};
    let outputs = vec![
        OutputSpec::new("pair").form_of::<Partitions<u64>>(),
        OutputSpec::new("other").form_of::<Partitions<u64>>(),
    ];
    let asset = Asset::builder("pair")
        .partitions(Partitioning::daily("2024-01-01").end("2024-01-04"))
        .functions(outputs, move |args| async move {
            let asked = args.context().partitions().expect("has partitions").clone();
            if fail {
                return Err(Error::new(ErrorKind::InvalidData, "none of them"));
            }
            let values = || asked.iter().map(|key| (key, 7_u64)).collect::<Partitions<u64>>();
            Ok(vec![values().into_made(), values().into_made()])
        });
    Definitions::new()
        .assets([asset])
        .default_io_manager(Arc::new(MemoryIo::new()))
        .build()
        .expect("is valid")
}

/// Begins to run an asset that never ends, and gives up.
#[cfg(any(feature = "openlineage", feature = "otlp"))]
pub(crate) async fn cancelled(observer: Arc<dyn Observer>) {
    let (begun, begins) = tokio::sync::oneshot::channel::<()>();
    let begun = Arc::new(Mutex::new(Some(begun)));
    let endless = Asset::builder("endless").function(move |_| {
        drop(begun.lock().expect("no panic").take());
        std::future::pending::<Result<u64>>()
    });
    let pipeline = Definitions::new()
        .assets([endless])
        .default_io_manager(Arc::new(MemoryIo::new()))
        .build()
        .expect("is valid");
    tokio::select! {
        report = run(&pipeline, observer) => panic!("{report:?}"),
        _ = begins => {}
    }
}

pub(crate) async fn run(pipeline: &Pipeline, observer: Arc<dyn Observer>) -> RunReport {
    let mut options = RunOptions::default();
    options.observers = vec![observer];
    pipeline.run_with(Selection::all(), options).await.expect("is planned")
}

/// Runs it all.
pub(crate) fn run_all(fail: bool, observer: Arc<dyn Observer>) -> RunReport {
    let home = tempfile::tempdir().expect("is made");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("is a runtime");
    runtime.block_on(run(&pipeline(home.path(), fail), observer))
}

/// The lines of every test that were warned of so far and hold a text: observers warn on threads of their own.
pub(crate) fn warned(of: &str) -> Vec<String> {
    let text = heard().text();
    text.lines()
        .filter(|line| line.contains(of))
        .map(str::to_owned)
        .collect()
}

/// Listens to warnings from now on.
pub(crate) fn heard() -> &'static Heard {
    static HEARD: OnceLock<Heard> = OnceLock::new();
    HEARD.get_or_init(|| {
        let heard = Heard::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .with_writer(heard.clone())
            .init();
        heard
    })
}

/// Keeps what is written.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("is text")
    }
}

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Heard {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

pub(crate) fn result<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error:?}"))
}
