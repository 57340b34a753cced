//! Ctrl-C and SIGTERM in every phase of a run, on every executor: the process of a real command line is held in the phase, gets the signal, and ends.
//! Old values are intact, nothing staged is left.
//!
//! This program is the pipeline too.
//! `LARDER_TEST_ROUNDS` says how often each phase is interrupted on each executor; default 100.
#![cfg(unix)]

mod pipeline;
mod rounds;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os(pipeline::PHASE).is_some() {
        return larder_cli::main(pipeline::definitions());
    }
    let arguments = Arguments::from_args();
    let phases = pipeline::PHASES.iter().map(|phase| {
        let name = format!("a_signal_in_phase_{phase}");
        Trial::test(name, move || {
            rounds::all(phase);
            Ok(())
        })
    });
    let second = Trial::test("a_second_signal_does_not_wait", || {
        rounds::second();
        Ok(())
    });
    let conclusion = libtest_mimic::run(&arguments, phases.chain([second]).collect());
    conclusion.exit_code()
}
