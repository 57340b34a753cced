//! PostgreSQL's own programs. Tests start servers with them, each its own, because they also end and break them.

use std::path::PathBuf;

/// The variable that tells tests where the programs are, and may tell it here.
pub(crate) const VARIABLE: &str = "LARDER_TEST_POSTGRESQL";

/// Where Debian has them, one folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder that has `initdb` and `postgres`.
pub(crate) fn programs() -> Result<PathBuf, String> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut debian: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let newest_first = debian.into_iter().rev().map(|(_, programs)| programs);
    named
        .into_iter()
        .chain(newest_first)
        .chain(in_path)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .ok_or_else(|| {
            format!("PostgreSQL 13 or later, with initdb: your system's package postgresql; {VARIABLE} names its folder of programs, where it is another")
        })
}
