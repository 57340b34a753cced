//! Where larder lives when nobody says where: `LARDER_HOME`, else `.larder` beside `larder.toml`, else here.

use std::path::{Path, PathBuf};

/// The variable that names the home directory.
pub const HOME_VARIABLE: &str = "LARDER_HOME";
/// The variable that names the default I/O manager by URL.
pub const DEFAULT_MANAGER_VARIABLE: &str = "LARDER_DEFAULT_IO_MANAGER";
/// The file whose directory a home lies beside.
pub const CONFIG_FILE: &str = "larder.toml";

/// Finds the home directory, and says why it is there. Never a temporary directory.
pub fn find(variable: Option<String>, working_directory: &Path) -> (PathBuf, String) {
    if let Some(home) = variable.filter(|home| !home.is_empty()) {
        return (working_directory.join(home), format!("{HOME_VARIABLE} names it"));
    }
    for directory in working_directory.ancestors() {
        if directory.join(CONFIG_FILE).is_file() {
            return (
                directory.join(".larder"),
                format!("beside {}", directory.join(CONFIG_FILE).display()),
            );
        }
    }
    (working_directory.join(".larder"), "in the working directory".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_before_config_before_working_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(&deep).expect("creates");
        assert_eq!(find(None, &deep).0, deep.join(".larder"));
        std::fs::write(dir.path().join(CONFIG_FILE), "").expect("writes");
        assert_eq!(find(None, &deep).0, dir.path().join(".larder"));
        assert_eq!(find(Some("/x".to_owned()), &deep).0, Path::new("/x"));
    }
}
