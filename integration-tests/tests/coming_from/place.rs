//! A place of its own for every test: what the shop sent, what the old pipelines write, what larder keeps.

use arrow_array::{Array, Int64Array, StringArray};
use larder::{Larder, PartitionKey, Table};
use larder_integration_tests::{example, scratch};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

/// The days of the week that there are files of.
pub(crate) const DAYS: [&str; 7] = [
    "2024-03-04",
    "2024-03-05",
    "2024-03-06",
    "2024-03-07",
    "2024-03-08",
    "2024-03-09",
    "2024-03-10",
];

/// Whom the correction is about: nobody whose name is in the files.
pub(crate) const CORRECTED: &str = "Late Customer";

/// A row of a table as text, as csv files of Python have it.
pub(crate) type Row = Vec<String>;

/// The directories.
#[derive(Debug)]
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// With the files of the example.
    pub(crate) fn new() -> Self {
        let place = Self(scratch());
        std::fs::create_dir(place.inbox()).expect("is made");
        for day in DAYS {
            let name = format!("orders-{day}.csv");
            std::fs::copy(files().join("data").join(&name), place.inbox().join(&name)).expect("is copied");
        }
        place
    }

    /// What the shop sent.
    pub(crate) fn inbox(&self) -> PathBuf {
        self.0.path().join("inbox")
    }

    /// What an old pipeline writes.
    pub(crate) fn out(&self, pipeline: &str) -> PathBuf {
        self.0.path().join(pipeline)
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    /// An example of larder's with this place's files.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(example(name));
        command.args(arguments);
        self.surround(&mut command, "script");
        command
    }

    /// Runs it.
    pub(crate) fn larder(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name, arguments).output().expect("runs")
    }

    /// A program of Airflow's and Luigi's Python, in the directory of the old pipelines.
    pub(crate) fn python(&self, pipeline: &str, arguments: &[&str]) -> Command {
        let python = std::env::var("LARDER_MIGRATION").expect("LARDER_MIGRATION is a Python with Airflow and Luigi");
        let mut command = Command::new(python);
        command.args(arguments).current_dir(files().join("before"));
        self.surround(&mut command, pipeline);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("AIRFLOW_HOME", self.0.path().join("airflow"));
        command.env("AIRFLOW_VAR_ORDERS_INBOX", self.inbox());
        command.env("AIRFLOW_VAR_ORDERS_OUT", self.out(pipeline));
        command.env("AIRFLOW_VAR_ORDERS_PIPELINE", example("coming_from_halfway"));
        command.env("AIRFLOW__CORE__LOAD_EXAMPLES", "False");
        command.env("AIRFLOW__CORE__DAGS_FOLDER", files());
        command.env("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING");
        // Neither a test nor its reader has something to report to anybody.
        command
            .env("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "False")
            .env("SCARF_ANALYTICS", "false");
        command
    }

    fn surround(&self, command: &mut Command, pipeline: &str) {
        command
            .stdin(Stdio::null())
            .env("ORDERS_INBOX", self.inbox())
            .env("ORDERS_OUT", self.out(pipeline))
            .env("LARDER_HOME", self.home());
        for other in [
            "LARDER_DEFAULT_IO_MANAGER",
            "LARDER_CONFIG",
            "LARDER_PROFILE",
            "LARDER_CATALOG",
        ] {
            command.env_remove(other);
        }
    }

    /// Adds lines to the file of a day.
    pub(crate) fn append(&self, day: &str, lines: &str) {
        let file = self.inbox().join(format!("orders-{day}.csv"));
        let before = std::fs::read_to_string(&file).expect("is there");
        std::fs::write(&file, before + lines).expect("is written");
    }

    /// The shop sends a day again, with one order more.
    pub(crate) fn correct(&self, day: &str) {
        self.append(day, &format!("9001,{CORRECTED},20.00,paid\n"));
    }

    /// The rows that larder keeps of an asset and a day.
    pub(crate) async fn rows(&self, asset: &str, day: &str) -> Option<Vec<Row>> {
        let storage = format!("file:{}", self.home().join("storage").display());
        let definitions = larder::definitions()
            .without_config()
            .without_catalog()
            .default_io_manager_url(storage);
        let day = PartitionKey::single("date", day).expect("is a key");
        match Larder::with(definitions).load::<Table>(asset).partition(day).await {
            Ok(table) => Some(rows_of(&table)),
            Err(error) if error.kind() == larder::ErrorKind::NotFound => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The totals of a day.
    pub(crate) async fn totals(&self, day: &str) -> Vec<Row> {
        self.rows("reports/customer_totals", day).await.expect("are stored")
    }

    /// When the totals of a day were written.
    pub(crate) fn modified(&self, day: &str) -> SystemTime {
        let file = format!("storage/reports/customer_totals/date={day}/data.parquet");
        std::fs::metadata(self.home().join(file))
            .and_then(|data| data.modified())
            .expect("is stored")
    }

    /// The page of larder's.
    pub(crate) fn week(&self) -> String {
        let file = self.home().join("storage/reports/week/date=2024-03-04/data.html");
        std::fs::read_to_string(file).expect("is stored")
    }
}

/// The example's directory.
pub(crate) fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/coming_from")
}

/// What a program said.
pub(crate) fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The rows of a csv file of Python's; no cell of these files has a comma or a quote.
pub(crate) fn csv(file: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(!text.contains('"'), "{text}");
    let rows = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect());
    rows.collect()
}

/// The columns have to be of these two types: what larder keeps is typed.
fn rows_of(table: &Table) -> Vec<Row> {
    let batch = table.to_batch().expect("fits");
    let cell = |column: &dyn Array, row: usize| match column.as_any().downcast_ref::<Int64Array>() {
        Some(numbers) => numbers.value(row).to_string(),
        None => column
            .as_any()
            .downcast_ref::<StringArray>()
            .expect("is text")
            .value(row)
            .to_owned(),
    };
    let row = |row| batch.columns().iter().map(|column| cell(column, row)).collect();
    (0..batch.num_rows()).map(row).collect()
}
