//! Peaks of memory, each in a process of its own.

use super::row::{Amount, Row, limited};
use super::tables::{input, manager, output};
use super::{Size, data, text};
use larder::{AssetValue, IoManager, Table};
use larder_io_object::TableFormat;
use std::path::Path;
use std::process::Command;

/// The limit of DESIGN section 10.
const LIMIT: u64 = 64 << 20;
const STREAM_LIMIT: u64 = 256 << 20;

/// The rows that peers have too.
pub(super) const STORING_PARQUET: &str = "peak above the value, storing Parquet";
pub(super) const STORING_ARROW: &str = "peak above the value, storing Arrow";
pub(super) const LOADING_PARQUET: &str = "peak above the value, loading Parquet";

/// The peaks of larder, each followed by those of the peers, which come in the order of the constants.
pub(super) fn peaks(size: Size, roots: &Roots<'_>, peers: [Vec<Row>; 3]) -> Result<Vec<Row>, String> {
    let scale = size.scale.to_string();
    let [storing_parquet, storing_arrow, loading_parquet] = peers;
    let mut rows = Vec::new();
    for (what, arguments, peers) in [
        (STORING_PARQUET, ["store", "parquet", &scale], storing_parquet),
        (STORING_ARROW, ["store", "arrow", &scale], storing_arrow),
        (LOADING_PARQUET, ["load", "parquet", roots.parquet], loading_parquet),
        (
            "peak above the value, loading Arrow",
            ["load", "arrow", roots.arrow],
            Vec::new(),
        ),
    ] {
        let peak = alone(&arguments)?;
        rows.push(limited(what, Amount::Bytes(peak), Amount::Bytes(LIMIT), "<= 64 MiB"));
        rows.extend(peers);
    }
    Ok(rows)
}

/// Where the value is stored already, to be loaded.
pub(super) struct Roots<'r> {
    pub(super) parquet: &'r str,
    pub(super) arrow: &'r str,
}

/// The peaks of streams that are much larger than memory may be.
pub(super) fn streams(size: Size) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (format, what) in [
        ("parquet", "resident, streaming rows into Parquet"),
        ("arrow", "resident, streaming rows into Arrow"),
    ] {
        let peak = alone(&["stream", format, &size.stream_rows.to_string()])?;
        rows.push(resident(what, peak));
    }
    Ok(rows)
}

/// The peak of a process that streams.
pub(super) fn resident(what: &str, peak: u64) -> Row {
    limited(what, Amount::Bytes(peak), Amount::Bytes(STREAM_LIMIT), "<= 256 MiB")
}

fn mib(bytes: u64) -> String {
    Amount::Bytes(bytes).shown(0.0)
}

/// Runs one measurement in a process of its own; its last line is the peak in bytes.
pub(super) fn alone(what: &[&str]) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(text)?;
    let output = Command::new(program)
        .args(["bench", "--alone"])
        .args(what)
        .output()
        .map_err(text)?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{what:?} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let (last, rest) = printed
        .trim_end()
        .rsplit_once('\n')
        .map_or((printed.trim_end(), ""), |(rest, last)| (last, rest));
    if !rest.is_empty() {
        println!("{rest}");
    }
    last.parse()
        .map_err(|error| format!("{what:?} printed `{last}`: {error}"))
}

/// Peak of resident memory while storing, above what the value takes.
pub(super) async fn store(format: &str, scale: &str) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(text)?;
    let manager = manager(dir.path(), of(format)?)?;
    // The generator keeps a pool of text, which is made with its first rows.
    drop(data::lineitem(0.001)?);
    let start = status("VmRSS")?;
    let table = data::lineitem(scale.parse().map_err(text)?)?;
    let counted = start + data::bytes(&table) as u64;
    // What making the value has left behind is free to be used again, and must not be taken for the value.
    let before = reset_peak()?.min(counted);
    manager
        .handle_output(&output()?, &table.into_value())
        .await
        .map_err(text)?;
    println!("{}", status("VmHWM")?.saturating_sub(before));
    Ok(())
}

/// Peak of resident memory while loading, above what the value takes: as the table counts it, and no more than is resident
/// afterwards. Pages of a file that is mapped are the kernel's to take back and count as the value.
pub(super) async fn load(format: &str, root: &str) -> Result<(), String> {
    let manager = manager(Path::new(root), of(format)?)?;
    let before = reset_peak()?;
    let table = Table::from_value(manager.load_input(&input()?).await.map_err(text)?)
        .await
        .map_err(text)?;
    let peak = status("VmHWM")?;
    let value = status("VmRSS")?.min(before + data::bytes(&table) as u64);
    println!(
        "loaded {} rows of {format}: {} above the value, which takes {}",
        table.rows(),
        mib(peak.saturating_sub(value)),
        mib(value - before.min(value))
    );
    println!("{}", peak.saturating_sub(value));
    Ok(())
}

pub(super) fn of(format: &str) -> Result<TableFormat, String> {
    match format {
        "parquet" => Ok(TableFormat::Parquet),
        "arrow" => Ok(TableFormat::Arrow),
        other => Err(format!("there is no format `{other}`")),
    }
}

/// Forgets the peak so far and gives the memory in use.
pub(super) fn reset_peak() -> Result<u64, String> {
    // Documented in proc_pid_clear_refs(5): 5 resets the peak of the resident set.
    std::fs::write("/proc/self/clear_refs", "5").map_err(text)?;
    status("VmRSS")
}

/// A line of the kernel's account of this process, in bytes.
pub(super) fn status(name: &str) -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(text)?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes
        .map(|kibibytes| kibibytes * 1024)
        .ok_or_else(|| format!("the kernel tells no {name}"))
}
