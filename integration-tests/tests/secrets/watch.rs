//! Keeps what is traced and logged.

use std::io;
use std::sync::{Mutex, Once, PoisonError};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Watch;

impl io::Write for Watch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For libraries that do not trace.
impl log::Log for Watch {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let _ = io::Write::write(&mut Self, format!("{} {}\n", record.target(), record.args()).as_bytes());
    }

    fn flush(&self) {}
}

/// Begins to keep everything, of all threads.
pub(crate) fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_span_events(FmtSpan::FULL);
        tracing::subscriber::set_global_default(subscriber.with_writer(|| Watch).finish()).expect("is the first");
        log::set_logger(&Watch).expect("is the first");
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// What was traced and logged until now.
///
/// # Panics
/// When the watch does not see what it should.
pub(crate) fn everything() -> String {
    tracing::trace!(canary = "a traced canary");
    log::trace!("a logged canary");
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&lines).into_owned();
    assert!(text.contains("a traced canary") && text.contains("a logged canary"));
    text
}
