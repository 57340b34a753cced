//! Where larder lives when nobody says where: `LARDER_HOME`, else `.larder` beside `larder.toml`, else here.

use std::path::{Path, PathBuf};

/// The variable that names the home directory.
pub const HOME_VARIABLE: &str = "LARDER_HOME";
/// The variable that names the default I/O manager, by URL or by a key of the configuration.
pub const DEFAULT_MANAGER_VARIABLE: &str = "LARDER_DEFAULT_IO_MANAGER";
/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "LARDER_CONFIG";
/// The variable that names the profile.
pub const PROFILE_VARIABLE: &str = "LARDER_PROFILE";
/// The variable that names the catalogue: a file, the URL of a PostgreSQL database, or `none`.
pub const CATALOG_VARIABLE: &str = "LARDER_CATALOG";
/// The configuration file, beside which the home directory lies.
pub const CONFIG_FILE: &str = "larder.toml";

/// Finds the configuration file in a directory or the nearest one above.
pub fn config_file(working_directory: &Path) -> Option<PathBuf> {
    let mut candidates = working_directory
        .ancestors()
        .map(|directory| directory.join(CONFIG_FILE));
    candidates.find(|file| file.is_file())
}

/// Finds the home directory, and says why it is there. Never a temporary directory. `config` is the configuration file
/// that is used.
pub fn find(variable: Option<String>, config: Option<&Path>, working_directory: &Path) -> (PathBuf, String) {
    if let Some(home) = variable.filter(|home| !home.is_empty()) {
        return (working_directory.join(home), format!("{HOME_VARIABLE} names it"));
    }
    match config.and_then(|file| Some((file, file.parent()?))) {
        Some((file, directory)) => (directory.join(".larder"), format!("beside {}", file.display())),
        None => (working_directory.join(".larder"), "in the working directory".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_before_config_before_working_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(&deep).expect("creates");
        let found = |variable: Option<&str>| {
            let config = config_file(&deep);
            find(variable.map(str::to_owned), config.as_deref(), &deep).0
        };
        assert_eq!(found(None), deep.join(".larder"));
        std::fs::write(dir.path().join(CONFIG_FILE), "").expect("writes");
        assert_eq!(found(None), dir.path().join(".larder"));
        assert_eq!(found(Some("/x")), Path::new("/x"));
        std::fs::write(deep.join(CONFIG_FILE), "").expect("writes");
        assert_eq!(found(None), deep.join(".larder"), "the nearest one");
    }
}
