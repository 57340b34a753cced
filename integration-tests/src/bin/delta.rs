//! A process that writes to one Delta table until it is done or killed.
//!
//! `delta <root> create|append|merge|overwrite [blocks] <from> <count>`: stores the rows `from..from + count` one after the other,
//! as `blocks` 20,000 rows of each number, and prints `began <number>` before and `acked <number>` after each store, or
//! `refused <number>` where there is a table already and it was to be created. Single rows are merged by their number, those of a
//! block by their place in it.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder::{AssetValue, ErrorKind, IoManager, OutputContext, Table};
use larder_io_delta::{DeltaConfig, WriteMode};
use larder_io_fs::FsConfig;
use std::io::Write;
use std::sync::Arc;

const BLOCK: i64 = 20_000;

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // One write of less than PIPE_BUF bytes: a kill never leaves half a line.
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}

fn row(number: i64) -> Table {
    let columns: [(&str, ArrayRef); 2] = [
        ("n", Arc::new(Int64Array::from(vec![number]))),
        ("t", Arc::new(StringArray::from(vec![format!("row {number}")]))),
    ];
    Table::from(RecordBatch::try_from_iter(columns).expect("is a table"))
}

fn block(number: i64) -> Table {
    let columns: [(&str, ArrayRef); 2] = [
        ("place", Arc::new(Int64Array::from_iter_values(0..BLOCK))),
        ("n", Arc::new(Int64Array::from_iter_values((0..BLOCK).map(|_| number)))),
    ];
    Table::from(RecordBatch::try_from_iter(columns).expect("is a table"))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (root, mode, blocks, from, count) = match arguments.as_slice() {
        [_, root, mode, from, count] => (root, mode, false, from, count),
        [_, root, mode, blocks, from, count] if blocks == "blocks" => (root, mode, true, from, count),
        _ => panic!("usage: delta <root> create|append|merge|overwrite [blocks] <from> <count>"),
    };
    let mut config = DeltaConfig::default();
    config.mode = match mode.as_str() {
        "append" => WriteMode::Append,
        "merge" => WriteMode::Merge,
        "create" => WriteMode::ErrorIfExists,
        _ => WriteMode::Overwrite,
    };
    if config.mode == WriteMode::Merge {
        config.merge_on = vec![if blocks { "place" } else { "n" }.to_owned()];
    }
    let ground = FsConfig::new(root).open_ground().expect("opens");
    let manager = config.open(ground).expect("opens");
    let (from, count): (i64, i64) = (from.parse().expect("is a number"), count.parse().expect("is a number"));
    for number in from..from + count {
        say(&format!("began {number}"));
        let key = "t".parse().expect("is a key");
        let context = OutputContext::new(key, None, "t".parse().expect("is a location"));
        let rows = if blocks { block(number) } else { row(number) };
        let stored = manager.handle_output(&context, &rows.into_value()).await;
        match stored {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => say(&format!("refused {number}")),
            stored => {
                stored.expect("stores");
                say(&format!("acked {number}"));
            }
        }
    }
}
