//! Pipelines whose queries run on a server of a test's own. The tests are no asynchronous functions, because the server's helpers block.
#![allow(dead_code)]

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use larder_executor::{Asset, Definitions, Pipeline};
use larder_io_core::{AssetValue, ErrorKind, Table, Value};
use larder_testkit::postgresql::Server;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

pub(crate) struct Ground {
    // Declared first, so that connections go before the server.
    pub(crate) runtime: Runtime,
    pub(crate) server: Server,
}

impl Ground {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        Self {
            runtime,
            server: Server::with_password(),
        }
    }

    /// Everything in the server's schema `assets`, queries on the server.
    pub(crate) fn of(&self, assets: impl IntoIterator<Item = Asset>) -> Definitions {
        self.by(&self.server.url(), assets)
    }

    /// The same with another address of the engine.
    pub(crate) fn by(&self, engine: &str, assets: impl IntoIterator<Item = Asset>) -> Definitions {
        kept(&self.server.url(), engine).assets(assets)
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The rows of what is published.
    pub(crate) fn shown(&self, pipeline: &Pipeline, key: &str) -> Vec<Vec<Json>> {
        self.run(async {
            let key = pipeline.key(key).expect("is there");
            rows_of(pipeline.load_value(&key, None).await.expect("is stored")).await
        })
    }

    /// Makes everything, which has to succeed.
    pub(crate) fn made(&self, definitions: Definitions) -> Pipeline {
        let pipeline = definitions.build().expect("is valid");
        let report = self.run(pipeline.run("*")).expect("runs");
        assert!(report.succeeded(), "{report:?}");
        pipeline
    }

    /// Why one asset was not made: kind and message.
    pub(crate) fn failed(&self, definitions: Definitions, key: &str) -> (ErrorKind, String) {
        let pipeline = definitions.build().expect("is valid");
        let report = self.run(pipeline.run("*")).expect("runs");
        let error = report
            .error(key)
            .unwrap_or_else(|| panic!("`{key}` was made: {report:?}"));
        (error.kind(), error.to_string())
    }

    /// Tables with rows in the schema, those of nobody among them.
    pub(crate) fn tables(&self) -> i64 {
        self.server
            .number("SELECT count(*) FROM pg_tables WHERE schemaname = 'assets' AND tablename LIKE 'larder\\_data\\_%'")
    }
}

/// Longer than any machine takes; what waits so long is stuck.
const STUCK: Duration = Duration::from_secs(60);

pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < STUCK, "stuck: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Managers `warehouse` (the default) and `here`, in memory.
pub(crate) fn kept(warehouse: &str, engine: &str) -> Definitions {
    Definitions::new()
        .backend(larder_io_postgres::backend())
        .backend(larder_io_memory::backend())
        .engine_backend(larder_engine_postgres::backend())
        .variables([])
        .config_text(format!(
            "io_manager = 'warehouse'\nengine = 'postgres'\n[io_managers.warehouse]\nurl = '{warehouse}'\n\
             retry = {{ attempts = 1 }}\n\
             [io_managers.here]\nurl = 'memory:'\n[engines.postgres]\nurl = '{engine}'\n"
        ))
}

pub(crate) fn transactions() -> Table {
    let customers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1, 3, 2]));
    let amounts: ArrayRef = Arc::new(Float64Array::from(vec![10.0, 20.5, 5.0, 1.0, 100.0]));
    let notes: ArrayRef = Arc::new(StringArray::from(vec!["a", "'; drop table x; --", "b", "c", "a"]));
    Table::from(
        RecordBatch::try_from_iter([("customer", customers), ("amount", amounts), ("note", notes)]).expect("fits"),
    )
}

pub(crate) fn raw() -> Asset {
    Asset::builder("raw/transactions").function(|_| async { Ok(transactions()) })
}

/// Every row; what is no number stands as its text.
pub(crate) async fn rows_of(value: Value) -> Vec<Vec<Json>> {
    let table = Table::from_value(value).await.expect("is a table");
    let cell = |batch: &RecordBatch, column: usize, row: usize| {
        let text = arrow_cast::display::array_value_to_string(batch.column(column), row).expect("is shown");
        match batch.column(column).is_null(row) {
            true => Json::Null,
            false => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        }
    };
    let of = |batch: &RecordBatch| -> Vec<Vec<Json>> {
        let row = |row| {
            (0..batch.num_columns())
                .map(|column| cell(batch, column, row))
                .collect()
        };
        (0..batch.num_rows()).map(row).collect()
    };
    table.batches().iter().flat_map(of).collect()
}
