//! On which machine, when, and with which libraries.

use crate::shell;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What numbers depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) processor: String,
    pub(super) memory: String,
    pub(super) kernel: String,
    /// Of the folder that the tables are written to.
    pub(super) file_system: String,
}

/// This machine, as the kernel tells it.
pub(super) fn machine() -> Machine {
    let told = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let kibibytes =
        field(&told("/proc/meminfo"), "MemTotal").and_then(|total| total.strip_suffix("kB")?.trim().parse().ok());
    Machine {
        cores: crate::bench::cores(),
        processor: field(&told("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
        memory: kibibytes.map_or_else(unknown, |kibibytes: f64| {
            format!("{:.0} GiB", kibibytes / f64::from(1 << 20))
        }),
        kernel: format!("{} {}", std::env::consts::OS, told("/proc/sys/kernel/osrelease").trim()),
        file_system: file_system(&told("/proc/self/mounts"), &std::env::temp_dir()).unwrap_or_else(unknown),
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The first `name: value` of a file of the kernel.
fn field(told: &str, name: &str) -> Option<String> {
    let value = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    told.lines().find_map(value)
}

/// The file system of a folder by the list of mounts: the longest one that holds it, the last of those that are the same.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let mount = |line: &'_ str| {
        let mut words = line.split(' ');
        let (point, kind) = (words.nth(1)?.to_owned(), words.next()?.to_owned());
        folder.starts_with(&point).then_some((point, kind))
    };
    let mounts = mounts.lines().filter_map(mount);
    mounts.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind)
}

/// The time in UTC, to the minute.
pub(super) fn now() -> String {
    let now = jiff::Timestamp::now().to_string();
    now.get(..16)
        .map_or_else(|| now.clone(), |minute| minute.replace('T', " ") + " UTC")
}

/// The commit of the sources, if it can be told.
pub(super) fn commit() -> Option<String> {
    let git = |arguments: &[&str]| shell::output(&mut shell::command("git", arguments)).ok();
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    Some(format!("{}{}", commit.trim(), if changed { ", changed" } else { "" }))
}

/// The libraries that larder and the bare rows are made of, by the lock file.
pub(super) fn libraries() -> Vec<(String, String)> {
    let lock = std::fs::read_to_string(shell::root().join("Cargo.lock")).unwrap_or_default();
    let version = |name: &str| Some((name.to_owned(), locked(&lock, name)?));
    ["larder", "arrow-ipc", "parquet", "object_store"]
        .into_iter()
        .filter_map(version)
        .collect()
}

fn locked(lock: &str, name: &str) -> Option<String> {
    let behind = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?.1;
    behind.split_once('"').map(|(version, _)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_and_the_lock_file_tell() {
        let processor = field(
            "processor\t: 0\nmodel name\t: A B: 3\nmodel name\t: other\n",
            "model name",
        );
        assert_eq!(processor.as_deref(), Some("A B: 3"));
        assert_eq!(field("x: 1", "y"), None);
        let lock = "[[package]]\nname = \"parquet\"\nversion = \"59.3.2\"\nsource = \"x\"\n";
        assert_eq!(locked(lock, "parquet").as_deref(), Some("59.3.2"));
        assert_eq!(locked(lock, "parque"), None);
    }

    #[test]
    fn the_nearest_mount_holds_a_folder() {
        let mounts = "tmpfs /tmp tmpfs rw 0 0\n/dev/b /tmpfiles xfs rw 0 0\n/dev/a / ext4 rw 0 0\n";
        let of = |folder: &str| file_system(mounts, Path::new(folder));
        assert_eq!(of("/tmp/x").as_deref(), Some("tmpfs"));
        assert_eq!(of("/tmpfiles/x").as_deref(), Some("xfs"));
        assert_eq!(of("/home").as_deref(), Some("ext4"));
        assert_eq!(of("relative"), None);
    }

    #[test]
    fn tells_the_time_to_the_minute() {
        let now = now();
        assert_eq!(
            (now.len(), now.get(10..11), now.get(16..)),
            (20, Some(" "), Some(" UTC")),
            "{now}"
        );
    }
}
