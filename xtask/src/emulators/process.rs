//! Processes that we started, told from those of others by the path in their command line.

use super::house::House;
use super::list::Emulator;
use crate::shell::Done;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Between two looks at a process or a port.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// Looks until a process that was asked to end is killed: LocalStack takes up to 5 s, Azurite some more with open connections.
const LOOKS_BEFORE_KILL: u32 = if cfg!(test) { 5 } else { 100 };

/// Looks until a killed process is given up.
const LOOKS_AFTER_KILL: u32 = 50;

/// Looks until a new process has its command line, ten times as often.
const LOOKS_AT_START: u32 = 100;

/// How long an emulator is to live.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Life {
    /// Until `down`.
    Stays,
    /// Until the guard is dropped or the terminal interrupts us both.
    WithUs,
}

/// The process that serves an emulator, if it is there and is ours.
pub(crate) fn running(house: &House, emulator: &Emulator) -> Option<u32> {
    let pid = std::fs::read_to_string(house.pid_file(emulator)).ok()?;
    let pid = pid.trim().parse().ok()?;
    house.owns(&command_line(pid)).then_some(pid)
}

/// What a process was started with; empty if it has ended.
fn command_line(pid: u32) -> String {
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return String::from_utf8_lossy(&bytes).replace('\0', " ");
    }
    let shown = Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output();
    shown.map_or_else(
        |_| String::new(),
        |shown| String::from_utf8_lossy(&shown.stdout).into_owned(),
    )
}

/// Starts a process and notes its pid.
pub(crate) fn spawn(house: &House, emulator: &Emulator, life: Life) -> Result<Child, String> {
    let mut command = (emulator.program)(house, emulator)?;
    let path = house.log(emulator);
    let log = File::create(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
    let errors = log
        .try_clone()
        .map_err(|error| format!("cannot share {}: {error}", path.display()))?;
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    if life == Life::Stays {
        // Out of reach of the terminal's interrupt.
        command.process_group(0);
    }
    let mut child = command
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", emulator.title))?;
    let path = house.pid_file(emulator);
    if let Err(error) = std::fs::write(&path, child.id().to_string()) {
        // Without the note nobody could end it.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("cannot write {}: {error}", path.display()));
    }
    // For a moment after its start a process has no command line yet, and would seem to be nobody's.
    for _ in 0..LOOKS_AT_START {
        if running(house, emulator).is_some() || !matches!(child.try_wait(), Ok(None)) {
            break;
        }
        std::thread::sleep(LOOK / 10);
    }
    Ok(child)
}

/// Ends the process of an emulator, whoever started it from here. `false` if none was running.
pub(crate) fn end(house: &House, emulator: &Emulator) -> Result<bool, String> {
    let was = running(house, emulator);
    if let Some(pid) = was {
        terminate(house, emulator, pid, || running(house, emulator).is_none())?;
    }
    let _ = std::fs::remove_file(house.pid_file(emulator));
    Ok(was.is_some())
}

/// Ends a process that we started ourselves.
pub(crate) fn end_child(house: &House, emulator: &Emulator, child: &mut Child) -> Done {
    // A child that was not waited for keeps its number, so that it can be nobody else's.
    terminate(house, emulator, child.id(), || !matches!(child.try_wait(), Ok(None)))?;
    let _ = std::fs::remove_file(house.pid_file(emulator));
    Ok(())
}

/// Ends a process by request and then by force.
fn terminate(house: &House, emulator: &Emulator, pid: u32, mut gone: impl FnMut() -> bool) -> Done {
    for (signal, looks) in [(Signal::TERM, LOOKS_BEFORE_KILL), (Signal::KILL, LOOKS_AFTER_KILL)] {
        if gone() {
            return Ok(());
        }
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // An error means that it is gone already, which the next look shows.
            let _ = kill_process(pid, signal);
        }
        for _ in 0..looks {
            if gone() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }
    Err(format!(
        "{} (process {pid}) does not end; its log: {}",
        emulator.title,
        house.log(emulator).display()
    ))
}

#[cfg(test)]
mod tests {
    use super::{Life, end, running, spawn};
    use crate::emulators::testing::{emulator, free_port, house, script};
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_stubborn_process_is_killed_and_its_note_removed() {
        let (_dir, house) = house();
        let it = emulator(free_port());
        script(
            &house,
            &it,
            "trap '' TERM; echo deaf; while [ -e \"$0\" ]; do sleep 0.1; done",
        );
        let mut child = spawn(&house, &it, Life::Stays).expect("starts");
        assert_eq!(running(&house, &it), Some(child.id()));
        while !house.last_words(&it).contains("deaf") {
            std::thread::yield_now();
        }
        assert!(end(&house, &it).expect("ends"));
        assert_eq!(running(&house, &it), None);
        assert!(!house.pid_file(&it).exists());
        let status = child.wait().expect("has ended");
        assert_eq!(status.signal(), Some(9));
        assert!(!end(&house, &it).expect("is no error"), "nothing is left to end");
    }

    #[test]
    fn a_process_of_somebody_else_is_left_alone() {
        let (_dir, house) = house();
        let it = emulator(free_port());
        let mut other = std::process::Command::new("sleep").arg("60").spawn().expect("starts");
        std::fs::write(house.pid_file(&it), other.id().to_string()).expect("is written");
        assert_eq!(running(&house, &it), None);
        assert!(!end(&house, &it).expect("is no error"));
        assert_eq!(other.try_wait().expect("can be asked"), None, "it still runs");
        other.kill().expect("is killed");
        other.wait().expect("has ended");
    }
}
