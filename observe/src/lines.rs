//! One document on each line.

use crate::json;
use crate::told::Once;
use larder_executor::{Event, Observer};
use larder_io_core::{Error, ErrorKind, Result};
use serde_json::Value as Json;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Where lines go.
pub(crate) struct Lines {
    writer: Mutex<Box<dyn Write + Send>>,
    name: String,
    told: Once,
}

impl Lines {
    pub(crate) fn new(writer: impl Write + Send + 'static, name: impl Into<String>) -> Self {
        Self {
            writer: Mutex::new(Box::new(writer)),
            name: name.into(),
            told: Once::default(),
        }
    }

    /// Appends to a file, which is made if it is not there.
    pub(crate) fn append(path: &Path) -> Result<Self> {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        let file = opened.map_err(|error| {
            let message = format!(
                "cannot open {} to write events; is its directory there?",
                path.display()
            );
            Error::new(ErrorKind::InvalidConfig, message).with_source(error)
        })?;
        Ok(Self::new(file, path.display().to_string()))
    }

    /// Writes one line, in one piece so that other writers of the same file do not come between.
    pub(crate) fn write(&self, document: &Json) {
        let line = format!("{document}\n");
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(writer.write_all(line.as_bytes()));
    }

    pub(crate) fn flush(&self) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(writer.flush());
    }

    fn tell(&self, result: io::Result<()>) {
        if let Err(error) = result {
            self.told.tell(|| {
                tracing::warn!(to = self.name, %error, "events are lost: they cannot be written");
                format!("events are lost: {} cannot be written: {error}", self.name)
            });
        }
    }

    /// What was told.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.told.told()
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({})", self.name)
    }
}

/// Writes every event as a line of JSON.
///
/// A line is a document of [`json`], with two fields more: `at`, the time in UTC, and `run`, the run it is of.
/// Lines are written in the run's own tasks: give it a file, or a writer that does not make others wait.
///
/// A write error is told once by `tracing::warn!`; the lines it hits are lost, and the run goes on.
#[derive(Debug)]
pub struct JsonLines {
    lines: Lines,
    run: Mutex<Option<String>>,
}

impl JsonLines {
    /// Appends to a file, which is made if it is not there.
    ///
    /// # Errors
    /// `InvalidConfig` when it cannot be opened.
    pub fn file(path: impl AsRef<Path>) -> Result<Self> {
        Lines::append(path.as_ref()).map(Self::of)
    }

    /// Writes to a writer, which is flushed at the end of each run.
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self::of(Lines::new(writer, "a writer"))
    }

    fn of(lines: Lines) -> Self {
        Self {
            lines,
            run: Mutex::new(None),
        }
    }
}

impl Observer for JsonLines {
    fn on_event(&self, event: &Event) {
        let mut document = json::event(event);
        document["at"] = jiff::Timestamp::now().to_string().into();
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::RunStarted { run: begun, .. } = event {
            *run = Some(begun.to_string());
        }
        if let (Some(run), None) = (&*run, document.get("run")) {
            document["run"] = run.as_str().into();
        }
        drop(run);
        self.lines.write(&document);
        if let Event::RunFinished { .. } = event {
            self.lines.flush();
        }
    }

    fn trouble(&self) -> Option<String> {
        self.lines.trouble().map(str::to_owned)
    }
}
