//! A browser, in which tests look at pages.

use std::path::PathBuf;

/// The variable that tells tests which program it is, and may tell it here.
pub(crate) const VARIABLE: &str = "LARDER_CHROMIUM";

/// What systems call it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The program.
pub(crate) fn program() -> Result<PathBuf, String> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let in_path = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    named
        .into_iter()
        .chain(in_path)
        .find(|program| program.is_file())
        .ok_or_else(|| {
            format!("Chromium: your system's package chromium; {VARIABLE} names the program, where it is another")
        })
}
