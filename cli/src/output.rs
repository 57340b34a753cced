//! The two writers, and what is known of those who read them.

use crate::text::{escape_lines, json_safe};
use crate::{FAILED, errors, json};
use larder_io_core::{Error, ErrorKind, Result};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind as IoErrorKind, IsTerminal, Write};

/// Who watches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Screen {
    /// Standard output is a terminal.
    pub(crate) out: bool,
    /// Standard error is a terminal.
    pub(crate) err: bool,
    /// Columns of the terminal that standard output is.
    pub(crate) width: Option<usize>,
    pub(crate) colour_out: bool,
    pub(crate) colour_err: bool,
}

impl Screen {
    /// Looks at the process's own output.
    pub(crate) fn detect() -> Self {
        Self::of(io::stdout().is_terminal(), io::stderr().is_terminal())
    }

    /// Takes it as said.
    pub(crate) fn assume(terminal: bool) -> Self {
        Self::of(terminal, terminal)
    }

    fn of(out: bool, err: bool) -> Self {
        // https://no-color.org: set and not empty.
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let width = if out {
            comfy_table::Table::new().width().map(usize::from)
        } else {
            None
        };
        Self {
            out,
            err,
            width,
            colour_out: out && colours,
            colour_err: err && colours,
        }
    }
}

/// Standard output and standard error.
///
/// A write that fails ends the writing, not the work: a run goes on when the reader of its events went away.
pub(crate) struct Out<'w> {
    out: &'w mut dyn Write,
    err: &'w mut dyn Write,
    pub(crate) screen: Screen,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    broken: Option<io::Error>,
}

impl<'w> Out<'w> {
    pub(crate) fn new(out: &'w mut dyn Write, err: &'w mut dyn Write, screen: Screen) -> Self {
        Self {
            out,
            err,
            screen,
            json: false,
            quiet: false,
            broken: None,
        }
    }

    /// Bytes to standard output.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.broken = self.out.write_all(bytes).err();
        }
    }

    /// A line to standard output.
    pub(crate) fn line(&mut self, text: impl Display) {
        self.raw(format!("{text}\n").as_bytes());
    }

    /// A line to standard output that is no result, and so not for the quiet.
    pub(crate) fn remark(&mut self, text: impl Display) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// A line to standard error. Nobody can be told that telling failed.
    pub(crate) fn tell(&mut self, text: impl Display) {
        let _ = self.err.write_all(format!("{text}\n").as_bytes());
    }

    /// A line to standard error about what may be a slip; not for the quiet.
    pub(crate) fn warn(&mut self, text: &str) {
        if !self.quiet {
            self.tell(format_args!("warning: {}", escape_lines(text)));
        }
    }

    /// One JSON document to standard output.
    ///
    /// # Errors
    /// `Unsupported` for what JSON cannot hold.
    pub(crate) fn document(&mut self, document: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(document).map_err(|error| {
            Error::new(
                ErrorKind::Unsupported,
                format!("the value cannot be shown as JSON: {error}"),
            )
            .with_source(error)
        })?;
        self.line(json_safe(&text));
        Ok(())
    }

    /// One JSON line to standard output, seen at once also by a reader of a pipe.
    pub(crate) fn event(&mut self, event: &serde_json::Value) {
        self.line(json_safe(&event.to_string()));
        if self.broken.is_none() {
            self.broken = self.out.flush().err();
        }
    }

    /// An error to standard error.
    pub(crate) fn fail(&mut self, error: &Error) {
        match self.json {
            true => self.tell(json_safe(
                &serde_json::json!({ "error": json::error(error) }).to_string(),
            )),
            false => {
                let text = errors::render(error, self.screen.colour_err);
                self.tell(text);
            }
        }
    }

    /// Ends the writing; the exit code says so when somebody still waits for what could not be written.
    pub(crate) fn finish(mut self, code: u8) -> u8 {
        if self.broken.is_none() {
            self.broken = self.out.flush().err();
        }
        let _ = self.err.flush();
        match self.broken.take() {
            Some(error) if error.kind() != IoErrorKind::BrokenPipe => {
                let text = format!("error: cannot write to standard output: {error}");
                self.tell(escape_lines(&text));
                code.max(FAILED)
            }
            // Whoever closed the pipe has what they wanted: `| head`.
            _ => code,
        }
    }
}

/// `text` in a colour of the terminal's own.
pub(crate) fn paint(on: bool, code: &str, text: &str) -> String {
    if on {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Select Graphic Rendition: bold red, for errors.
pub(crate) const RED: &str = "1;31";
/// Green, for what was done.
pub(crate) const GREEN: &str = "32";
/// Yellow, for warnings.
pub(crate) const YELLOW: &str = "33";
