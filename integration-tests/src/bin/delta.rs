//! A process that writes to one Delta table until it is done or killed.
//!
//! `delta <root> create|append|merge|overwrite|blocks <from> <count>`: stores the rows `from..from + count` one after the other, of
//! `blocks` as 20,000 rows of each number, and prints `began <number>` before and `acked <number>` after each store, or
//! `refused <number>` where there is a table already and it was to be created.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder::{AssetValue, ErrorKind, IoManager, OutputContext, Table};
use larder_io_delta::{DeltaConfig, WriteMode};
use larder_io_fs::FsConfig;
use std::io::Write;
use std::sync::Arc;

const BLOCK: usize = 20_000;

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // One write of less than PIPE_BUF bytes: a kill never leaves half a line.
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}

fn rows(number: i64, count: usize) -> Table {
    let columns: [(&str, ArrayRef); 2] = [
        ("n", Arc::new(Int64Array::from(vec![number; count]))),
        ("t", Arc::new(StringArray::from(vec![format!("row {number}"); count]))),
    ];
    Table::from(RecordBatch::try_from_iter(columns).expect("is a table"))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, root, mode, from, count] = arguments.as_slice() else {
        panic!("usage: delta <root> create|append|merge|overwrite|blocks <from> <count>");
    };
    let mut config = DeltaConfig::default();
    config.mode = match mode.as_str() {
        "append" | "blocks" => WriteMode::Append,
        "merge" => WriteMode::Merge,
        "create" => WriteMode::ErrorIfExists,
        _ => WriteMode::Overwrite,
    };
    if config.mode == WriteMode::Merge {
        config.merge_on = vec!["n".to_owned()];
    }
    let ground = FsConfig::new(root).open_ground().expect("opens");
    let manager = config.open(ground).expect("opens");
    let (from, count): (i64, i64) = (from.parse().expect("is a number"), count.parse().expect("is a number"));
    let size = if mode == "blocks" { BLOCK } else { 1 };
    for number in from..from + count {
        say(&format!("began {number}"));
        let key = "t".parse().expect("is a key");
        let context = OutputContext::new(key, None, "t".parse().expect("is a location"));
        let stored = manager.handle_output(&context, &rows(number, size).into_value()).await;
        match stored {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => say(&format!("refused {number}")),
            stored => {
                stored.expect("stores");
                say(&format!("acked {number}"));
            }
        }
    }
}
