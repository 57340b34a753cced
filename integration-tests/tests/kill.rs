//! A process that stores is killed again and again while another one reads: nothing is torn, nothing that was
//! acknowledged is lost, everything can be read.

use larder::{Form, GcOptions, IoManager};
use larder_integration_tests::{Kind, Random, files};
use larder_io_fs::{FsConfig, RecordKeeping};
use larder_io_object::{ObjectIo, TableFormat};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const FORMS: [Form; 3] = [Form::Blob, Form::Table, Form::Object];

/// What writers said they did.
#[derive(Default)]
struct Said {
    acked: BTreeMap<Form, AtomicU64>,
    began: BTreeMap<Form, AtomicU64>,
    /// Whether the last word was of a beginning.
    storing: AtomicBool,
}

impl Said {
    fn new() -> Self {
        let zeros = || FORMS.into_iter().map(|form| (form, AtomicU64::new(0))).collect();
        Self {
            acked: zeros(),
            began: zeros(),
            storing: AtomicBool::new(false),
        }
    }

    fn hear(&self, line: &str) {
        let mut words = line.split(' ');
        let (what, form, number) = (words.next(), words.next().unwrap_or_default(), words.next());
        let form = FORMS
            .into_iter()
            .find(|known| known.name() == form)
            .expect("the writer names a form");
        let number = number
            .and_then(|number| number.parse().ok())
            .expect("the writer names a number");
        let acked = what == Some("acked");
        self.storing.store(!acked, Ordering::SeqCst);
        let of = if acked { &self.acked } else { &self.began };
        of[&form].store(number, Ordering::SeqCst);
    }

    fn acked(&self, form: Form) -> u64 {
        self.acked[&form].load(Ordering::SeqCst)
    }

    fn began(&self, form: Form) -> u64 {
        self.began[&form].load(Ordering::SeqCst)
    }
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    kills: usize,
    /// Kills that hit a store between its beginning and its acknowledgement.
    in_the_middle: usize,
    /// Values found newer than the last acknowledged: published, but the answer did not get out.
    unacknowledged: usize,
    loads: u64,
    old_versions: usize,
    left_behind: usize,
    problems: Vec<String>,
}

struct Crash {
    root: tempfile::TempDir,
    setting: &'static str,
    manager: Arc<ObjectIo>,
    said: Arc<Said>,
    problems: Arc<Mutex<Vec<String>>>,
}

impl Crash {
    fn new(setting: &'static str) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let mut config = FsConfig::new(root.path());
        config.table = TableFormat::Arrow;
        if setting == "sidecar" {
            config.records = RecordKeeping::Sidecar;
        }
        let manager = Arc::new(config.open().expect("the root can be opened"));
        Self {
            root,
            setting,
            manager,
            said: Arc::new(Said::new()),
            problems: Arc::default(),
        }
    }

    fn problem(&self, problem: String) {
        note(&self.problems, problem);
    }

    /// Starts a writer, kills it after a while, and hears what it said to the end.
    fn kill_one(&self, from: u64, random: &mut Random) {
        self.said.storing.store(false, Ordering::SeqCst);
        let mut writer = Command::new(env!("CARGO_BIN_EXE_writer"))
            .args([
                self.root.path().to_str().expect("is Unicode"),
                &from.to_string(),
                "1000000000",
                self.setting,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the writer starts");
        let said = Arc::clone(&self.said);
        let (sender, first_line) = mpsc::channel();
        let out = BufReader::new(writer.stdout.take().expect("is piped"));
        let listener = thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                said.hear(&line);
                let _ = sender.send(());
            }
        });
        // One of eight is killed while it starts.
        if random.below(8) > 0 {
            first_line
                .recv_timeout(Duration::from_secs(60))
                .expect("the writer begins");
        }
        thread::sleep(Duration::from_micros(1_000 + random.below(59_000) as u64));
        writer.kill().expect("the writer is there to be killed");
        let status = writer.wait().expect("the writer ends");
        assert!(
            status.code().is_none(),
            "the writer was killed, it did not end by itself: {status}"
        );
        listener.join().expect("the listener ends");
    }

    /// Loads every form, verified, and its history.
    async fn check(&self, outcome: &mut Outcome, from: u64) {
        for form in FORMS {
            let kind = Kind::new(form, 0);
            let input = kind.context().to_input(form).verified();
            let (acked, began) = (self.said.acked(form), self.said.began(form));
            let loaded = match self.manager.load_input(&input).await {
                Ok(value) => kind.number(value).await,
                Err(error) if error.kind() == larder::ErrorKind::NotFound && acked == 0 => continue,
                Err(error) => Err(format!("{error:?}")),
            };
            match loaded {
                Ok(number) if (acked..=began).contains(&number) => {
                    outcome.unacknowledged += usize::from(number > acked && number >= from);
                }
                Ok(number) => self.problem(format!(
                    "lost: {form} {number} is there, {acked} was acknowledged, {began} began"
                )),
                Err(problem) => self.problem(format!("after the kill: {form}: {problem}")),
            }
            if form != Form::Blob && !outcome.kills.is_multiple_of(5) {
                continue;
            }
            let versions = self.manager.versions().expect("history is on");
            let history = versions.history(&input).await;
            for receipt in history.unwrap_or_else(|error| panic!("the history cannot be read: {error:?}")) {
                let old = self
                    .manager
                    .load_input(&input.clone().with_version(receipt.version.clone()))
                    .await;
                let number = match old {
                    Ok(value) => kind.number(value).await,
                    Err(error) => Err(format!("{error:?}")),
                };
                outcome.old_versions += 1;
                if let Err(problem) = number {
                    self.problem(format!("old version {} of {form}: {problem}", receipt.version));
                }
            }
        }
    }

    async fn run(&self, kills: usize, random: &mut Random) -> Outcome {
        let mut outcome = Outcome::default();
        let stop = Arc::new(AtomicBool::new(false));
        let reader = {
            let (manager, said, problems, stop) = (
                Arc::clone(&self.manager),
                Arc::clone(&self.said),
                Arc::clone(&self.problems),
                Arc::clone(&stop),
            );
            thread::spawn(move || read_all_the_time(&manager, &said, &problems, &stop))
        };
        for _ in 0..kills {
            let from = FORMS.into_iter().map(|form| self.said.began(form)).max().unwrap_or(0) + 1;
            tokio::task::block_in_place(|| self.kill_one(from, random));
            outcome.kills += 1;
            outcome.in_the_middle += usize::from(self.said.storing.load(Ordering::SeqCst));
            self.check(&mut outcome, from).await;
        }
        stop.store(true, Ordering::SeqCst);
        outcome.loads = reader.join().expect("the reader ends");
        let staging = self.root.path().join(".larder/tmp");
        outcome.left_behind = files(&staging).len();
        let mut everything = GcOptions::default();
        everything.older_than = Duration::ZERO;
        self.manager
            .maintenance()
            .expect("there is gc")
            .gc(&everything)
            .await
            .expect("gc works");
        assert_eq!(
            files(&staging),
            Vec::<std::path::PathBuf>::new(),
            "gc leaves nothing staged"
        );
        self.check(&mut outcome, u64::MAX).await;
        outcome.problems = std::mem::take(&mut *self.problems.lock().expect("nobody panicked"));
        outcome
    }
}

fn note(problems: &Mutex<Vec<String>>, problem: String) {
    problems.lock().expect("nobody panicked").push(problem);
}

/// Reads without a pause, with a runtime of its own; never an error, never torn, never older than acknowledged, never
/// back.
fn read_all_the_time(manager: &ObjectIo, said: &Said, problems: &Mutex<Vec<String>>, stop: &AtomicBool) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime starts");
    let mut newest: BTreeMap<Form, u64> = BTreeMap::new();
    let mut loads = 0;
    while !stop.load(Ordering::SeqCst) {
        for form in FORMS {
            let acked = said.acked(form);
            if acked == 0 {
                thread::yield_now();
                continue;
            }
            let kind = Kind::new(form, 0);
            let mut input = kind.context().to_input(form);
            input.verify = loads % 2 == 0;
            let loaded = runtime.block_on(async {
                let value = manager.load_input(&input).await.map_err(|error| format!("{error:?}"))?;
                kind.number(value).await
            });
            loads += 1;
            let seen = newest.entry(form).or_default();
            match loaded {
                Ok(number) if number < acked => note(
                    problems,
                    format!("reader: {form} {number} after {acked} was acknowledged"),
                ),
                Ok(number) if number < *seen => {
                    note(problems, format!("reader: {form} went back from {seen} to {number}"))
                }
                Ok(number) => *seen = number,
                Err(problem) => note(problems, format!("reader: {form}: {problem}")),
            }
        }
    }
    loads
}

async fn crash(setting: &'static str, kills: usize) -> (Outcome, Crash) {
    let mut random = Random::printed(setting);
    let crash = Crash::new(setting);
    let outcome = crash.run(kills, &mut random).await;
    let problems = outcome.problems.len();
    println!(
        "{setting}: {} kills, {} of them in the middle of a store, {} published but not acknowledged; {} loads beside, \
         {} old versions read; {} staged files left behind and collected; {problems} problems",
        outcome.kills,
        outcome.in_the_middle,
        outcome.unacknowledged,
        outcome.loads,
        outcome.old_versions,
        outcome.left_behind
    );
    (outcome, crash)
}

fn nothing_wrong(outcome: &Outcome) {
    assert!(outcome.problems.is_empty(), "{}", outcome.problems.join("\n"));
    assert!(
        outcome.in_the_middle >= outcome.kills / 4,
        "the kills must hit stores: {outcome:?}"
    );
    assert!(
        outcome.loads > outcome.kills as u64,
        "the reader must have read: {outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_writers_lose_nothing() {
    let (outcome, _) = crash("all", 200).await;
    nothing_wrong(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_writers_lose_nothing_with_records_beside() {
    let (outcome, crash) = crash("sidecar", 60).await;
    nothing_wrong(&outcome);
    let records = files(&crash.root.path().join(".larder/records")).len();
    let kept = files(crash.root.path()).iter().filter(|file| is_value(file)).count();
    assert!(
        records >= 3 && records <= kept,
        "gc keeps the records of what is kept, and no others: {records} of {kept}"
    );
}

fn is_value(file: &Path) -> bool {
    !file.starts_with(".larder") || file.starts_with(".larder/versions")
}

/// The test has teeth: a writer that writes in place, as the peer does, is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_in_place_is_found_out() {
    let (outcome, _) = crash("in-place", 5).await;
    assert!(!outcome.problems.is_empty(), "writing in place went unnoticed");
}
