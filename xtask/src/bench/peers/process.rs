//! A library in a process of its own, which makes one operation as often as it is asked.

use crate::bench::text;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const SCRIPT: &str = include_str!("peers.py");

/// A library that waits to be asked. Stopped when dropped.
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: File,
    /// The library's version, and how many threads it takes.
    pub(super) version: String,
}

/// One operation.
pub(super) struct Done {
    pub(super) took: Duration,
    /// Of resident memory above the value, in bytes.
    pub(super) peak: u64,
    pub(super) rows: usize,
}

impl Process {
    /// Starts it and waits until it has the value in hand.
    pub(super) fn start(python: &Path, library: &str, operation: &str, source: &Path) -> Result<Self, String> {
        let python = python.display().to_string();
        let source = source.display().to_string();
        Self::of(&python, &["-c", SCRIPT, library, operation, &source])
    }

    /// Starts any program that speaks as the script does.
    pub(super) fn of(program: &str, arguments: &[&str]) -> Result<Self, String> {
        // A file, because nobody reads a pipe while the operation runs.
        let errors = tempfile::tempfile().map_err(text)?;
        let mut child = Command::new(program)
            .args(arguments)
            // The defaults of each library, whatever was set for somebody else.
            .env_remove("POLARS_MAX_THREADS")
            .env_remove("OMP_NUM_THREADS")
            .env_remove("ARROW_IO_THREADS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().map_err(text)?)
            .spawn()
            .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err("its pipes are gone".to_owned());
        };
        let mut process = Self {
            child,
            input,
            output: BufReader::new(output),
            errors,
            version: String::new(),
        };
        let ready = process.line()?;
        match ready.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["ready", version, threads] => process.version = format!("{version}, {threads} threads"),
            _ => return Err(format!("it said `{ready}` instead of being ready")),
        }
        Ok(process)
    }

    /// Makes the operation with this file.
    pub(super) fn once(&mut self, file: &Path) -> Result<Done, String> {
        let asked = writeln!(self.input, "{}", file.display()).and_then(|()| self.input.flush());
        // When nobody listens any more, the last words tell why.
        let answer = self.line()?;
        asked.map_err(text)?;
        let words: Vec<&str> = answer.split_whitespace().collect();
        let read = || {
            let [took, peak, rows] = words.as_slice() else {
                return None;
            };
            Some(Done {
                took: Duration::try_from_secs_f64(took.parse().ok()?).ok()?,
                peak: peak.parse().ok()?,
                rows: rows.parse().ok()?,
            })
        };
        read().ok_or_else(|| format!("it said `{answer}` instead of seconds, bytes and rows"))
    }

    /// The next line that it says, or its last error.
    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line).map_err(text)? {
            0 => Err(self.last_words()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    fn last_words(&mut self) -> String {
        let mut said = String::new();
        let read = self
            .errors
            .rewind()
            .and_then(|()| self.errors.read_to_string(&mut said));
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
        match (read, last) {
            (Ok(_), Some(last)) => last.to_owned(),
            _ => "it ended without a word".to_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_last_words_of_who_fails() {
        let error = |script: &str| match Process::of("sh", &["-c", script]) {
            Ok(mut process) => process.once(Path::new("file")).map(drop).expect_err("fails"),
            Err(error) => error,
        };
        assert_eq!(
            error("echo first >&2; echo 'No module named x' >&2; echo >&2"),
            "No module named x"
        );
        assert_eq!(error("true"), "it ended without a word");
        assert_eq!(error("echo ready 1 2; echo out of memory >&2"), "out of memory");
        assert!(error("echo hello").contains("`hello` instead of being ready"));
        assert!(error("echo ready 1 2; read f; echo soon").contains("`soon` instead of seconds"));
        assert!(error("echo ready 1 2; read f; echo -1 0 0").contains("instead of seconds"));
        let none = Process::of("/nowhere/python", &[]).map(drop).expect_err("is not there");
        assert!(none.contains("cannot be started"), "{none}");
    }

    #[test]
    fn answers_as_often_as_it_is_asked() {
        let script = "echo ready 1.2.3 4; while read -r file; do echo 0.25 2048 7; done";
        let mut process = Process::of("sh", &["-c", script]).expect("starts");
        assert_eq!(process.version, "1.2.3, 4 threads");
        for _ in 0..2 {
            let done = process.once(Path::new("file")).expect("answers");
            assert_eq!((done.took, done.peak, done.rows), (Duration::from_millis(250), 2048, 7));
        }
    }
}
