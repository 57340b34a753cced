//! Databases for the suites: one suite, each database.
#![allow(dead_code, unused_imports, unused_macros, clippy::unwrap_used)]

#[cfg(feature = "postgres")]
pub(crate) use larder_testkit::postgresql as server;

use larder_catalog::Catalog;
#[cfg(feature = "postgres")]
use larder_catalog::CatalogOptions;
use std::cell::Cell;
use std::path::PathBuf;
use tempfile::TempDir;

/// What has databases. It ends what it started.
pub(crate) struct Ground {
    kind: Kind,
    made: Cell<usize>,
}

enum Kind {
    Memory,
    Sqlite(TempDir),
    #[cfg(feature = "postgres")]
    Postgres(server::Server),
}

/// A place for one catalogue, in which there is none yet.
pub(crate) enum Place {
    Memory,
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Schema(String, String),
}

impl Ground {
    fn new(kind: Kind) -> Self {
        let made = Cell::new(0);
        Self { kind, made }
    }

    pub(crate) fn memory() -> Self {
        Self::new(Kind::Memory)
    }

    pub(crate) fn sqlite() -> Self {
        Self::new(Kind::Sqlite(tempfile::tempdir().unwrap()))
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn postgres() -> Self {
        Self::new(Kind::Postgres(server::Server::start()))
    }

    pub(crate) fn place(&self) -> Place {
        let number = self.made.get();
        self.made.set(number + 1);
        match &self.kind {
            Kind::Memory => Place::Memory,
            Kind::Sqlite(directory) => Place::File(directory.path().join(format!("{number}.db"))),
            #[cfg(feature = "postgres")]
            Kind::Postgres(server) => Place::Schema(server.url(), format!("c{number}")),
        }
    }
}

impl Place {
    /// Opens the catalogue; in memory, a new one each time.
    pub(crate) fn open(&self) -> Catalog {
        match self {
            Self::Memory => Catalog::in_memory().unwrap(),
            Self::File(path) => Catalog::open(path).unwrap(),
            #[cfg(feature = "postgres")]
            Self::Schema(url, schema) => {
                let mut options = CatalogOptions::default();
                options.schema = Some(schema.clone());
                Catalog::connect_with(url, &options).unwrap()
            }
        }
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Makes tests of functions that take a ground: one for each ground that is named, and one for PostgreSQL.
macro_rules! on_each {
    ($own:ident: $($name:ident),* $(,)?) => {
        mod $own {
            $(#[test]
            fn $name() {
                super::$name(&super::common::Ground::$own());
            })*
        }

        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[test]
            #[ignore = "needs PostgreSQL: `cargo xtask test`, or your system's package postgresql"]
            fn $name() {
                super::$name(&super::common::Ground::postgres());
            })*
        }
    };
}
pub(crate) use on_each;
