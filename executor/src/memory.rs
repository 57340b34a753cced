//! The process's peak memory.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Reading the kernel's account takes longer than a small step.
const SAMPLE_EVERY: Duration = Duration::from_millis(10);

static LAST: Mutex<Option<(Instant, Option<u64>)>> = Mutex::new(None);

/// The peak of resident memory so far, in bytes, at most 10 ms old.
pub(crate) fn peak() -> Option<u64> {
    let mut last = LAST.lock().ok()?;
    match *last {
        Some((when, peak)) if when.elapsed() < SAMPLE_EVERY => peak,
        _ => {
            let peak = read();
            *last = Some((Instant::now(), peak));
            peak
        }
    }
}

/// `VmHWM` of Linux: the highest `VmRSS`, in kibibytes.
fn read() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kibibytes| kibibytes * 1024)
}
