//! How runs are executed: as `[run]` says, and as single assets say.

use super::Pipeline;
use crate::asset::Asset;
use crate::config::{Config, SettingReport};
use crate::graph::{definition, said};
use crate::policy::RetryPolicy;
use crate::run::RunOptions;
use larder_io_core::{AssetKey, Error, Result, duration};
use std::time::Duration;

impl Pipeline {
    /// The default options, with what `[run]` of `larder.toml` says, the profile before the base.
    pub fn run_options(&self) -> RunOptions {
        let mut options = RunOptions::default();
        self.0.run.apply(&mut options);
        options
    }

    /// How an asset is executed where it, or `[run]`, says so; for people.
    pub(super) fn execution(&self, key: &AssetKey) -> Result<Vec<String>> {
        let asset = &self.0.assets[self.origin(key)?.step];
        let mut told = Vec::new();
        let options = self.run_options();
        let by = |own: bool| if own { "the asset's own" } else { "by [run]" };
        let own_retry = asset.retry.is_some() || asset.attempts.is_some();
        if own_retry || options.retry.is_some() {
            let run = options.retry.unwrap_or_else(|| RetryPolicy::of_attempts(1));
            let retries = asset.retry_within(&run).attempts.saturating_sub(1);
            told.push(format!("retries {retries} ({})", by(own_retry)));
        }
        if let Some(most) = asset.timeout.or(options.step_timeout) {
            told.push(format!(
                "timeout {} ({})",
                duration::text(most),
                by(asset.timeout.is_some())
            ));
        }
        Ok(told)
    }
}

impl Asset {
    /// Its own policy, else the run's with the asset's own number of attempts.
    pub(crate) fn retry_within(&self, run: &RetryPolicy) -> RetryPolicy {
        let mut retry = self.retry.clone().unwrap_or_else(|| run.clone());
        if let Some(attempts) = self.attempts {
            retry.attempts = attempts;
        }
        retry
    }
}

/// Refuses what no run could follow.
pub(super) fn check(assets: &[Asset], problems: &mut Vec<Error>) {
    for asset in assets {
        let key = asset
            .outputs
            .first()
            .map(|output| output.key.as_str())
            .unwrap_or_default();
        if let Some(Err(error)) = asset.retry.as_ref().map(RetryPolicy::validate) {
            let said = said(asset, "retries");
            problems.push(definition(format!("`{key}`{said}: {}", error.message())));
        }
        if asset.timeout == Some(Duration::ZERO) {
            let said = said(asset, "timeout");
            let message =
                format!("`{key}`{said}: `timeout` is 0, so that it could never run; leave it out for no limit");
            problems.push(definition(message));
        }
    }
}

/// `[run]`, for people and programs.
pub(super) fn reports(config: &Config) -> Vec<SettingReport> {
    let lines = config.run.lines().iter();
    lines
        .map(|line| SettingReport {
            name: line.name.clone(),
            value: line.text.clone(),
            defined: config.told(&line.place, line.of_profile),
        })
        .collect()
}
