//! Definitions with the backends that are compiled in.

pub use larder_executor::Definitions;

/// Empty definitions with every backend, engine and kind of observer that is compiled in.
pub fn definitions() -> Definitions {
    with_observers(with_engines(with_backends(Definitions::new())))
}

/// Adds the compiled-in engines whose name nobody has handed over yet.
fn with_engines(definitions: Definitions) -> Definitions {
    #[cfg(feature = "datafusion")]
    let definitions = match definitions.has_engine("datafusion") {
        true => definitions,
        false => definitions.engine(std::sync::Arc::new(larder_engine_datafusion::DataFusion::new())),
    };
    #[cfg(feature = "engine-postgres")]
    let definitions = with_engine_backend(definitions, larder_engine_postgres::backend());
    #[cfg(feature = "engine-spark")]
    let definitions = with_engine_backend(definitions, larder_engine_spark::backend());
    definitions
}

#[cfg(any(feature = "engine-postgres", feature = "engine-spark"))]
fn with_engine_backend(definitions: Definitions, backend: std::sync::Arc<dyn crate::EngineBackend>) -> Definitions {
    match definitions.has_engine(backend.name()) {
        true => definitions,
        false => definitions.engine_backend(backend),
    }
}

/// Adds the compiled-in kinds of observers whose name nobody has handed over yet.
fn with_observers(definitions: Definitions) -> Definitions {
    #[cfg(feature = "observe")]
    let definitions = larder_observe::kinds()
        .into_iter()
        .fold(definitions, |definitions, kind| {
            match definitions.has_observer_kind(kind.name()) {
                true => definitions,
                false => definitions.observer_kind(kind),
            }
        });
    definitions
}

/// Adds the compiled-in backends whose scheme nobody has handed over yet.
fn with_backends(definitions: Definitions) -> Definitions {
    let compiled_in: Vec<std::sync::Arc<dyn crate::Backend>> = vec![
        #[cfg(feature = "fs")]
        larder_io_fs::backend(),
        #[cfg(feature = "memory")]
        larder_io_memory::backend(),
        #[cfg(feature = "adls-lean")]
        larder_io_adls::backend(),
        #[cfg(feature = "gcs-lean")]
        larder_io_gcs::backend(),
        #[cfg(feature = "postgres")]
        larder_io_postgres::backend(),
        #[cfg(feature = "s3-lean")]
        larder_io_s3::backend(),
    ];
    #[cfg(feature = "delta")]
    let compiled_in = compiled_in.into_iter().chain(delta());
    compiled_in.into_iter().fold(definitions, |definitions, backend| {
        match backend
            .schemes()
            .into_iter()
            .any(|scheme| definitions.has_backend(scheme))
        {
            true => definitions,
            false => definitions.backend(backend),
        }
    })
}

/// Delta tables on every store that is compiled in.
#[cfg(feature = "delta")]
fn delta() -> Vec<std::sync::Arc<dyn crate::Backend>> {
    larder_io_delta::backends(vec![
        #[cfg(feature = "fs")]
        larder_io_fs::ground(),
        #[cfg(feature = "adls-lean")]
        larder_io_adls::ground(),
        #[cfg(feature = "gcs-lean")]
        larder_io_gcs::ground(),
        #[cfg(feature = "s3-lean")]
        larder_io_s3::ground(),
    ])
}

/// Makes one step and ends the process, where it was started for that by a run whose executor is [`crate::Executor::Processes`]; else does
/// nothing. A program without `main` of this crate calls it before anything else:
///
/// ```
/// # let definitions = larder::definitions;
/// larder::serve_step(definitions);
/// // ... its own work, with `RunOptions::executor` as it likes.
/// ```
///
/// # Panics
/// When called from within a tokio runtime in a process of a step: it makes its own.
pub fn serve_step(definitions: impl FnOnce() -> Definitions) {
    larder_executor::serve_step(|| with_observers(with_engines(with_backends(definitions()))));
}

/// The command line of a pipeline: `fn main() -> ExitCode { larder::main(definitions()) }`.
///
/// Without arguments it materializes everything. Exit codes: 0 done, 1 an asset failed, 2 wrong usage or definitions, 130 after Ctrl-C, 143 after SIGTERM.
#[cfg(feature = "cli")]
pub fn main(definitions: Definitions) -> std::process::ExitCode {
    larder_cli::main(with_observers(with_engines(with_backends(definitions))))
}
