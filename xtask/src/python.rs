//! Python with the libraries that read what larder wrote, in the build folder.

use crate::shell::{command, output, run, target};
use std::path::PathBuf;

/// The readers, pinned, so that a new release of theirs is not our failure.
const PACKAGES: [&str; 4] = ["pyarrow==26.0.1", "polars==2.1.0", "duckdb==2.0.0", "msgpack==1.1.2"];

/// The interpreter of the environment, made if it is not there.
pub(crate) fn interpreter() -> Result<PathBuf, String> {
    let home = target().join("python");
    let python = home.join("bin/python");
    let stamp = home.join("larder-packages");
    let wanted = PACKAGES.join(" ");
    if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    let base = output(&mut command("python3", &["--version"]))
        .map_err(|error| format!("Python 3.10 or later is missing ({error}); install python3 and python3-venv"))?;
    println!("making an environment with {} for the readers: {wanted}", base.trim());
    let home_text = home.display().to_string();
    run(&mut command("python3", &["-m", "venv", "--clear", &home_text]))
        .map_err(|error| format!("{error}; install your system's package python3-venv"))?;
    let mut install = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    install.extend(PACKAGES);
    run(&mut command(&python, &install))?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}
