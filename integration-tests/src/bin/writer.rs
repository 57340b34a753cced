//! A process that stores values until it is killed or done.
//!
//! `writer <root> <from> <to> <setting>`: stores the numbers `from..to` one after the other and prints
//! `began <form> <number>` before and `acked <form> <number>` after each store. The setting is one of
//! `all`, `sidecar` (blobs, tables and objects of 200 kB to 9 MB), `json`, `parquet`, `arrow`, `blob` (only these, of
//! 20 MB), `in-place` (writes blobs over the public file as others do: the broken store that proves the test).

use larder::{Form, IoManager};
use larder_integration_tests::Kind;
use larder_io_fs::{FsConfig, RecordKeeping};
use larder_io_object::TableFormat;
use std::io::Write;
use std::path::Path;

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // One write of less than PIPE_BUF bytes: a kill never leaves half a line.
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, root, from, to, setting] = arguments.as_slice() else {
        panic!("usage: writer <root> <from> <to> <setting>");
    };
    let (from, to): (u64, u64) = (from.parse().expect("is a number"), to.parse().expect("is a number"));
    let mut config = FsConfig::new(root);
    if !matches!(setting.as_str(), "parquet") {
        config.table = TableFormat::Arrow;
    }
    if setting == "sidecar" {
        config.records = RecordKeeping::Sidecar;
    }
    let manager = config.open().expect("the root can be opened");
    for number in from..to {
        for kind in kinds(setting, number) {
            say(&format!("began {} {number}", kind.form));
            if setting == "in-place" {
                write_in_place(Path::new(root), kind, number);
            } else {
                manager
                    .handle_output(&kind.context(), &kind.make(number))
                    .await
                    .expect("the value is stored");
            }
            say(&format!("acked {} {number}", kind.form));
        }
    }
}

/// What is stored for a number.
fn kinds(setting: &str, number: u64) -> Vec<Kind> {
    const LARGE: usize = 20_000_000;
    match setting {
        "json" => vec![Kind::new(Form::Object, LARGE)],
        "parquet" | "arrow" => vec![Kind::new(Form::Table, LARGE)],
        "blob" => vec![Kind::new(Form::Blob, LARGE)],
        "in-place" => vec![Kind::new(Form::Blob, 0)],
        _ => {
            let mut kinds = vec![Kind::new(Form::Blob, 0)];
            kinds.extend(number.is_multiple_of(3).then_some(Kind::new(Form::Table, 0)));
            kinds.extend(number.is_multiple_of(4).then_some(Kind::new(Form::Object, 0)));
            kinds
        }
    }
}

fn write_in_place(root: &Path, kind: Kind, number: u64) {
    let public = root.join(format!("{}.bin", kind.key()));
    std::fs::create_dir_all(public.parent().expect("has a parent")).expect("the directory is made");
    let size = match kind.make(number) {
        larder::Value::Blob(source) => source.size().unwrap_or(0) as usize,
        _ => 0,
    };
    let mut file = std::fs::File::create(public).expect("the file is opened");
    for chunk in larder_integration_tests::bytes_of(number, size).chunks(64 << 10) {
        file.write_all(chunk).expect("the chunk is written");
    }
    file.sync_all().expect("the file is synced");
}
