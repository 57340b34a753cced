//! The memory there is.

/// The memory that this process may use, in bytes: the machine's, or less where a control group limits it. `None` where the
/// system does not tell.
pub fn machine_memory() -> Option<u64> {
    let installed = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total(&text));
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    // `max` where there is no limit.
    let limit = limit.and_then(|text| text.trim().parse::<u64>().ok());
    [installed, limit].into_iter().flatten().min()
}

/// `MemTotal` of Linux, in kibibytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_tells() {
        let text = "MemFree:  5 kB\nMemTotal:       16384 kB\n";
        assert_eq!(total(text), Some(16_384 * 1024));
        assert_eq!(total("MemTotal: many kB"), None);
        assert!(machine_memory().is_none_or(|bytes| bytes > 0));
    }
}
