//! What runs, in a file.

use super::start::{Cluster, signal};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The note of the cluster that works in this folder.
pub(crate) fn path(work: &Path) -> PathBuf {
    work.join("cluster.json")
}

/// Writes down a cluster.
pub(crate) fn write(path: &Path, cluster: &Cluster) -> Result<(), String> {
    let processes: Vec<Value> = cluster
        .nodes
        .iter()
        .map(|node| json!({"role": node.role, "pid": node.child.id()}))
        .collect();
    let options = &cluster.options;
    let note = json!({
        "address": cluster.address(),
        "master": format!("spark://127.0.0.1:{}", cluster.master),
        "master_page": format!("http://127.0.0.1:{}", cluster.master_page),
        "page": format!("http://127.0.0.1:{}", cluster.page),
        "home": options.home,
        "java": options.java,
        "work": options.work,
        "processes": processes,
    });
    std::fs::write(path, format!("{note:#}\n")).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Where it answers, for people.
pub(crate) fn told(path: &Path) -> Result<String, String> {
    let note = read(path).ok_or_else(|| format!("{} cannot be read", path.display()))?;
    let text = |name: &str| note[name].as_str().unwrap_or_default().to_owned();
    Ok(format!(
        "Spark Connect: {}\npage: {}\nmaster: {}",
        text("address"),
        text("page"),
        text("master_page")
    ))
}

/// The processes of the note that run and are those of the note: a number may have become somebody else's.
pub(crate) fn running(path: &Path) -> Vec<(String, u32)> {
    let Some(note) = read(path) else { return Vec::new() };
    let mark = format!("-Dlarder.cluster={}", note["work"].as_str().unwrap_or_default());
    let processes = note["processes"].as_array().cloned().unwrap_or_default();
    processes
        .iter()
        .filter_map(|process| {
            Some((
                process["role"].as_str()?.to_owned(),
                u32::try_from(process["pid"].as_u64()?).ok()?,
            ))
        })
        .filter(|(_, pid)| words(*pid).contains(&mark))
        .collect()
}

/// The words of a process's command line; none if it has ended.
fn words(pid: u32) -> Vec<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return String::from_utf8_lossy(&bytes).split('\0').map(str::to_owned).collect();
    }
    let shown = std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output();
    shown.map_or_else(
        |_| Vec::new(),
        |shown| {
            String::from_utf8_lossy(&shown.stdout)
                .split(' ')
                .map(str::to_owned)
                .collect()
        },
    )
}

/// Ends the processes of the note, the last first, by request and then by force; says how many there were.
pub(crate) fn end(path: &Path) -> Result<usize, String> {
    let was = running(path);
    for name in ["TERM", "KILL"] {
        for (_, pid) in running(path).iter().rev() {
            signal(name, *pid);
        }
        for _ in 0..100 {
            if running(path).is_empty() {
                let _ = std::fs::remove_file(path);
                return Ok(was.len());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Err(format!("{:?} do not end", running(path)))
}

#[cfg(test)]
mod tests {
    use super::{end, running};
    use std::time::Duration;

    #[test]
    fn a_process_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = super::path(dir.path());
        let mut other = std::process::Command::new("sleep").arg("60").spawn().expect("starts");
        let note = serde_json::json!({"work": dir.path(), "processes": [{"role": "master", "pid": other.id()}]});
        std::fs::write(&path, note.to_string()).expect("is written");
        assert!(running(&path).is_empty());
        assert_eq!(end(&path).expect("is no error"), 0);
        assert_eq!(other.try_wait().expect("can be asked"), None, "it still runs");
        other.kill().expect("is killed");
        other.wait().expect("has ended");
    }

    #[test]
    fn a_process_of_ours_is_ended() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = super::path(dir.path());
        let mark = format!("-Dlarder.cluster={}", dir.path().display());
        let mut ours = std::process::Command::new("sh")
            .args(["-c", "sleep 60; true", &mark])
            .spawn()
            .expect("starts");
        let note = serde_json::json!({"work": dir.path(), "processes": [{"role": "master", "pid": ours.id()}]});
        std::fs::write(&path, note.to_string()).expect("is written");
        // A process that just began has no command line for a moment.
        for _ in 0..1000 {
            if !running(&path).is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // A child that was not waited for still has its number, but no command line.
        let ended = std::thread::spawn(move || ours.wait());
        assert_eq!(end(&path).expect("ends"), 1);
        assert!(ended.join().expect("waits").is_ok());
        assert!(!path.exists());
    }
}
