//! Starting what does not run, and taking down no more than that.

use super::house::House;
use super::list::Emulator;
use super::probe::{Answer, ask, exposed};
use super::process::{LOOK, Life, end, end_child, running, spawn};
use crate::shell::Done;
use std::process::Child;

/// Looks until an emulator that does not answer is given up: LocalStack's first start takes 5 s on two idle cores.
const LOOKS: u32 = 900;

/// The emulators that were started by us. When this is dropped, they are taken down.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    house: &'a House,
    started: Vec<(&'a Emulator, Child)>,
}

impl Running<'_> {
    /// Lets them run on, until `down`.
    pub(crate) fn leave(mut self) {
        self.started.clear();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        for (emulator, child) in &mut self.started {
            if let Err(problem) = end_child(self.house, emulator, child) {
                eprintln!("xtask: {problem}");
            }
        }
    }
}

/// Starts each emulator that does not answer yet, and waits until it does. If one fails, those that were started with it are taken down.
pub(crate) fn start<'a>(house: &'a House, chosen: &[&'a Emulator], life: Life) -> Result<Running<'a>, String> {
    let _lock = house.lock()?;
    let mut all = Running {
        house,
        started: Vec::new(),
    };
    for emulator in chosen {
        if let Some(pid) = running(house, emulator) {
            wait(house, emulator, || running(house, emulator).is_some())?;
            println!(
                "{} is running already: {}, process {pid}",
                emulator.title,
                emulator.url()
            );
            continue;
        }
        match ask(emulator) {
            Answer::Itself => println!(
                "{} answers at {} already; it was not started here, and is used as it is",
                emulator.title,
                emulator.url()
            ),
            Answer::Other(what) => {
                return Err(format!(
                    "{} needs 127.0.0.1:{}, and something else has it: {what}; end that first (`ss -ltnp` tells its process)",
                    emulator.title, emulator.port
                ));
            }
            Answer::Nobody => all.started.push((emulator, spawn(house, emulator, life)?)),
        }
    }
    // All are starting by now; each is waited for.
    for (emulator, child) in &mut all.started {
        wait(house, emulator, || matches!(child.try_wait(), Ok(None)))?;
        if exposed(emulator.port) {
            return Err(format!(
                "{} listens beyond loopback on port {}; it was ended",
                emulator.title, emulator.port
            ));
        }
        println!("{} is up: {}, process {}", emulator.title, emulator.url(), child.id());
    }
    Ok(all)
}

/// Waits until an emulator answers, as long as its process lives.
fn wait(house: &House, emulator: &Emulator, mut lives: impl FnMut() -> bool) -> Done {
    let mut last = Answer::Nobody;
    for _ in 0..LOOKS {
        last = ask(emulator);
        if last == Answer::Itself {
            return Ok(());
        }
        if !lives() {
            return Err(format!("{} has ended; {}", emulator.title, house.last_words(emulator)));
        }
        std::thread::sleep(LOOK);
    }
    let what = match last {
        Answer::Other(what) => what,
        _ => "nothing listens".to_owned(),
    };
    Err(format!(
        "{} does not answer at {} ({what}); {}",
        emulator.title,
        emulator.url(),
        house.last_words(emulator)
    ))
}

/// Takes down those that were started from this build folder.
pub(crate) fn stop(house: &House, chosen: &[&Emulator]) -> Done {
    let _lock = house.lock()?;
    for emulator in chosen {
        let title = emulator.title;
        match end(house, emulator)? {
            true => println!("{title} is down"),
            false if ask(emulator) == Answer::Itself => println!("{title} was not started here, and is left alone"),
            false => println!("{title} was not running"),
        }
    }
    Ok(())
}

/// What is known of an emulator now: its process, and in a word how it is.
pub(crate) fn state(house: &House, emulator: &Emulator) -> (Option<u32>, &'static str) {
    let pid = running(house, emulator);
    let word = match (pid, ask(emulator)) {
        (Some(_), Answer::Itself) => "running",
        (Some(_), _) => "does not answer",
        (None, Answer::Itself) => "running, not started here",
        (None, Answer::Other(_)) => "not running, and its port is taken",
        (None, Answer::Nobody) => "not running",
    };
    (pid, word)
}

#[cfg(test)]
mod tests {
    use super::{Life, start, state, stop};
    use crate::emulators::testing::{emulator, free_port, house, script, serve, served};

    // Ends by itself when the folder of a failed test is gone.
    const ENDLESS: &str = "while [ -e \"$0\" ]; do sleep 0.1; done";

    #[test]
    fn starts_what_does_not_run_and_takes_down_no_more() {
        let (_dir, house) = house();
        let it = emulator(free_port());
        script(&house, &it, ENDLESS);
        assert_eq!(state(&house, &it), (None, "not running"));
        let pid_file = house.pid_file(&it);
        let server = std::thread::spawn(move || {
            while !pid_file.exists() {
                std::thread::yield_now();
            }
            serve(it.port, "HTTP/1.1 200 OK\r\nServer: larder-test/1\r\n\r\n");
        });
        let it = emulator(it.port);
        let first = start(&house, &[&it], Life::WithUs).expect("starts");
        server.join().expect("serves");
        let pid = state(&house, &it).0;
        assert!(pid.is_some());
        let second = start(&house, &[&it], Life::WithUs).expect("is there already");
        drop(second);
        assert_eq!(state(&house, &it), (pid, "running"), "the second did not start it");
        drop(first);
        assert_eq!(state(&house, &it), (None, "running, not started here"));
        stop(&house, &[&it]).expect("is no error");
    }

    #[test]
    fn one_that_is_left_runs_until_it_is_stopped() {
        let (_dir, house) = house();
        let it = emulator(free_port());
        script(&house, &it, ENDLESS);
        let child = crate::emulators::process::spawn(&house, &it, Life::Stays).expect("starts");
        super::Running {
            house: &house,
            started: vec![(&it, child)],
        }
        .leave();
        assert_eq!(state(&house, &it).1, "does not answer");
        stop(&house, &[&it]).expect("stops");
        assert_eq!(state(&house, &it), (None, "not running"));
    }

    #[test]
    fn one_that_dies_is_told_with_its_last_words_and_the_others_are_taken_down() {
        let (_dir, house) = house();
        let (good, mut bad) = (emulator(free_port()), emulator(free_port()));
        bad.name = "bad";
        script(&house, &good, ENDLESS);
        script(&house, &bad, "echo no such module >&2; exit 3");
        let told = start(&house, &[&bad, &good], Life::WithUs).expect_err("dies");
        assert!(told.contains("has ended") && told.contains("no such module"), "{told}");
        assert_eq!(state(&house, &good), (None, "not running"));
    }

    #[test]
    fn a_taken_port_is_refused() {
        let (_dir, house) = house();
        let it = emulator(served("SSH-2.0-Other\r\n"));
        let told = start(&house, &[&it], Life::WithUs).expect_err("is taken");
        assert!(
            told.contains("something else has it: it says `SSH-2.0-Other`"),
            "{told}"
        );
        assert_eq!(state(&house, &it), (None, "not running, and its port is taken"));
    }

    #[test]
    fn one_that_other_machines_reach_is_ended() {
        let (_dir, house) = house();
        let it = emulator(free_port());
        script(&house, &it, ENDLESS);
        let (pid_file, port) = (house.pid_file(&it), it.port);
        let server = std::thread::spawn(move || {
            while !pid_file.exists() {
                std::thread::yield_now();
            }
            crate::emulators::testing::serve_at("0.0.0.0", port, "HTTP/1.1 200 OK\r\nServer: larder-test/1\r\n\r\n");
        });
        let told = start(&house, &[&it], Life::WithUs);
        server.join().expect("serves");
        if cfg!(target_os = "linux") {
            let told = told.expect_err("is exposed");
            assert!(told.contains("beyond loopback"), "{told}");
        }
    }
}
