//! boto3 with its defaults: parts and ranges of 8 MiB, ten threads.

use super::{ACCESS_KEY, BUCKET, SECRET_KEY};
use crate::bench::text;
use crate::{python, shell};
use std::time::Duration;

const SCRIPT: &str = include_str!("boto3.py");

/// Runs one transfer; the script tells its seconds.
pub(super) fn run(what: &str, endpoint: &str, bytes: &str) -> Result<Duration, String> {
    let mut command = shell::command(python::interpreter()?, &["-c", SCRIPT, what, endpoint, BUCKET, bytes]);
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
        _ => Err(format!("boto3 failed: {}", String::from_utf8_lossy(&printed.stderr))),
    }
}
