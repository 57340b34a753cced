//! `[run]`: how runs are executed where the command line does not say.

use super::item::{Entry, Item, Value};
use super::place::Place;
use crate::capacity::Size;
use crate::policy::RetryPolicy;
use crate::run::{Executor, Limit, RunOptions};
use larder_io_core::{Error, Result, duration, nearest};
use std::mem::discriminant;
use std::time::Duration;

/// The table.
pub(super) const RUN: &str = "run";
/// Its keys.
const KEYS: [&str; 8] = [
    "max_concurrent",
    "executor",
    "retries",
    RETRY,
    "step_timeout",
    "timeout",
    LIMITS,
    "memory_budget",
];
/// How many steps run at once of a resource or a tag, by what the limit is for.
const LIMITS: &str = "limits";
const RETRY: &str = "retry";
/// The keys of its `retry`, as in the table of an I/O manager.
const RETRY_KEYS: [&str; 5] = ["attempts", "first_delay", "max_delay", "deadline", "jitter"];
/// What turns a base's timeout off in a profile.
const OFF: &str = "off";

/// What one line says.
#[derive(Clone, Debug)]
enum Said {
    MaxConcurrent(usize),
    Executor(Executor),
    /// Both `retries` and `retry.attempts`: attempts in all.
    Attempts(u32),
    FirstDelay(Duration),
    MaxDelay(Duration),
    Deadline(Duration),
    Jitter(bool),
    StepTimeout(Option<Duration>),
    Timeout(Option<Duration>),
    Limit(Limit),
    /// In bytes.
    MemoryBudget(u64),
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct RunLine {
    /// The key, as `retry.attempts`.
    pub(crate) name: String,
    /// The value as it is written.
    pub(crate) text: String,
    pub(crate) place: Place,
    pub(crate) of_profile: bool,
    said: Said,
}

/// All lines, each thing said once.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunTable(Vec<RunLine>);

impl RunTable {
    /// # Errors
    /// `InvalidConfig` with the place of what is unknown or wrong.
    pub(super) fn read(item: Item) -> Result<Self> {
        let mut table = Self::default();
        for entry in item.table("`run`, which says how runs are executed,")? {
            if entry.key == RETRY {
                for entry in entry.item.table("`run.retry`")? {
                    table.add(line(&format!("{RETRY}.{}", entry.key), entry)?)?;
                }
                continue;
            }
            if entry.key == LIMITS {
                for entry in entry.item.table("`run.limits`")? {
                    table.add(limited(entry)?)?;
                }
                continue;
            }
            table.add(line(&entry.key.clone(), entry)?)?;
        }
        Ok(table)
    }

    fn add(&mut self, line: RunLine) -> Result<()> {
        if let Some(other) = self.of(&line) {
            let problem = format!(
                "`{}` says again what `{}` says; leave one of them out",
                line.name, other.name
            );
            return Err(line.place.wrong(problem));
        }
        self.0.push(line);
        Ok(())
    }

    /// The line that says the same thing; of limits the one for the same.
    fn of(&self, new: &RunLine) -> Option<&RunLine> {
        self.0.iter().find(|line| {
            let limits = matches!(new.said, Said::Limit(_));
            discriminant(&line.said) == discriminant(&new.said) && (!limits || line.name == new.name)
        })
    }

    /// What the profile says goes before what the base says.
    ///
    /// # Errors
    /// `InvalidConfig` for delays that do not fit each other.
    pub(super) fn merged(base: Self, profile: Self) -> Result<Self> {
        let mut merged = profile;
        merged.0.iter_mut().for_each(|line| line.of_profile = true);
        for line in base.0 {
            if merged.of(&line).is_none() {
                merged.0.push(line);
            }
        }
        let mut options = RunOptions::default();
        merged.apply(&mut options);
        let refused = options.retry.and_then(|retry| retry.validate().err());
        let delay = |line: &&RunLine| matches!(line.said, Said::FirstDelay(_) | Said::MaxDelay(_));
        match (refused, merged.0.iter().find(delay)) {
            (Some(error), Some(line)) => Err(line.place.wrong(error.message())),
            _ => Ok(merged),
        }
    }

    /// The lines, for reports.
    pub(crate) fn lines(&self) -> &[RunLine] {
        &self.0
    }

    /// Lays what is said over options.
    pub(crate) fn apply(&self, options: &mut RunOptions) {
        for line in &self.0 {
            let retry = || RetryPolicy::of_attempts(1);
            match line.said.clone() {
                Said::MaxConcurrent(most) => options.max_concurrent = most,
                Said::Executor(executor) => options.executor = executor,
                Said::Attempts(attempts) => options.retry.get_or_insert_with(retry).attempts = attempts,
                Said::FirstDelay(delay) => options.retry.get_or_insert_with(retry).first_delay = delay,
                Said::MaxDelay(delay) => options.retry.get_or_insert_with(retry).max_delay = delay,
                Said::Deadline(deadline) => options.retry.get_or_insert_with(retry).deadline = deadline,
                Said::Jitter(jitter) => options.retry.get_or_insert_with(retry).jitter = jitter,
                Said::StepTimeout(most) => options.step_timeout = most,
                Said::Timeout(most) => options.timeout = most,
                Said::Limit(limit) => options.limits.push(limit),
                Said::MemoryBudget(bytes) => options.memory_budget = Some(bytes),
            }
        }
    }
}

fn line(name: &str, entry: Entry) -> Result<RunLine> {
    let Entry { place, item, .. } = entry;
    let said = match name {
        "max_concurrent" => Said::MaxConcurrent(number(name, &item, 1)?),
        "executor" => {
            let (text, at) = item.clone().text("`run.executor`")?;
            Said::Executor(text.parse().map_err(|error: Error| at.wrong(error.message()))?)
        }
        // One attempt more than retries.
        "retries" => Said::Attempts(number::<u32>(name, &item, 0)?.saturating_add(1)),
        "retry.attempts" => Said::Attempts(number(name, &item, 1)?),
        "retry.first_delay" => Said::FirstDelay(time(name, &item)?),
        "retry.max_delay" => Said::MaxDelay(time(name, &item)?),
        "retry.deadline" => Said::Deadline(time(name, &item)?),
        "retry.jitter" => match &item.value {
            Value::Scalar(text, "a boolean") => Said::Jitter(text == "true"),
            _ => {
                return Err(item
                    .place
                    .wrong(format_args!("`run.{name}` is true or false, not {}", item.kind())));
            }
        },
        "step_timeout" => Said::StepTimeout(limit(name, &item)?),
        "timeout" => Said::Timeout(limit(name, &item)?),
        "memory_budget" => {
            let (text, at) = item.clone().text("`run.memory_budget`, a size such as `8GiB`,")?;
            let size: Size = text.parse().map_err(|error: Error| at.wrong(error.message()))?;
            Said::MemoryBudget(size.bytes)
        }
        unknown => return Err(place.wrong(stranger(unknown))),
    };
    let text = match item.value {
        Value::Text(text) | Value::Scalar(text, _) => text,
        _ => String::new(),
    };
    Ok(RunLine {
        name: name.to_owned(),
        text,
        place,
        of_profile: false,
        said,
    })
}

/// One of `limits`: `db = 2`, `"tag:team" = 1`.
fn limited(entry: Entry) -> Result<RunLine> {
    let Entry { key, place, item } = entry;
    let name = format!("{LIMITS}.{key}");
    let at_once: usize = number(&name, &item, 1)?;
    let limit = Limit::new(&key, at_once).map_err(|error| place.wrong(error.message()))?;
    Ok(RunLine {
        name,
        text: at_once.to_string(),
        place,
        of_profile: false,
        said: Said::Limit(limit),
    })
}

fn number<N: std::str::FromStr>(name: &str, item: &Item, least: u32) -> Result<N> {
    let wrong = |found: &str| {
        item.place.wrong(format_args!(
            "`run.{name}` is a whole number of at least {least}, not {found}"
        ))
    };
    match &item.value {
        Value::Scalar(text, "an integer") => match text.parse::<i128>() {
            Ok(number) if number >= i128::from(least) => text
                .parse()
                .map_err(|_| item.place.wrong(format_args!("`run.{name}` is too large: {text}"))),
            _ => Err(wrong(text)),
        },
        _ => Err(wrong(item.kind())),
    }
}

fn time(name: &str, item: &Item) -> Result<Duration> {
    let (text, place) = item.clone().text(&format!("`run.{name}`, a duration such as `30s`,"))?;
    duration::parse(&text).map_err(|error| place.wrong(format_args!("`run.{name}`: {}", error.message())))
}

/// A time that is not zero, or none.
fn limit(name: &str, item: &Item) -> Result<Option<Duration>> {
    if matches!(&item.value, Value::Text(text) if text == OFF) {
        return Ok(None);
    }
    match time(name, item)? {
        Duration::ZERO => Err(item.place.wrong(format_args!(
            "`run.{name}` is 0, so that nothing could ever run; write `\"{OFF}\"` for no limit"
        ))),
        most => Ok(Some(most)),
    }
}

fn stranger(name: &str) -> String {
    let (known, unknown, table): (&[&str], _, _) = match name.split_once('.') {
        Some((_, unknown)) => (&RETRY_KEYS, unknown, "run.retry"),
        None => (&KEYS, name, RUN),
    };
    match nearest(unknown, known.iter().copied()) {
        Some(near) => format!("there is no key `{unknown}` in `[{table}]`; did you mean `{near}`?"),
        None => format!(
            "there is no key `{unknown}` in `[{table}]`; there are {}",
            known.join(", ")
        ),
    }
}

/// The JSON schema of the table.
pub(super) fn schema() -> serde_json::Value {
    let duration = |description: &str| serde_json::json!({ "description": description, "type": "string" });
    serde_json::json!({
        "description": "How runs are executed; options of the command line go before it, and what an asset says itself too",
        "type": "object",
        "properties": {
            "max_concurrent": {
                "description": "How many steps run at once. Default: the number of cores",
                "type": "integer",
                "minimum": 1,
            },
            "executor": {
                "description": "Where steps are executed. Default in_process",
                "enum": Executor::ALL.map(|(name, _)| name),
            },
            "retries": {
                "description": "How often a computation that failed is tried again. Default 0",
                "type": "integer",
                "minimum": 0,
            },
            RETRY: { "$ref": "#/$defs/retry" },
            "step_timeout": duration("How long an attempt at a step may take, or `off`. Default off"),
            "timeout": duration("How long a run may take, or `off`. Default off"),
            LIMITS: {
                "description": "How many steps run at once of those that take a resource (`db`), or have a tag (`tag:team`, `tag:team=ops`)",
                "type": "object",
                "additionalProperties": { "type": "integer", "minimum": 1 },
            },
            "memory_budget": { "description": "Memory that steps may need together, such as `8GiB`. Default: no limit", "type": "string" },
        },
        "additionalProperties": false,
    })
}
