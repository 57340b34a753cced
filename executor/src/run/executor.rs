//! Where the steps of a run are executed.

use larder_io_core::{Error, ErrorKind, nearest};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the steps of a run are executed. Events and results are the same.
///
/// | | a step that panics | aborts or is killed | takes the thread for itself |
/// |---|---|---|---|
/// | `in_process` | fails alone | ends the run; old values stay | keeps others waiting |
/// | `threads` | fails alone | ends the run; old values stay | harms nobody |
/// | `processes` | fails alone | fails alone | harms nobody, and ends at its timeout |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Executor {
    /// As tasks of the run's own runtime.
    #[default]
    InProcess,
    /// Each on a thread of its own, for functions that compute for long without an await.
    Threads,
    /// Each in a process of this same program, which has to begin with [`serve_step`](crate::serve_step) or `larder::main`. Values pass through
    /// the I/O managers, so that those have to outlive a process: `memory` is refused.
    Processes,
}

impl Executor {
    /// All, by name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("in_process", Self::InProcess),
        ("threads", Self::Threads),
        ("processes", Self::Processes),
    ];

    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProcess => "in_process",
            Self::Threads => "threads",
            Self::Processes => "processes",
        }
    }
}

impl fmt::Display for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Executor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, executor)| *executor).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name);
            let message = match nearest(text, names) {
                Some(near) => format!("there is no executor `{text}`; did you mean `{near}`?"),
                None => format!("there is no executor `{text}`; there are {}", names.join(", ")),
            };
            Error::new(ErrorKind::InvalidConfig, message)
        })
    }
}

/// How a process for a step is started. Default: this program with the arguments that it was started with itself. A script in front of it has to end
/// in `exec`: the process that is started is the one that makes the step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}
