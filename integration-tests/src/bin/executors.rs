//! The pipeline of `larder_integration_tests::executors` as a command.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder::main(larder_integration_tests::executors::definitions())
}
