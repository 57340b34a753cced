//! boto3 with its defaults: parts and ranges of 8 MiB, ten threads.

use super::{ACCESS_KEY, BUCKET, SECRET_KEY};
use crate::bench::row::Amount;
use crate::bench::{peers, text};
use crate::shell;
use std::time::Duration;

const SCRIPT: &str = include_str!("boto3.py");

/// What it took for one kind of transfer, time and again.
#[derive(Default)]
pub(super) struct Times {
    best: Option<Duration>,
    failed: Option<String>,
}

impl Times {
    /// Makes one transfer, unless one has failed.
    pub(super) fn once(&mut self, what: &str, endpoint: &str, bytes: &str) {
        if self.failed.is_none() {
            match run(what, endpoint, bytes) {
                Ok(took) => self.best = Some(self.best.map_or(took, |best| best.min(took))),
                Err(why) => self.failed = Some(why),
            }
        }
    }

    /// The best time, or why there is none.
    pub(super) fn best(self) -> Amount {
        match (self.failed, self.best) {
            (None, Some(best)) => best.into(),
            (why, _) => Amount::Missing(format!(
                "boto3: {}",
                why.unwrap_or_else(|| "it was not asked".to_owned())
            )),
        }
    }
}

/// Runs one transfer; the script tells its seconds.
fn run(what: &str, endpoint: &str, bytes: &str) -> Result<Duration, String> {
    let mut command = shell::command(peers::python()?, &["-c", SCRIPT, what, endpoint, BUCKET, bytes]);
    command
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        // No setting of whoever runs this.
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let printed = command.output().map_err(text)?;
    let seconds = String::from_utf8_lossy(&printed.stdout);
    match seconds.trim().parse() {
        Ok(seconds) if printed.status.success() => Ok(Duration::from_secs_f64(seconds)),
        _ => {
            let said = String::from_utf8_lossy(&printed.stderr);
            let last = said.lines().rev().find(|line| !line.trim().is_empty());
            Err(last.unwrap_or("it ended without a word").trim().to_owned())
        }
    }
}
