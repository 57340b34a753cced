//! What is left when a pipeline is killed while it writes, and what its next run makes of that.
//!
//! The file of the day is a pipe: it gives half of the orders and then nothing more, so that the kill comes while the other half
//! is waited for, on any machine.

use super::{airflow, done, luigi, script};
use crate::place::{DAYS, Place, csv};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Orders of the day: enough that half of them do not fit into the buffers between two files.
const ORDERS: usize = 40_000;

/// Kills of larder.
const KILLS: usize = 15;

const HEADER: &str = "id,customer,amount,status\n";

fn lines(orders: std::ops::Range<usize>) -> String {
    orders
        .map(|id| format!("{},Ida Print,1.00,paid\n", 100_000 + id))
        .collect()
}

fn whole() -> String {
    format!("{HEADER}{}", lines(0..ORDERS))
}

/// Starts a pipeline over half a file and kills it as soon as `written` has something in it.
fn killed_while_it_writes(place: &Place, mut command: Command, written: impl Fn() -> Option<PathBuf>) {
    let day = place.inbox().join(format!("orders-{}.csv", DAYS[0]));
    std::fs::remove_file(&day).expect("is there");
    assert!(
        Command::new("mkfifo")
            .arg(&day)
            .status()
            .expect("mkfifo is there")
            .success()
    );
    let half = format!("{HEADER}{}", lines(0..ORDERS / 2));
    let pipe = day.clone();
    let (killed, wait) = mpsc::channel::<()>();
    let shop = std::thread::spawn(move || {
        let mut pipe = File::options()
            .write(true)
            .open(pipe)
            .expect("opens, when somebody reads");
        // What the killed one has not read is an error.
        let _ = pipe.write_all(half.as_bytes());
        // Open until then: whoever reads waits for more.
        let _ = wait.recv();
    });
    let mut running = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    wait_for(&mut running, &written);
    running.kill().expect("is killed");
    running.wait().expect("ends");
    drop(killed);
    shop.join().expect("ends");
    std::fs::remove_file(&day).expect("is there");
    std::fs::write(&day, whole()).expect("is written");
}

/// Half a minute's looks: enough for any machine, and no hanging test where nothing is ever written there.
const LOOKS: usize = 6_000;

fn wait_for(running: &mut Child, written: &impl Fn() -> Option<PathBuf>) {
    for _ in 0..LOOKS {
        let size = written()
            .and_then(|file| std::fs::metadata(file).ok())
            .map_or(0, |data| data.len());
        if size > 0 {
            return;
        }
        let ended = running.try_wait().expect("can be asked");
        assert!(ended.is_none(), "it ended before it wrote");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill().expect("is killed");
    panic!("nothing was written there");
}

/// The first file of a directory whose name begins so.
fn beginning(directory: &Path, name: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?;
    let fits = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(name);
    entries.flatten().find(fits).map(|entry| entry.path())
}

#[test]
#[ignore = "needs LARDER_MIGRATION, a Python with Airflow and Luigi; run by cargo xtask test"]
fn a_script_takes_half_a_file_for_done() {
    let place = Place::new();
    let clean = place.out("script").join(format!("clean/orders-{}.csv", DAYS[0]));
    killed_while_it_writes(&place, script(&place, &DAYS[..1]), || Some(clean.clone()));
    done(script(&place, &DAYS[..1]));
    let half = csv(&clean).len();
    assert!(half > 0 && half < ORDERS, "{half} of {ORDERS} orders");
    let totals = csv(&place
        .out("script")
        .join(format!("reports/customer_totals-{}.csv", DAYS[0])));
    assert!(
        totals.iter().all(|row| row[1] != ORDERS.to_string()),
        "{totals:?}: the next run goes on with it"
    );
}

/// A local target that is written through `open("w")` is moved into its place when it is closed.
#[test]
#[ignore = "needs LARDER_MIGRATION, a Python with Airflow and Luigi; run by cargo xtask test"]
fn luigi_does_not_if_it_writes_through_its_target() {
    let place = Place::new();
    let directory = place.out("luigi").join("clean");
    let name = format!("orders-{}.csv", DAYS[0]);
    killed_while_it_writes(&place, luigi(&place), || {
        beginning(&directory, &format!("{name}-luigi-tmp"))
    });
    assert!(!directory.join(&name).exists(), "the target is not there");
    done(luigi(&place));
    assert_eq!(csv(&directory.join(&name)).len(), ORDERS);
    let left = beginning(&directory, &format!("{name}-luigi-tmp"));
    assert!(left.is_some(), "what the killed run wrote stays, and nobody removes it");
}

/// A task that hands the target's path to something that writes there itself, as many libraries want it.
const BY_PATH: &str = "
import luigi, luigi_tasks, orders
class ByPath(luigi_tasks.CleanOrders):
    def run(self):
        self.output().makedirs()
        with self.input().open() as sent, open(self.output().path, 'w', encoding='utf-8') as file:
            orders.write(file, orders.ORDERS, orders.clean(orders.read(sent)))
luigi.build([ByPath(day=luigi.DateParameter().parse('2024-03-04'))], local_scheduler=True)
";

#[test]
#[ignore = "needs LARDER_MIGRATION, a Python with Airflow and Luigi; run by cargo xtask test"]
fn luigi_does_if_it_writes_by_path() {
    let place = Place::new();
    let clean = place.out("luigi").join(format!("clean/orders-{}.csv", DAYS[0]));
    killed_while_it_writes(&place, place.python("luigi", &["-c", BY_PATH]), || Some(clean.clone()));
    done(place.python("luigi", &["-c", BY_PATH]));
    let half = csv(&clean).len();
    assert!(half > 0 && half < ORDERS, "{half} of {ORDERS} orders");
}

/// Airflow knows that the task did not end and runs it again; until then everybody else sees half a file under its final name.
#[test]
#[ignore = "needs LARDER_MIGRATION, a Python with Airflow and Luigi; run by cargo xtask test"]
fn airflow_runs_it_again_and_shows_half_a_file_until_then() {
    let place = Place::new();
    let clean = place.out("airflow").join(format!("clean/orders-{}.csv", DAYS[0]));
    killed_while_it_writes(&place, airflow(&place, "airflow_dag.py", &DAYS[..1]), || {
        Some(clean.clone())
    });
    let half = csv(&clean).len();
    assert!(half > 0 && half < ORDERS, "{half} of {ORDERS} orders");
    done(airflow(&place, "airflow_dag.py", &DAYS[..1]));
    assert_eq!(csv(&clean).len(), ORDERS);
}

/// Killed again and again, each time a little later: the day is what it was or what it becomes, and never a part of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs built examples; run by cargo xtask test"]
async fn larder_shows_all_or_nothing() {
    let place = Place::new();
    let day = place.inbox().join(format!("orders-{}.csv", DAYS[0]));
    let arguments = [
        "materialize",
        "clean/orders",
        "reports/customer_totals",
        "--partitions",
        DAYS[0],
    ];
    std::fs::write(&day, whole()).expect("is written");
    let begun = Instant::now();
    done(place.command("coming_from", &arguments));
    // How long a run takes here only spreads the kills over it.
    let took = begun.elapsed();
    let (mut there, mut old, mut new) = (ORDERS, 0, 0);
    for kill in 1..=KILLS {
        let orders = ORDERS + kill;
        std::fs::write(&day, format!("{HEADER}{}", lines(0..orders))).expect("is written");
        let mut command = place.command("coming_from", &arguments);
        let mut running = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(took.mul_f64(kill as f64 / KILLS as f64));
        running.kill().expect("is killed");
        running.wait().expect("ends");
        let found = place.rows("clean/orders", DAYS[0]).await.expect("is there").len();
        assert!(
            found == there || found == orders,
            "{found} orders, after {there} and before {orders}"
        );
        *(if found == there { &mut old } else { &mut new }) += 1;
        there = found;
    }
    println!(
        "killed {} times: the old value {old} times, the new one {new} times",
        old + new
    );
    done(place.command("coming_from", &[&arguments[..], &["--stale"]].concat()));
    let rows = place.rows("clean/orders", DAYS[0]).await.map(|rows| rows.len());
    assert_eq!(rows, Some(ORDERS + KILLS));
    assert_eq!(place.totals(DAYS[0]).await[0][1], (ORDERS + KILLS).to_string());
}
