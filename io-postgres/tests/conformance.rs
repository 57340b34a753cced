//! The laws, on servers that the tests start.

use larder_io_core::IoManager;
use larder_io_postgres::PostgresConfig;
use larder_testkit::Fixture;
use larder_testkit::postgresql::{PASSWORD, Shared};
use std::sync::Arc;

async fn fixture(change: impl FnOnce(&mut PostgresConfig)) -> Fixture {
    let shared = tokio::task::spawn_blocking(Shared::get).await.expect("a server starts");
    let address = shared.url().strip_prefix("postgres://").expect("is a URL");
    let mut config = PostgresConfig::new(address);
    config.schema = shared.schema();
    change(&mut config);
    let manager = config.open().expect("opens");
    let again = move || Arc::new(config.open().expect("opens")) as Arc<dyn IoManager>;
    Fixture::from(manager)
        .with_reopen(again)
        .with_secret(PASSWORD)
        .keep(shared)
}

mod plain {
    use super::*;
    larder_testkit::conformance!(
        ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql",
        || fixture(|_| {})
    );
}

mod without_history_and_views {
    use super::*;
    larder_testkit::conformance!(
        ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql",
        || fixture(|config| (config.history, config.views) = (1, false))
    );
}

mod with_odd_schema_and_one_connection {
    use super::*;
    larder_testkit::conformance!(
        ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql",
        || fixture(|config| {
            config.schema = format!("O'dd \"{}\" é", config.schema);
            (config.idle_connections, config.verify) = (0, true);
        })
    );
}
