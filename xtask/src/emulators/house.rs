//! Where emulators live: below `emulators` of the build folder, one folder each, and `run` for pids and logs.

use super::list::Emulator;
use std::fs::File;
use std::path::{Path, PathBuf};

/// How much of a log an error shows, in lines.
const LAST_LINES: usize = 15;

/// The folder of all emulators.
#[derive(Debug)]
pub(crate) struct House {
    root: PathBuf,
}

impl House {
    /// Makes the folder, if it is not there.
    pub(crate) fn at(root: &Path) -> Result<Self, String> {
        let run = root.join("run");
        std::fs::create_dir_all(&run).map_err(|error| format!("cannot make {}: {error}", run.display()))?;
        // As the kernel shows it, because processes are known by this path.
        let root = root
            .canonicalize()
            .map_err(|error| format!("cannot resolve {}: {error}", root.display()))?;
        Ok(Self { root })
    }

    /// What an emulator is installed in.
    pub(crate) fn home(&self, emulator: &Emulator) -> PathBuf {
        self.root.join(emulator.name)
    }

    /// A folder that an emulator may write to; what it cached there makes its next start faster.
    pub(crate) fn work(&self, emulator: &Emulator) -> Result<PathBuf, String> {
        let work = self.root.join("run").join(emulator.name);
        std::fs::create_dir_all(&work).map_err(|error| format!("cannot make {}: {error}", work.display()))?;
        Ok(work)
    }

    /// What an emulator prints.
    pub(crate) fn log(&self, emulator: &Emulator) -> PathBuf {
        self.root.join("run").join(format!("{}.log", emulator.name))
    }

    /// The end of what it printed, for an error.
    pub(crate) fn last_words(&self, emulator: &Emulator) -> String {
        let path = self.log(emulator);
        let bytes = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        match lines.is_empty() {
            true => format!("it printed nothing to {}", path.display()),
            false => format!(
                "the end of {}:\n  {}",
                path.display(),
                lines[lines.len().saturating_sub(LAST_LINES)..].join("\n  ")
            ),
        }
    }

    /// The process of an emulator, as it was started last.
    pub(crate) fn pid_file(&self, emulator: &Emulator) -> PathBuf {
        self.root.join("run").join(format!("{}.pid", emulator.name))
    }

    /// Whether a command line is of a process that was started here.
    pub(crate) fn owns(&self, command_line: &str) -> bool {
        command_line.contains(&*self.root.join("").to_string_lossy())
    }

    /// Finds the file of this beginning, in a folder of a Python package of an emulator.
    pub(crate) fn find(&self, emulator: &Emulator, folder: &str, beginning: &str) -> Result<PathBuf, String> {
        let lib = self.home(emulator).join("lib");
        let entries = |dir: &Path| {
            std::fs::read_dir(dir)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
        };
        entries(&lib)
            .flat_map(|python| entries(&python.join("site-packages")).collect::<Vec<_>>())
            .flat_map(|package| entries(&package.join(folder)).collect::<Vec<_>>())
            .find(|file| {
                file.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(beginning))
            })
            .ok_or_else(|| {
                format!(
                    "{} has no program for this machine: there is no {folder}/{beginning}* below {}",
                    emulator.title,
                    lib.display()
                )
            })
    }

    /// Waits until nobody else starts or ends emulators here; the answer keeps others waiting until it is dropped.
    pub(crate) fn lock(&self) -> Result<File, String> {
        let path = self.root.join("run/lock");
        let lock = File::create(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        if lock.try_lock().is_err() {
            println!("waiting for another `cargo xtask` that starts or ends emulators");
            lock.lock()
                .map_err(|error| format!("cannot lock {}: {error}", path.display()))?;
        }
        Ok(lock)
    }
}
