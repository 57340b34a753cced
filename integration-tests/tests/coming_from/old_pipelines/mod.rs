//! Beside a script, Luigi and Airflow themselves.

mod kill;

use crate::place::{self, DAYS, Place, csv};
use std::path::Path;
use std::process::Command;

/// Runs it and gives what it printed.
fn done(mut command: Command) -> String {
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{command:?}: {}", place::told(&output));
    place::told(&output)
}

fn script(place: &Place, days: &[&str]) -> Command {
    place.python("script", &[&["script.py"], days].concat())
}

fn luigi(place: &Place) -> Command {
    let task = [
        "-m",
        "luigi",
        "--module",
        "luigi_tasks",
        "Week",
        "--monday",
        DAYS[0],
        "--local-scheduler",
    ];
    place.python("luigi", &task)
}

/// A database of its own, and then a DAG, day by day.
fn airflow(place: &Place, file: &str, days: &[&str]) -> Command {
    done(place.python("airflow", &["-m", "airflow", "db", "migrate"]));
    place.python("airflow", &[&[file], days].concat())
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LARDER_MIGRATION, a Python with Airflow and Luigi; run by cargo xtask test"]
async fn four_pipelines_give_the_same_rows() {
    let place = Place::new();
    done(script(&place, &DAYS));
    done(luigi(&place));
    done(airflow(&place, "airflow_dag.py", &DAYS));
    done(place.command("coming_from", &["materialize", "--quiet"]));
    let mut rows = 0;
    for (asset, columns) in [("clean/orders", 3), ("reports/customer_totals", 3)] {
        for day in DAYS {
            let larder = place.rows(asset, day).await.expect("is stored");
            rows += larder.len();
            assert!(larder.iter().all(|row| row.len() == columns));
            for old in ["script", "luigi", "airflow"] {
                let theirs = csv(&place.out(old).join(format!("{asset}-{day}.csv")));
                assert_eq!(larder, theirs, "{asset} of {day}: larder and {old}");
            }
        }
    }
    assert!(rows > 80, "only {rows} rows were compared");
    for old in ["script", "luigi", "airflow"] {
        let theirs = text(&place.out(old).join("reports/week-2024-03-04.html"));
        assert_eq!(place.week(), theirs, "the week: larder and {old}");
    }
}

/// The last asset moves first: larder makes the week from the files that the script goes on to write, called by hand and by Airflow.
#[test]
#[ignore = "needs LARDER_MIGRATION, a Python with Airflow and Luigi; run by cargo xtask test"]
fn halfway_larder_reads_what_the_old_pipeline_writes() {
    let place = Place::new();
    done(script(&place, &DAYS));
    done(place.command("coming_from_halfway", &["materialize", "--quiet"]));
    let script = text(&place.out("script").join("reports/week-2024-03-04.html"));
    assert_eq!(place.week(), script);
    // The same asked for by Airflow, once the script has made a day again.
    place.correct(DAYS[1]);
    for name in ["clean/orders", "reports/customer_totals"] {
        std::fs::remove_file(place.out("script").join(format!("{name}-{}.csv", DAYS[1]))).expect("is there");
    }
    done(self::script(&place, &[DAYS[1]]));
    let mut calls = airflow(&place, "../airflow_calls_larder.py", &[DAYS[0]]);
    calls.env("ORDERS_OUT", place.out("script"));
    done(calls);
    assert!(place.week().contains(place::CORRECTED), "{}", place.week());
}

/// What Airflow is told when larder fails: that another attempt may help, or that it is of no use.
#[test]
#[ignore = "needs LARDER_MIGRATION, a Python with Airflow and Luigi; run by cargo xtask test"]
fn a_failure_of_larder_is_one_of_airflow() {
    let place = Place::new();
    let asked = |arguments: &str| {
        let code = format!(
            "import sys; sys.path.insert(0, '..'); import airflow_calls_larder as dag; dag.larder({arguments})"
        );
        let ran = place.python("airflow", &["-c", &code]).output().expect("runs");
        assert!(!ran.status.success());
        place::told(&ran)
    };
    // There is no day of the old pipeline yet.
    let failed = asked("'materialize', '--retries', '0'");
    assert!(
        failed.contains("AirflowException: the pipeline ended with 1"),
        "{failed}"
    );
    let wrong = asked("'materialize', '--everything'");
    assert!(wrong.contains("AirflowFailException: "), "{wrong}");
}

/// A target that is there counts as done, whatever it was made from.
#[test]
#[ignore = "needs LARDER_MIGRATION, a Python with Airflow and Luigi; run by cargo xtask test"]
fn a_corrected_file_goes_unnoticed_before() {
    let place = Place::new();
    done(script(&place, &DAYS));
    done(luigi(&place));
    place.correct(DAYS[1]);
    done(script(&place, &DAYS));
    done(luigi(&place));
    for old in ["script", "luigi"] {
        let week = text(&place.out(old).join("reports/week-2024-03-04.html"));
        assert!(!week.contains(place::CORRECTED), "{old} noticed it");
    }
}
