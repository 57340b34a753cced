//! Managers on a server of a test's own. The tests are no asynchronous functions, because the server's helpers block.
#![allow(dead_code, clippy::unwrap_used)]

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder_io_core::{
    AssetValue, Error, Form, InputContext, IoManager, OutputContext, PartitionKey, Receipt, Result, Table, Value,
};
use larder_io_postgres::{PostgresConfig, PostgresIo};
use larder_testkit::postgresql::{PASSWORD, Server};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How long anything may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// A server, a runtime, and a manager of the schema `assets`.
pub(crate) struct Ground {
    // Declared first, so that connections go before the server.
    pub(crate) runtime: Runtime,
    pub(crate) server: Server,
}

impl Ground {
    pub(crate) fn new(server: Server) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self { runtime, server }
    }

    pub(crate) fn start() -> Self {
        Self::new(Server::with_password())
    }

    pub(crate) fn config(&self) -> PostgresConfig {
        self.config_of("postgres", PASSWORD, "postgres")
    }

    pub(crate) fn config_of(&self, user: &str, password: &str, database: &str) -> PostgresConfig {
        let url = self.server.url_of(user, password, database);
        PostgresConfig::new(url.strip_prefix("postgres://").unwrap())
    }

    pub(crate) fn manager(&self, change: impl FnOnce(&mut PostgresConfig)) -> PostgresIo {
        let mut config = self.config();
        change(&mut config);
        config.open().unwrap()
    }

    /// Runs something. It panics where that takes too long, so that what hangs is seen where it hangs.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let bounded = async { tokio::time::timeout(PATIENCE, future).await };
        self.runtime.block_on(bounded).expect("is done in time")
    }

    pub(crate) fn store(&self, manager: &PostgresIo, at: &str, seed: i64) -> Result<Receipt> {
        self.run(manager.handle_output(&output(at), &rows(seed)))
    }

    /// The seed of what is published.
    pub(crate) fn load(&self, manager: &PostgresIo, at: &str) -> Result<i64> {
        self.run(load(manager, &input(at)))
    }

    /// Ends every connection but the one that asks.
    pub(crate) fn kill_all(&self) -> i64 {
        self.server
            .number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'larder'")
    }

    /// Asks until the answer is the one that is waited for. It panics where that takes too long.
    pub(crate) fn wait(&self, sql: &str, wanted: i64) {
        let patience = Instant::now() + PATIENCE;
        loop {
            let found = self.server.number(sql);
            if found == wanted {
                return;
            }
            assert!(
                Instant::now() < patience,
                "waited for {wanted} and found {found}: {sql}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub(crate) fn output(at: &str) -> OutputContext {
    OutputContext::new(at.parse().unwrap(), None, at.parse().unwrap())
}

pub(crate) fn input(at: &str) -> InputContext {
    output(at).to_input(Form::Table)
}

/// A partition of an asset, by day.
pub(crate) fn partition(at: &str, key: &str) -> OutputContext {
    let partition = PartitionKey::single("day", key).unwrap();
    let location = format!("{at}/day={}", key.replace(['/', ';', '\''], "_"));
    let mut ctx = OutputContext::new(at.parse().unwrap(), Some(partition), location.parse().unwrap());
    ctx.asset_location = at.parse().unwrap();
    ctx
}

/// Rows that all hold a seed.
pub(crate) fn batch(seed: i64, rows: usize) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("seed", Arc::new(Int64Array::from_value(seed, rows))),
        ("text", Arc::new(StringArray::from(vec![format!("it's {seed}"); rows]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(crate) fn rows(seed: i64) -> Value {
    Table::from(batch(seed, 100)).into_value()
}

pub(crate) async fn load(manager: &PostgresIo, ctx: &InputContext) -> Result<i64> {
    seed(Table::from_value(manager.load_input(ctx).await?).await?)
}

/// The seed of a table; it panics where two are mixed.
pub(crate) fn seed(table: Table) -> Result<i64> {
    let whole = table.to_batch()?;
    let seeds = whole.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    assert!(
        seeds.values().iter().all(|seed| *seed == seeds.value(0)),
        "two values are mixed"
    );
    Ok(seeds.value(0))
}

/// What an error says, with everything behind it.
pub(crate) fn told(error: &Error) -> String {
    format!("{error} {error:?} {:?}", error.causes())
}
