//! Errors for people.

use crate::output::{RED, paint};
use crate::text::escape_lines;
use crate::{FAILED, WRONG};
pub(crate) use larder_executor::json::causes;
use larder_io_core::{Error, ErrorKind};

/// What the process ends with because of an error.
pub(crate) fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::InvalidDefinition | ErrorKind::InvalidConfig => WRONG,
        _ => FAILED,
    }
}

/// The sentence, then what it is about and what caused it, each on a line.
pub(crate) fn render(error: &Error, colour: bool) -> String {
    let mut text = paint(colour, RED, &format!("error[{:?}]", error.kind()));
    text.push_str(&format!(": {}", escape_lines(error.message())));
    for (name, value) in error.contexts() {
        text.push_str(&format!("\n  {}: {}", name.replace('_', " "), indented(value)));
    }
    for cause in causes(error) {
        text.push_str(&format!("\n  caused by: {}", indented(&cause)));
    }
    text
}

fn indented(text: &str) -> String {
    escape_lines(text.trim_end()).replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_on_each_line_and_nothing_twice() {
        let cause = Error::new(ErrorKind::Unavailable, "disk full");
        let error = Error::new(ErrorKind::AssetFailed, "cannot write \x1b[2J")
            .with_source(cause)
            .with_context("asset", "a/b");
        assert_eq!(
            render(&error, false),
            "error[AssetFailed]: cannot write \\u{1b}[2J\n  asset: a/b\n  caused by: Unavailable: disk full"
        );
        let parse = "x".parse::<u8>().expect_err("is no number");
        assert_eq!(
            render(&Error::from(parse), false),
            "error[AssetFailed]: invalid digit found in string"
        );
        assert!(render(&error, true).starts_with("\x1b[1;31merror[AssetFailed]\x1b[0m: "));
    }

    #[test]
    fn codes() {
        assert_eq!(exit_code(&Error::new(ErrorKind::InvalidConfig, "x")), 2);
        assert_eq!(exit_code(&Error::new(ErrorKind::NotFound, "x")), 1);
    }
}
