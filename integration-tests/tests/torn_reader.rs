//! A value of 20 MB is rewritten 60 times by another process while readers load it: every load succeeds and is whole.
//! The peer failed 19,937 of 20,237 such loads.

use larder::{Form, IoManager};
use larder_integration_tests::Kind;
use larder_io_fs::FsConfig;
use larder_io_object::{ObjectIo, TableFormat};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const BYTES: usize = 20_000_000;
const REWRITES: u64 = 60;
const READERS: usize = 2;

fn writer(root: &Path, numbers: std::ops::Range<u64>, setting: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writer"));
    command
        .arg(root)
        .args([numbers.start.to_string(), numbers.end.to_string(), setting.to_owned()]);
    command.stdout(Stdio::null()).spawn().expect("the writer starts")
}

/// Loads until it is told to stop; gives loads, different values seen, failures.
fn read(manager: &ObjectIo, kind: Kind, stop: &AtomicBool) -> (u64, u64, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime starts");
    let (mut loads, mut seen, mut last, mut failures) = (0, 0, 0, Vec::new());
    while !stop.load(Ordering::SeqCst) {
        let number = runtime.block_on(async {
            let value = manager.load_input(&kind.context().to_input(kind.form)).await;
            kind.number(value.map_err(|error| format!("{error:?}"))?).await
        });
        loads += 1;
        match number {
            Ok(number) if number < last => failures.push(format!("went back from {last} to {number}")),
            Ok(number) => {
                seen += u64::from(number > last);
                last = number;
            }
            Err(failure) => failures.push(failure),
        }
    }
    (loads, seen, failures)
}

fn rewritten(setting: &str, form: Form, mmap: bool) -> (u64, u64, Vec<String>) {
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let kind = Kind::new(form, if setting == "in-place" { 0 } else { BYTES });
    let mut config = FsConfig::new(root.path());
    config.mmap = mmap;
    if setting == "arrow" {
        config.table = TableFormat::Arrow;
    }
    let manager = Arc::new(config.open().expect("the root can be opened"));
    assert!(
        writer(root.path(), 1..2, setting)
            .wait()
            .expect("the writer ends")
            .success()
    );
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (manager, stop) = (Arc::clone(&manager), Arc::clone(&stop));
            thread::spawn(move || read(&manager, kind, &stop))
        })
        .collect();
    let status = writer(root.path(), 2..2 + REWRITES, setting)
        .wait()
        .expect("the writer ends");
    stop.store(true, Ordering::SeqCst);
    assert!(status.success(), "the writer failed: {status}");
    let (mut loads, mut seen, mut failures) = (0, 0, Vec::new());
    for reader in readers {
        let (more, values, failed) = reader.join().expect("the reader ends");
        loads += more;
        seen += values;
        failures.extend(failed);
    }
    let how = if mmap && setting == "arrow" {
        " by memory map"
    } else {
        ""
    };
    println!(
        "{setting}{how}: {REWRITES} rewrites, {loads} loads, {seen} changes seen, {} failures",
        failures.len()
    );
    (loads, seen, failures)
}

fn never_torn(setting: &str, form: Form, mmap: bool) {
    let (loads, seen, failures) = rewritten(setting, form, mmap);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        loads >= 2 && seen > READERS as u64,
        "the readers saw nothing happen: {loads} loads, {seen} changes"
    );
}

#[test]
fn objects_as_json() {
    never_torn("json", Form::Object, false);
}

#[test]
fn tables_as_parquet() {
    never_torn("parquet", Form::Table, false);
}

#[test]
fn tables_as_arrow_by_memory_map() {
    never_torn("arrow", Form::Table, true);
}

#[test]
fn tables_as_arrow_that_are_read() {
    never_torn("arrow", Form::Table, false);
}

#[test]
fn blobs() {
    never_torn("blob", Form::Blob, false);
}

/// The test has teeth: a writer in place tears what readers load.
#[test]
fn a_writer_in_place_is_found_out() {
    let (_, _, failures) = rewritten("in-place", Form::Blob, false);
    assert!(!failures.is_empty(), "writing in place went unnoticed");
}
