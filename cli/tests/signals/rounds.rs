//! Rounds: a pipeline is started, held, ended, and looked at.

use crate::pipeline::{PHASE, SOCKET, VALUE, stored, value};
use larder_io_core::Blob;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes so long: whoever does hangs.
const HANGS: Duration = Duration::from_secs(20);

fn rounds(phase: &str) -> usize {
    let wanted = std::env::var("LARDER_TEST_ROUNDS").ok();
    let rounds = wanted.and_then(|rounds| rounds.parse().ok()).unwrap_or(100);
    match phase {
        // Each of them is waited for, as long as the command line waits for anybody.
        "busy" => rounds / 10 + 1,
        // On each executor.
        _ => 3 * rounds,
    }
}

fn command(home: &Path, phase: &str, value: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("is there"));
    command
        .args(arguments)
        .env_clear()
        .env("LARDER_HOME", home)
        .env(PHASE, phase)
        .env(VALUE, value)
        .env(SOCKET, home.join("socket"))
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs to its end, which is a good one.
fn made(home: &Path, value: &str, arguments: &[&str]) {
    let output = command(home, "none", value, arguments).output().expect("runs");
    let told = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
}

/// Waits for an end that has to come.
fn within<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Some(found) => return found,
            None if began.elapsed() > HANGS => panic!("{what} hangs"),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn ended(child: &mut Child) -> ExitStatus {
    within("the run", || child.try_wait().expect("can be waited for"))
}

fn signalled(child: &Child, signal: Signal) {
    let id = Pid::from_raw(child.id().cast_signed()).expect("is an id");
    kill_process(id, signal).expect("is there");
}

/// A pipeline that is in its phase, and the process in which the step is.
fn held(home: &Path, phase: &str, value: &str, executor: &str, socket: &UnixDatagram) -> (Child, Pid) {
    let arguments = ["materialize", "held", "--executor", executor];
    let child = command(home, phase, value, &arguments).spawn().expect("starts");
    let mut id = [0; 4];
    socket.recv(&mut id).expect("the phase is reached");
    (child, Pid::from_raw(i32::from_le_bytes(id)).expect("is an id"))
}

fn listening(home: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(home.join("socket")).expect("binds");
    socket.set_read_timeout(Some(HANGS)).expect("is set");
    socket
}

/// What is stored of `held`.
fn found(home: &Path) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("is a runtime");
    runtime.block_on(async {
        let pipeline = stored(home).build().expect("is valid");
        let blob: Blob = pipeline.load("held").await.expect("is stored");
        blob.bytes().await.expect("is read").to_vec()
    })
}

/// Files that are neither published nor kept as an old version: what a stopped store left.
fn leftovers(home: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![home.join("storage/.larder")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push(path.display().to_string()),
            }
        }
    }
    found.sort();
    found
}

/// Interrupts a phase many times, on each executor by each signal in turn.
pub(crate) fn all(phase: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path();
    made(home, "old", &["materialize"]);
    made(home, "old", &["gc", "--older-than", "0s"]);
    let before = leftovers(home).len();
    let socket = listening(home);
    let mut old = value("old").to_vec();
    let (mut worst, mut left) = (Duration::ZERO, 0);
    for round in 0..rounds(phase) {
        let executor = ["in_process", "threads", "processes"][round % 3];
        let (signal, code) = [(Signal::INT, 130), (Signal::TERM, 143)][round / 3 % 2];
        let new = format!("new {round}");
        let (mut child, step) = held(home, phase, &new, executor, &socket);
        if matches!(phase, "store" | "check" | "staged") {
            // What would be left if nobody cared is there.
            within("the staging", || (leftovers(home).len() > before).then_some(()));
        }
        signalled(&child, signal);
        let began = Instant::now();
        let status = ended(&mut child);
        worst = worst.max(began.elapsed());
        let output = child.wait_with_output().expect("is read");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(status.code(), Some(code), "{executor}: {told}");
        assert!(told.starts_with("interrupted; "), "{executor}: {told}");
        within("the process of the step", || {
            test_kill_process(step).is_err().then_some(())
        });
        let stored = found(home);
        if phase == "published" && stored == value(&new) {
            old = stored;
        } else {
            assert!(stored == old, "{executor}: the old value is not there any more");
            left = left.max(leftovers(home).len().saturating_sub(before));
        }
    }
    made(home, "old", &["gc", "--older-than", "0s"]);
    let after = leftovers(home);
    match phase {
        // New versions were published, and the old ones are kept.
        "published" => assert!(after.iter().all(|path| !path.contains("/.larder/tmp/")), "{after:?}"),
        _ => assert_eq!(after.len(), before, "gc left {after:?}"),
    }
    println!(
        "{phase}: {} rounds, the slowest end after {worst:?}, at most {left} files for gc",
        rounds(phase)
    );
}

/// A step that never lets go, on a thread of the runtime: the first signal waits a moment for it, the second for nothing.
pub(crate) fn second() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path();
    made(home, "old", &["materialize"]);
    let socket = listening(home);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (mut child, _) = held(home, "busy", "new", "in_process", &socket);
        let began = Instant::now();
        // Two at once may be one.
        let status = within("the run", || {
            let ended = child.try_wait().expect("can be waited for");
            if ended.is_none() {
                signalled(&child, signal);
            }
            ended
        });
        println!("{signal:?} again and again: ended after {:?}", began.elapsed());
        assert_eq!(status.code(), Some(code));
        assert!(found(home) == value("old"));
    }
}
